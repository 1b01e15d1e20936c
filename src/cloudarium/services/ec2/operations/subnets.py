"""Create, read, change and delete subnets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.ec2 import building, cidr, defaults, limits, tags
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import combination, dependency, invalid, missing, refuse
from cloudarium.services.ec2.filters import FilterSet, nothing
from cloudarium.services.ec2.lookup import find, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.regions import Zone, zones
from cloudarium.services.ec2.resources import (
    NAT_ENDED,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    RouteTable,
    Subnet,
    Vpc,
    VpcEndpoint,
)
from cloudarium.services.ec2.views.vpcs import subnet_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        CreateDefaultSubnetRequestTypeDef,
        CreateSubnetRequestTypeDef,
        DeleteSubnetRequestTypeDef,
        DescribeSubnetsRequestTypeDef,
        ModifySubnetAttributeRequestTypeDef,
    )

FILTERS = FilterSet(
    {
        "availability-zone": "AvailabilityZone",
        "availabilityZone": "AvailabilityZone",
        "availability-zone-id": "AvailabilityZoneId",
        "availabilityZoneId": "AvailabilityZoneId",
        "available-ip-address-count": "AvailableIpAddressCount",
        "cidr-block": "CidrBlock",
        "cidr": "CidrBlock",
        "cidrBlock": "CidrBlock",
        "customer-owned-ipv4-pool": nothing,
        "default-for-az": "DefaultForAz",
        "defaultForAz": "DefaultForAz",
        "enable-dns64": "EnableDns64",
        "enable-lni-at-device-index": nothing,
        "ipv6-cidr-block-association.ipv6-cidr-block": nothing,
        "ipv6-cidr-block-association.association-id": nothing,
        "ipv6-cidr-block-association.state": nothing,
        "ipv6-native": "Ipv6Native",
        "map-customer-owned-ip-on-launch": "MapCustomerOwnedIpOnLaunch",
        "map-public-ip-on-launch": "MapPublicIpOnLaunch",
        "outpost-arn": nothing,
        "owner-id": "OwnerId",
        "private-dns-name-options-on-launch.hostname-type": "PrivateDnsNameOptionsOnLaunch.HostnameType",
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record": (
            "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord"
        ),
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": (
            "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord"
        ),
        "state": "State",
        "subnet-arn": "SubnetArn",
        "subnet-id": "SubnetId",
        "subnetId": "SubnetId",
        "vpc-id": "VpcId",
        "vpcId": "VpcId",
    }
)


@api(partial="IPv6 blocks, IPAM pools and Outposts are refused")
def create_subnet(ctx: Context, request: CreateSubnetRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html."""
    refuse(request, "Ipv6CidrBlock", "Ipv6Native", "OutpostArn", "Ipv4IpamPoolId", "Ipv4NetmaskLength")
    refuse(request, "Ipv6IpamPoolId", "Ipv6NetmaskLength")
    labels = tags.specified(ctx, request, "subnet")
    vpc = find(ctx, Vpc, request["VpcId"])
    if "CidrBlock" not in request:
        raise missing("cidrBlock")
    block = cidr.parameter(request["CidrBlock"], "cidrBlock")
    inside = any(block.subnet_of(cidr.network(each)) for each in vpc.networks)
    if not 16 <= block.prefixlen <= 28 or not inside:
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{request['CidrBlock']}' is invalid.")
    others = ctx.table(Subnet).find(ctx.scope, "vpc_id", vpc.vpc_id)
    if cidr.overlapping(block, [each.cidr for each in others]):
        raise AwsError("InvalidSubnet.Conflict", f"The CIDR '{request['CidrBlock']}' conflicts with another subnet")
    limits.check(
        len(others) + 1,
        limits.SUBNETS_PER_VPC,
        "SubnetLimitExceeded",
        "The maximum number of subnets has been reached.",
    )
    zone = _zone(ctx, request.get("AvailabilityZone"), request.get("AvailabilityZoneId"), "subnet")
    subnet = building.new_subnet(ctx, vpc, str(block), zone, tags=labels)
    return {"Subnet": {**subnet_view(ctx, subnet), "Tags": tags.view(labels)}}


