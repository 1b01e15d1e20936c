"""Network interfaces and public addresses as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Context
from cloudarium.services.ec2 import tags
from cloudarium.services.ec2.names import moment, private_dns, public_dns
from cloudarium.services.ec2.regions import zones
from cloudarium.services.ec2.resources import (
    Address,
    InterfaceAttachment,
    NetworkInterface,
    SecurityGroup,
    Vpc,
)

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AddressTypeDef,
        GroupIdentifierTypeDef,
        NetworkInterfaceAssociationTypeDef,
        NetworkInterfaceAttachmentTypeDef,
        NetworkInterfacePrivateIpAddressTypeDef,
        NetworkInterfaceTypeDef,
    )


def interface_view(ctx: Context, interface: NetworkInterface) -> NetworkInterfaceTypeDef:
    """A network interface with its public addresses and the names of its groups."""
    vpc = ctx.table(Vpc).get(ctx.scope, interface.vpc_id)
    named = vpc is not None and vpc.dns_hostnames
    found = ctx.table(Address).find(ctx.scope, "network_interface_id", interface.network_interface_id)
    public = {address.private_ip: association_view(ctx, address, named=named) for address in found}
    addresses: list[NetworkInterfacePrivateIpAddressTypeDef] = []
    for place, ip in enumerate(interface.private_ips):
        address: NetworkInterfacePrivateIpAddressTypeDef = {"Primary": place == 0, "PrivateIpAddress": ip}
        if named:
            address["PrivateDnsName"] = private_dns(ip, ctx.region)
        if ip in public:
            address["Association"] = public[ip]
        addresses.append(address)
    primary = interface.private_ips[0]
    view: NetworkInterfaceTypeDef = {
        "AvailabilityZone": interface.zone,
        "AvailabilityZoneId": next((z.zone_id for z in zones(ctx.region) if z.name == interface.zone), ""),
        "Description": interface.description,
        "Groups": group_views(ctx, interface.group_ids),
        "InterfaceType": interface.interface_type,  # type: ignore[typeddict-item]
        "Ipv6Addresses": [],
        "MacAddress": interface.mac,
        "NetworkInterfaceId": interface.network_interface_id,
        "OwnerId": ctx.account,
        "PrivateIpAddress": primary,
        "PrivateIpAddresses": addresses,
        "RequesterManaged": interface.requester_managed,
        "SourceDestCheck": interface.source_dest_check,
        "Status": interface.status,  # type: ignore[typeddict-item]
        "SubnetId": interface.subnet_id,
        "TagSet": tags.view(interface.tags),
        "VpcId": interface.vpc_id,
        "Operator": {"Managed": False},
    }
    if named:
        view["PrivateDnsName"] = private_dns(primary, ctx.region)
    if interface.requester_id:
        view["RequesterId"] = interface.requester_id
    if interface.attachment is not None:
        view["Attachment"] = attachment_view(interface.attachment)
    if primary in public:
        view["Association"] = public[primary]
    return view


def attachment_view(attachment: InterfaceAttachment) -> NetworkInterfaceAttachmentTypeDef:
    """What an interface is attached to."""
    view: NetworkInterfaceAttachmentTypeDef = {
        "AttachTime": moment(attachment.attach_time),
        "AttachmentId": attachment.attachment_id,
        "DeleteOnTermination": attachment.delete_on_termination,
        "DeviceIndex": attachment.device_index,
        "NetworkCardIndex": 0,
        "InstanceOwnerId": attachment.instance_owner_id,
        "Status": "attached",
    }
    if attachment.instance_id:
        view["InstanceId"] = attachment.instance_id
    return view


def group_views(ctx: Context, group_ids: tuple[str, ...]) -> list[GroupIdentifierTypeDef]:
    """Groups with their names."""
    table = ctx.table(SecurityGroup)
    found = ((group_id, table.get(ctx.scope, group_id)) for group_id in group_ids)
    return [{"GroupId": group_id, "GroupName": group.name if group is not None else ""} for group_id, group in found]


def association_view(ctx: Context, address: Address, *, named: bool) -> NetworkInterfaceAssociationTypeDef:
    """A public address of an interface; AWS's own ones have neither allocation nor association ids."""
    view: NetworkInterfaceAssociationTypeDef = {
        "IpOwnerId": address.service or ctx.account,
        "PublicDnsName": public_dns(address.public_ip, ctx.region) if named else "",
        "PublicIp": address.public_ip,
    }
    if not address.service:
        view["AllocationId"] = address.allocation_id
        view["AssociationId"] = address.association_id
    return view


def address_view(ctx: Context, address: Address) -> AddressTypeDef:
    """An Elastic IP address."""
    view: AddressTypeDef = {
        "AllocationId": address.allocation_id,
        "Domain": "vpc",
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": address.network_border_group,
        "PublicIp": address.public_ip,
    }
    if address.tags:
        view["Tags"] = tags.view(address.tags)
    if address.association_id:
        view["AssociationId"] = address.association_id
        view["NetworkInterfaceId"] = address.network_interface_id
        view["NetworkInterfaceOwnerId"] = ctx.account
        view["PrivateIpAddress"] = address.private_ip
    return view
