"""Secondary private addresses of network interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ec2 import interfaces, public_ips
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import combination, invalid, missing, refuse
from cloudarium.services.ec2.lookup import find
from cloudarium.services.ec2.resources import Address, NetworkInterface

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AssignPrivateIpAddressesRequestTypeDef,
        UnassignPrivateIpAddressesRequestTypeDef,
    )


@api(partial="prefixes are refused")
def assign_private_ip_addresses(ctx: Context, request: AssignPrivateIpAddressesRequestTypeDef) -> Answer:
    """``AllowReassignment`` moves addresses that other interfaces have as secondary ones.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssignPrivateIpAddresses.html
    """
    refuse(request, "Ipv4Prefixes", "Ipv4PrefixCount")
    interface = find(ctx, NetworkInterface, request["NetworkInterfaceId"])
    interfaces.require_own(ctx, interface, "modify")
    wanted = request.get("PrivateIpAddresses") or []
    count = request.get("SecondaryPrivateIpAddressCount") or 0
    if wanted and count:
        raise combination("secondaryPrivateIpAddressCount cannot be used with privateIpAddresses")
    if not wanted and not count:
        raise missing("privateIpAddresses or secondaryPrivateIpAddressCount")
    subnet = interfaces.subnet_of(ctx, interface)
    if request.get("AllowReassignment"):
        for ip in wanted:
            _take_from_other(ctx, interface, ip)
    used = interfaces.taken_addresses(ctx, subnet)
    # Assigning an address that the interface already has changes nothing.
    coming = [ip for ip in dict.fromkeys(wanted) if ip not in interface.private_ips]
    interfaces.check_count(len(interface.private_ips), len(coming) or count)
    new = [interfaces.claim(subnet, ip, used) for ip in coming]
    new += [interfaces.pick(subnet, used) for _ in range(count)]
    ctx.table(NetworkInterface).put(ctx.scope, interface.replace(private_ips=(*interface.private_ips, *new)))
    return {
        "NetworkInterfaceId": interface.network_interface_id,
        "AssignedPrivateIpAddresses": [{"PrivateIpAddress": ip} for ip in new],
    }


def _take_from_other(ctx: Context, interface: NetworkInterface, ip: str) -> None:
    for other in ctx.table(NetworkInterface).find(ctx.scope, "private_ips", ip):
        if other.vpc_id != interface.vpc_id or other.network_interface_id == interface.network_interface_id:
            continue
        if other.private_ips[0] == ip:
            raise AwsError("InvalidIPAddress.InUse", f"Address {ip} is in use.")
        interfaces.require_own(ctx, other, "modify")
        _remove(ctx, other, (ip,))


@api
def unassign_private_ip_addresses(ctx: Context, request: UnassignPrivateIpAddressesRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UnassignPrivateIpAddresses.html."""
    refuse(request, "Ipv4Prefixes")
    interface = find(ctx, NetworkInterface, request["NetworkInterfaceId"])
    interfaces.require_own(ctx, interface, "modify")
    going = tuple(request.get("PrivateIpAddresses") or ())
    if not going:
        raise missing("privateIpAddresses")
    strange = [ip for ip in going if ip not in interface.private_ips[1:]]
    if strange:
        raise invalid(
            f"Some of {sorted(strange)} are not assigned to interface {interface.network_interface_id} as secondary "
            "private addresses"
        )
    _remove(ctx, interface, going)
    return {}


def _remove(ctx: Context, interface: NetworkInterface, going: tuple[str, ...]) -> None:
    for address in ctx.table(Address).find(ctx.scope, "network_interface_id", interface.network_interface_id):
        if address.private_ip in going:
            ctx.table(Address).put(ctx.scope, public_ips.disassociated(address))
    left = tuple(ip for ip in interface.private_ips if ip not in going)
    ctx.table(NetworkInterface).put(ctx.scope, interface.replace(private_ips=left))
