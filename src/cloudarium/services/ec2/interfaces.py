"""Network interfaces as all of EC2 uses them: by the API, by NAT gateways and endpoints, and by host processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import cidr, limits, public_ips
from cloudarium.services.ec2.building import default_group
from cloudarium.services.ec2.errors import invalid
from cloudarium.services.ec2.lookup import find, find_all
from cloudarium.services.ec2.names import mac_address
from cloudarium.services.ec2.resources import (
    Attachment,
    InterfaceAttachment,
    NetworkInterface,
    RouteTable,
    SecurityGroup,
    Subnet,
    Tags,
)


class Owner(NamedTuple):
    """An AWS service that keeps an interface for itself, as the API names it."""

    requester_id: str
    """What ``RequesterId`` and the attachment's ``InstanceOwnerId`` say, such as ``amazon-elb``."""
    interface_type: str = "interface"


def by_service(ctx: Context) -> bool:
    """Whether the caller is an AWS service that keeps interfaces for itself.

    CloudFormation is none: what it makes is the account's own, and it may do no more than the account may.
    """
    return ctx.principal.kind == "AWSService" and ctx.principal.arn != "cloudformation.amazonaws.com"


def create(
    ctx: Context,
    subnet: Subnet,
    *,
    group_ids: Sequence[str] | None = None,
    wanted: Sequence[str] = (),
    extra: int = 0,
    description: str = "",
    tags: Tags = (),
    interface_type: str = "interface",
) -> NetworkInterface:
    """An interface with ``wanted`` addresses (the first is primary; one is picked when none is) and ``extra`` more.

    ``group_ids`` None means the VPC's default group; an empty list no group at all.
    """
    used = taken_addresses(ctx, subnet)
    check_count(len(wanted) or 1, extra)
    ips = [claim(subnet, ip, used) for ip in wanted]
    for _ in range(extra if ips else extra + 1):
        ips.append(pick(subnet, used))
    limits.check(
        ctx.table(NetworkInterface).count(ctx.scope) + 1,
        limits.INTERFACES_PER_REGION,
        "NetworkInterfaceLimitExceeded",
        "The maximum number of network interfaces has been reached.",
    )
    interface = NetworkInterface(
        network_interface_id=hex_id("eni"),
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.subnet_id,
        zone=subnet.zone,
        private_ips=tuple(ips),
        mac=mac_address(subnet.zone),
        group_ids=groups_for(ctx, subnet, group_ids),
        description=description,
        interface_type=interface_type,
        tags=tags,
    )
    ctx.table(NetworkInterface).put(ctx.scope, interface)
    return interface


def keep_for(ctx: Context, interface: NetworkInterface, owner: Owner) -> NetworkInterface:
    """Mark an interface as in use by an AWS service: users see it and cannot touch it."""
    kept = interface.replace(
        requester_id=owner.requester_id,
        requester_managed=True,
        interface_type=owner.interface_type,
        source_dest_check=owner.interface_type != "nat_gateway",
        attachment=InterfaceAttachment(hex_id("ela-attach"), owner.requester_id, ctx.clock.now(), device_index=1),
    )
    ctx.table(NetworkInterface).put(ctx.scope, kept)
    return kept


def delete(ctx: Context, interface: NetworkInterface) -> None:
    """Remove an interface and what hangs on it."""
    public_ips.take_back(ctx, interface.network_interface_id)
    ctx.table(Attachment).delete(ctx.scope, interface.network_interface_id)
    ctx.table(NetworkInterface).delete(ctx.scope, interface.network_interface_id)


def require_own(ctx: Context, interface: NetworkInterface, verb: str) -> None:
    """Raise ``OperationNotPermitted`` when a user wants to change what an AWS service manages."""
    if interface.requester_managed and not by_service(ctx):
        raise AwsError(
            "OperationNotPermitted",
            f"You are not allowed to {verb} network interface '{interface.network_interface_id}', which is managed by "
            f"{interface.requester_id}.",
        )


# -- groups ------------------------------------------------------------------------------------------------------------


def groups_for(ctx: Context, subnet: Subnet, group_ids: Sequence[str] | None) -> tuple[str, ...]:
    """The groups of an interface in a subnet, checked; raises when one is of another VPC or there are too many."""
    if group_ids is None:
        return (default_group(ctx, subnet.vpc_id).group_id,)
    unique = tuple(dict.fromkeys(group_ids))
    limits.check(
        len(unique),
        limits.GROUPS_PER_INTERFACE,
        "SecurityGroupsPerInterfaceLimitExceeded",
        "The maximum number of security groups per interface has been reached.",
    )
    for group in find_all(ctx, SecurityGroup, unique):
        if group.vpc_id != subnet.vpc_id:
            raise AwsError(
                "InvalidParameter",
                f"Security group {group.group_id} and subnet {subnet.subnet_id} belong to different networks.",
            )
    return unique


# -- private addresses -------------------------------------------------------------------------------------------------


def check_count(held: int, more: int) -> None:
    """Raise when an interface that has ``held`` addresses cannot get ``more``; before any is looked for."""
    if more < 0:
        raise invalid(f"Value ({more}) for parameter secondaryPrivateIpAddressCount is invalid.")
    limits.check(
        held + more,
        limits.ADDRESSES_PER_INTERFACE,
        "PrivateIpAddressLimitExceeded",
        "Number of private addresses will exceed limit.",
    )


def taken_addresses(ctx: Context, subnet: Subnet) -> set[str]:
    """The private addresses in use in a subnet."""
    interfaces = ctx.table(NetworkInterface).find(ctx.scope, "subnet_id", subnet.subnet_id)
    return {ip for interface in interfaces for ip in interface.private_ips}


def claim(subnet: Subnet, wanted: str, used: set[str]) -> str:
    """Take a particular address of a subnet; raises when it lies outside, is reserved or in use."""
    ip = cidr.address(wanted, "address")
    if ip not in cidr.network(subnet.cidr):
        raise invalid("Address does not fall within the subnet's address range")
    if cidr.is_reserved(subnet.cidr, ip):
        raise invalid("Address is in subnet's reserved address range")
    if wanted in used:
        raise AwsError("InvalidIPAddress.InUse", f"Address {wanted} is in use.")
    used.add(wanted)
    return wanted


def pick(subnet: Subnet, used: set[str]) -> str:
    """Take any free address of a subnet; raises ``InsufficientFreeAddressesInSubnet``."""
    ip = cidr.free_address(subnet.cidr, used)
    if ip is None:
        raise AwsError(
            "InsufficientFreeAddressesInSubnet",
            "The specified subnet does not have enough free addresses to satisfy the request.",
        )
    used.add(ip)
    return ip


def subnet_of(ctx: Context, interface: NetworkInterface) -> Subnet:
    """The subnet an interface lives in."""
    return find(ctx, Subnet, interface.subnet_id)


def route_table_of(ctx: Context, subnet: Subnet) -> RouteTable:
    """The table in force for a subnet: its own, or the VPC's main one."""
    own = ctx.table(RouteTable).find(ctx.scope, "associated_ids", subnet.subnet_id)
    if own:
        return own[0]
    return next(table for table in ctx.table(RouteTable).find(ctx.scope, "vpc_id", subnet.vpc_id) if table.is_main)
