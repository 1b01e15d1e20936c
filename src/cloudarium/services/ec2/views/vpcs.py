"""VPCs, subnets and DHCP options as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Context
from cloudarium.services.ec2 import cidr, tags
from cloudarium.services.ec2.resources import CidrAssociation, DhcpOptions, NetworkInterface, Subnet, Vpc

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        DhcpOptionsTypeDef,
        SubnetTypeDef,
        VpcCidrBlockAssociationTypeDef,
        VpcTypeDef,
    )

_CACHE_LIMIT = 20_000
_vpcs: dict[str, tuple[Vpc, VpcTypeDef]] = {}
_subnets: dict[str, tuple[Subnet, int, SubnetTypeDef]] = {}


def vpc_view(ctx: Context, vpc: Vpc) -> VpcTypeDef:
    """A VPC. Rendered once per version of its record: DescribeVpcs is what everybody polls."""
    known = _vpcs.get(vpc.vpc_id)
    if known is not None and known[0] is vpc:
        return known[1]
    view: VpcTypeDef = {
        "OwnerId": ctx.account,
        "InstanceTenancy": vpc.tenancy,  # type: ignore[typeddict-item]
        "CidrBlockAssociationSet": [cidr_view(each) for each in vpc.cidrs],
        "IsDefault": vpc.is_default,
        "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
        "VpcId": vpc.vpc_id,
        "State": "available",
        "CidrBlock": vpc.cidr,
        "DhcpOptionsId": vpc.dhcp_options_id,
    }
    if vpc.tags:
        view["Tags"] = tags.view(vpc.tags)
    _remember(_vpcs, vpc.vpc_id, (vpc, view))
    return view


def cidr_view(association: CidrAssociation) -> VpcCidrBlockAssociationTypeDef:
    """A block of a VPC."""
    return {
        "AssociationId": association.association_id,
        "CidrBlock": association.cidr,
        "CidrBlockState": {"State": association.state},  # type: ignore[typeddict-item]
    }


def subnet_view(ctx: Context, subnet: Subnet) -> SubnetTypeDef:
    """A subnet with the count of addresses left in it."""
    free = cidr.capacity(subnet.cidr) - addresses_used(ctx, subnet.subnet_id)
    known = _subnets.get(subnet.subnet_id)
    if known is not None and known[0] is subnet and known[1] == free:
        return known[2]
    view: SubnetTypeDef = {
        "AvailabilityZoneId": subnet.zone_id,
        "MapCustomerOwnedIpOnLaunch": False,
        "OwnerId": ctx.account,
        "AssignIpv6AddressOnCreation": False,
        "Ipv6CidrBlockAssociationSet": [],
        "SubnetArn": ctx.arn("ec2", f"subnet/{subnet.subnet_id}"),
        "EnableDns64": False,
        "Ipv6Native": False,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": subnet.hostname_type,  # type: ignore[typeddict-item]
            "EnableResourceNameDnsARecord": subnet.dns_a_record,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
        "SubnetId": subnet.subnet_id,
        "State": "available",
        "VpcId": subnet.vpc_id,
        "CidrBlock": subnet.cidr,
        "AvailableIpAddressCount": free,
        "AvailabilityZone": subnet.zone,
        "DefaultForAz": subnet.is_default,
        "MapPublicIpOnLaunch": subnet.public_ip_on_launch,
    }
    if subnet.tags:
        view["Tags"] = tags.view(subnet.tags)
    _remember(_subnets, subnet.subnet_id, (subnet, free, view))
    return view


def addresses_used(ctx: Context, subnet_id: str) -> int:
    """Private addresses that interfaces of a subnet hold."""
    interfaces = ctx.table(NetworkInterface).find(ctx.scope, "subnet_id", subnet_id)
    return sum(len(interface.private_ips) for interface in interfaces)


def dhcp_view(ctx: Context, options: DhcpOptions) -> DhcpOptionsTypeDef:
    """A set of DHCP options."""
    return {
        "OwnerId": ctx.account,
        "Tags": tags.view(options.tags),
        "DhcpOptionsId": options.dhcp_options_id,
        "DhcpConfigurations": [
            {"Key": key, "Values": [{"Value": value} for value in values]} for key, values in options.configurations
        ],
    }


def _remember(cache: dict[str, Any], key: str, entry: object) -> None:
    if len(cache) >= _CACHE_LIMIT:
        cache.clear()
    cache[key] = entry