def _zone(ctx: Context, name: str | None, zone_id: str | None, parameter: str) -> Zone:
    known = zones(ctx.region)
    if name and zone_id:
        raise combination("Only one of availabilityZone and availabilityZoneId may be specified.")
    if not name and not zone_id:
        return known[0]
    for zone in known:
        if zone.name == name or zone.zone_id == zone_id:
            return zone
    listing = ", ".join(zone.name if name else zone.zone_id for zone in known)
    which = "availabilityZone" if name else "availabilityZoneId"
    raise invalid(
        f"Value ({name or zone_id}) for parameter {which} is invalid. "
        f"Subnets can currently only be created in the following availability zones: {listing}."
    )


@api
def create_default_subnet(ctx: Context, request: CreateDefaultSubnetRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateDefaultSubnet.html."""
    refuse(request, "Ipv6Native")
    zone = _zone(ctx, request.get("AvailabilityZone"), request.get("AvailabilityZoneId"), "default subnet")
    vpc = defaults.default_vpc(ctx)
    if vpc is None:
        raise AwsError("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
    for subnet in ctx.table(Subnet).find(ctx.scope, "vpc_id", vpc.vpc_id):
        if subnet.is_default and subnet.zone == zone.name:
            raise AwsError(
                "DefaultSubnetAlreadyExistsInAvailabilityZone",
                f"'{subnet.subnet_id}' is already the default subnet in {zone.name}.",
            )
    block = defaults.next_default_block(ctx, vpc)
    if block is None:
        raise AwsError("InsufficientFreeAddressesInVpc", f"Insufficient free Addresses in VPC '{vpc.vpc_id}'.")
    return {"Subnet": subnet_view(ctx, building.new_subnet(ctx, vpc, block, zone, is_default=True))}


@api
def describe_subnets(ctx: Context, request: DescribeSubnetsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html."""
    views = [subnet_view(ctx, subnet) for subnet in select(ctx, Subnet, request.get("SubnetIds"))]
    return page(FILTERS.apply(views, request.get("Filters")), request, "Subnets")


@api
def delete_subnet(ctx: Context, request: DeleteSubnetRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html."""
    subnet = find(ctx, Subnet, request["SubnetId"])
    scope, subnet_id = ctx.scope, subnet.subnet_id
    nats = ctx.table(NatGateway).find(scope, "subnet_id", subnet_id)
    if (
        ctx.table(NetworkInterface).find(scope, "subnet_id", subnet_id)
        or ctx.table(VpcEndpoint).find(scope, "subnet_ids", subnet_id)
        or any(nat.state not in NAT_ENDED for nat in nats)
    ):
        raise dependency("subnet", subnet_id)
    for table in ctx.table(RouteTable).find(scope, "associated_ids", subnet_id):
        left = tuple(each for each in table.associations if each.subnet_id != subnet_id)
        ctx.table(RouteTable).put(scope, table.replace(associations=left))
    for acl in ctx.table(NetworkAcl).find(scope, "subnet_ids", subnet_id):
        kept = tuple(each for each in acl.associations if each.subnet_id != subnet_id)
        ctx.table(NetworkAcl).put(scope, acl.replace(associations=kept))
    ctx.table(Subnet).delete(scope, subnet_id)
    return {}


_BOOLEANS = {
    "MapPublicIpOnLaunch": "public_ip_on_launch",
    "EnableResourceNameDnsARecordOnLaunch": "dns_a_record",
}
_REFUSED = (
    "AssignIpv6AddressOnCreation",
    "EnableDns64",
    "EnableResourceNameDnsAAAARecordOnLaunch",
    "MapCustomerOwnedIpOnLaunch",
    "DisableLniAtDeviceIndex",
)


@api(partial="IPv6, DNS64, customer-owned addresses and local network interfaces are refused")
def modify_subnet_attribute(ctx: Context, request: ModifySubnetAttributeRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySubnetAttribute.html."""
    subnet = find(ctx, Subnet, request["SubnetId"])
    refuse(request, "CustomerOwnedIpv4Pool", "EnableLniAtDeviceIndex")
    changes: dict[str, Any] = {}
    for name, value in request.items():
        if name in _BOOLEANS and isinstance(value, dict):
            changes[_BOOLEANS[name]] = bool(value.get("Value", False))
        elif name == "PrivateDnsHostnameTypeOnLaunch":
            changes["hostname_type"] = value
        elif name in _REFUSED and isinstance(value, dict) and value.get("Value"):
            raise NotThere(f"The subnet attribute {name}")
    if len(changes) > 1:
        raise combination("Fields for multiple attribute types specified")
    if len(request.keys() - {"DryRun"}) < 2:
        raise missing("attribute")
    if changes:
        ctx.table(Subnet).put(ctx.scope, subnet.replace(**changes))
    return {}
