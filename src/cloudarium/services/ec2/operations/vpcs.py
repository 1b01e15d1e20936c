"""Create, read, change and delete VPCs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.kernel.store import Record
from cloudarium.services.ec2 import building, cidr, defaults, limits, tags
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import dependency, invalid, missing, refuse
from cloudarium.services.ec2.filters import FilterSet, nothing
from cloudarium.services.ec2.lookup import find, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import (
    NAT_ENDED,
    PEERINGS,
    CidrAssociation,
    InternetGateway,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    PeeringConnection,
    RouteTable,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
    VpcEndpoint,
)
from cloudarium.services.ec2.views.vpcs import cidr_view, vpc_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AssociateVpcCidrBlockRequestTypeDef,
        CreateDefaultVpcRequestTypeDef,
        CreateVpcRequestTypeDef,
        DeleteVpcRequestTypeDef,
        DescribeVpcAttributeRequestTypeDef,
        DescribeVpcsRequestTypeDef,
        DisassociateVpcCidrBlockRequestTypeDef,
        ModifyVpcAttributeRequestTypeDef,
        ModifyVpcTenancyRequestTypeDef,
    )

FILTERS = FilterSet(
    {
        "cidr": "CidrBlock",
        "cidrBlock": "CidrBlock",
        "cidr-block": "CidrBlock",
        "cidr-block-association.cidr-block": "CidrBlockAssociationSet[].CidrBlock",
        "cidr-block-association.association-id": "CidrBlockAssociationSet[].AssociationId",
        "cidr-block-association.state": "CidrBlockAssociationSet[].CidrBlockState.State",
        "dhcp-options-id": "DhcpOptionsId",
        "dhcpOptionsId": "DhcpOptionsId",
        "ipv6-cidr-block-association.ipv6-cidr-block": nothing,
        "ipv6-cidr-block-association.ipv6-pool": nothing,
        "ipv6-cidr-block-association.association-id": nothing,
        "ipv6-cidr-block-association.state": nothing,
        "is-default": "IsDefault",
        "isDefault": "IsDefault",
        "owner-id": "OwnerId",
        "state": "State",
        "vpc-id": "VpcId",
        "vpcId": "VpcId",
    }
)

_PRIVATE_RANGES = tuple(map(cidr.network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.19.0.0/16")))
_UNUSABLE = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")

_IPV6 = ("AmazonProvidedIpv6CidrBlock", "Ipv6CidrBlock", "Ipv6Pool", "Ipv6CidrBlockNetworkBorderGroup")
_IPAM = ("Ipv4IpamPoolId", "Ipv4NetmaskLength", "Ipv6IpamPoolId", "Ipv6NetmaskLength")


@api(partial="IPv6 blocks, IPAM pools and encryption controls are refused")
def create_vpc(ctx: Context, request: CreateVpcRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html."""
    refuse(request, *_IPV6, *_IPAM, "VpcEncryptionControl")
    if "CidrBlock" not in request:
        raise missing("cidrBlock")
    tenancy = request.get("InstanceTenancy", "default")
    if tenancy not in ("default", "dedicated"):
        raise invalid(f"Value ({tenancy}) for parameter instanceTenancy is invalid.")
    labels = tags.specified(ctx, request, "vpc")
    block = _vpc_block(request["CidrBlock"])
    count = ctx.table(Vpc).count(ctx.scope)
    limits.check(count + 1, limits.VPCS, "VpcLimitExceeded", "The maximum number of VPCs has been reached.")
    vpc = building.new_vpc(ctx, block, tenancy=tenancy, tags=labels)
    # The state in which AWS answers; by the next call the VPC is available.
    view = {**vpc_view(ctx, vpc), "State": "pending", "Ipv6CidrBlockAssociationSet": [], "Tags": tags.view(labels)}
    return {"Vpc": view}


def _vpc_block(text: str) -> str:
    block = cidr.parameter(text, "cidrBlock")
    if not 16 <= block.prefixlen <= 28 or cidr.overlapping(block, _UNUSABLE):
        raise AwsError("InvalidVpc.Range", f"The CIDR '{text}' is invalid.")
    return str(block)


@api(sees_vpcs=False)
def create_default_vpc(ctx: Context, request: CreateDefaultVpcRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateDefaultVpc.html."""
    defaults.ensure_default_vpc(ctx)
    if defaults.default_vpc(ctx) is not None:
        raise AwsError("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.")
    vpc = defaults.make_default_vpc(ctx)
    return {"Vpc": {**vpc_view(ctx, vpc), "State": "pending"}}


@api
def describe_vpcs(ctx: Context, request: DescribeVpcsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html."""
    views = [vpc_view(ctx, vpc) for vpc in select(ctx, Vpc, request.get("VpcIds"))]
    filters = request.get("Filters")
    return page(FILTERS.apply(views, filters) if filters else views, request, "Vpcs")


@api
def delete_vpc(ctx: Context, request: DeleteVpcRequestTypeDef) -> Answer:
    """Deletes what AWS made along with the VPC too; anything made since is a ``DependencyViolation``.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html
    """
    vpc = find(ctx, Vpc, request["VpcId"])
    if _has_dependents(ctx, vpc.vpc_id):
        raise dependency("vpc", vpc.vpc_id)
    scope, vpc_id = ctx.scope, vpc.vpc_id
    for table in ctx.table(RouteTable).find(scope, "vpc_id", vpc_id):
        ctx.table(RouteTable).delete(scope, table.route_table_id)
    for acl in ctx.table(NetworkAcl).find(scope, "vpc_id", vpc_id):
        ctx.table(NetworkAcl).delete(scope, acl.network_acl_id)
    for group in ctx.table(SecurityGroup).find(scope, "vpc_id", vpc_id):
        for rule in ctx.table(SecurityGroupRule).find(scope, "group_id", group.group_id):
            ctx.table(SecurityGroupRule).delete(scope, rule.rule_id)
        ctx.table(SecurityGroup).delete(scope, group.group_id)
    ctx.table(Vpc).delete(scope, vpc_id)
    return {"Return": True}


def _has_dependents(ctx: Context, vpc_id: str) -> bool:
    kinds: tuple[type[Record], ...] = (Subnet, InternetGateway, NetworkInterface, VpcEndpoint)
    if any(ctx.table(kind).find(ctx.scope, "vpc_id", vpc_id) for kind in kinds):
        return True
    if any(nat.state not in NAT_ENDED for nat in ctx.table(NatGateway).find(ctx.scope, "vpc_id", vpc_id)):
        return True
    peerings = ctx.table(PeeringConnection).find(PEERINGS, "vpc_ids", vpc_id)
    if any(peering.state in ("active", "provisioning") for peering in peerings):
        return True
    return (
        any(not table.is_main for table in ctx.table(RouteTable).find(ctx.scope, "vpc_id", vpc_id))
        or any(not acl.is_default for acl in ctx.table(NetworkAcl).find(ctx.scope, "vpc_id", vpc_id))
        or any(group.name != "default" for group in ctx.table(SecurityGroup).find(ctx.scope, "vpc_id", vpc_id))
    )


@api
def describe_vpc_attribute(ctx: Context, request: DescribeVpcAttributeRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcAttribute.html."""
    vpc = find(ctx, Vpc, request["VpcId"])
    values = {
        "enableDnsSupport": ("EnableDnsSupport", vpc.dns_support),
        "enableDnsHostnames": ("EnableDnsHostnames", vpc.dns_hostnames),
        "enableNetworkAddressUsageMetrics": ("EnableNetworkAddressUsageMetrics", vpc.usage_metrics),
    }
    attribute = request["Attribute"]
    if attribute not in values:
        raise invalid(f"Value ({attribute}) for parameter attribute is invalid. Unknown attribute.")
    name, value = values[attribute]
    return {"VpcId": vpc.vpc_id, name: {"Value": value}}


@api(partial="enableNetworkAddressUsageMetrics is kept and shown; no such metrics are published")
def modify_vpc_attribute(ctx: Context, request: ModifyVpcAttributeRequestTypeDef) -> Answer:
    """Takes one attribute a call, as AWS does.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcAttribute.html
    """
    vpc = find(ctx, Vpc, request["VpcId"])
    fields = {
        "EnableDnsSupport": "dns_support",
        "EnableDnsHostnames": "dns_hostnames",
        "EnableNetworkAddressUsageMetrics": "usage_metrics",
    }
    given = [name for name in fields if name in request]
    if len(given) != 1:
        raise AwsError(
            "InvalidParameterCombination" if given else "MissingParameter",
            "Fields for multiple attribute types specified"
            if given
            else "No attribute was specified; the request must contain one of enableDnsSupport, enableDnsHostnames, "
            "enableNetworkAddressUsageMetrics",
        )
    attribute = cast("dict[str, dict[str, bool]]", request)[given[0]]
    ctx.table(Vpc).put(ctx.scope, vpc.replace(**{fields[given[0]]: bool(attribute.get("Value", False))}))
    return {}


@api(partial="the tenancy is kept and shown; there are no instances it could apply to")
def modify_vpc_tenancy(ctx: Context, request: ModifyVpcTenancyRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcTenancy.html."""
    vpc = find(ctx, Vpc, request["VpcId"])
    if request["InstanceTenancy"] != "default":
        raise invalid(f"Value ({request['InstanceTenancy']}) for parameter instanceTenancy is invalid.")
    ctx.table(Vpc).put(ctx.scope, vpc.replace(tenancy="default"))
    return {"ReturnValue": True}


@api(partial="IPv6 blocks and IPAM pools are refused")
def associate_vpc_cidr_block(ctx: Context, request: AssociateVpcCidrBlockRequestTypeDef) -> Answer:
    """Adds a block, and its local route to every route table of the VPC.

    https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html#add-cidr-block-restrictions
    """
    refuse(request, *_IPV6, *_IPAM)
    vpc = find(ctx, Vpc, request["VpcId"])
    if "CidrBlock" not in request:
        raise missing("cidrBlock")
    block = _vpc_block(request["CidrBlock"])
    net = cidr.network(block)
    if cidr.overlapping(net, vpc.networks):
        raise AwsError("InvalidVpc.Range", f"The CIDR '{block}' conflicts with another CIDR of the VPC.")
    _check_range(net, cidr.network(vpc.cidr))
    _check_peers(ctx, vpc.vpc_id, net)
    limits.check(
        len(vpc.cidrs) + 1,
        limits.CIDRS_PER_VPC,
        "CidrLimitExceeded",
        f"This network '{vpc.vpc_id}' has met its maximum number of allowed CIDRs: {limits.CIDRS_PER_VPC}",
    )
    tables = ctx.table(RouteTable).find(ctx.scope, "vpc_id", vpc.vpc_id)
    for table in tables:
        for route in table.routes:
            if route.target != "local" and not route.destination.startswith("pl-"):
                existing = cidr.network(route.destination)
                if existing.subnet_of(net):
                    raise AwsError(
                        "InvalidVpc.Range", f"The CIDR '{block}' conflicts with a route in {table.route_table_id}."
                    )
    association = CidrAssociation(hex_id("vpc-cidr-assoc"), block)
    ctx.table(Vpc).put(ctx.scope, vpc.replace(cidrs=(*vpc.cidrs, association)))
    for table in tables:
        ctx.table(RouteTable).put(ctx.scope, table.replace(routes=(building.local_route(block), *table.routes)))
    return {"VpcId": vpc.vpc_id, "CidrBlockAssociation": {**cidr_view(association), "CidrBlockState": _ASSOCIATING}}


def _check_peers(ctx: Context, vpc_id: str, net: cidr.Network) -> None:
    """VPCs that are peered cannot come to overlap."""
    for peering in ctx.table(PeeringConnection).find(PEERINGS, "vpc_ids", vpc_id):
        for side in (peering.requester, peering.accepter):
            if peering.state in ("provisioning", "active") and side.vpc_id != vpc_id:
                peer = ctx.table(Vpc).get(side.scope, side.vpc_id)
                if peer is not None and cidr.overlapping(net, peer.networks):
                    raise AwsError(
                        "InvalidVpc.Range",
                        f"The CIDR '{net}' conflicts with a CIDR of {side.vpc_id}, which is peered by "
                        f"{peering.peering_id}.",
                    )


_ASSOCIATING = {"State": "associating"}


def _check_range(net: cidr.Network, primary: cidr.Network) -> None:
    private = next((each for each in _PRIVATE_RANGES if each.overlaps(net)), None)
    if private is not None and not private.overlaps(primary):
        raise AwsError(
            "InvalidVpc.Range",
            f"The CIDR '{net}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, "
            "or use a publicly-routable CIDR. For additional restrictions, see "
            "https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Subnets.html",
        )


@api
def disassociate_vpc_cidr_block(ctx: Context, request: DisassociateVpcCidrBlockRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateVpcCidrBlock.html."""
    association_id = request["AssociationId"]
    for vpc in ctx.table(Vpc).all(ctx.scope):
        found = next((each for each in vpc.cidrs if each.association_id == association_id), None)
        if found is not None:
            break
    else:
        raise AwsError(
            "InvalidVpcCidrBlockAssociationID.NotFound",
            f"The vpc CIDR block association ID '{association_id}' does not exist",
        )
    if found is vpc.cidrs[0]:
        raise AwsError(
            "OperationNotPermitted",
            f"The vpc CIDR block with association ID {association_id} may not be disassociated. "
            "It is the primary IPv4 CIDR block of the VPC",
        )
    net = cidr.network(found.cidr)
    if any(cidr.network(s.cidr).subnet_of(net) for s in ctx.table(Subnet).find(ctx.scope, "vpc_id", vpc.vpc_id)):
        raise AwsError(
            "InvalidCidr.InUse",
            f"The vpc CIDR block with association ID {association_id} is currently in use and may not be "
            "disassociated.",
        )
    ctx.table(Vpc).put(ctx.scope, vpc.replace(cidrs=tuple(each for each in vpc.cidrs if each is not found)))
    for table in ctx.table(RouteTable).find(ctx.scope, "vpc_id", vpc.vpc_id):
        routes = tuple(r for r in table.routes if (r.destination, r.target) != (found.cidr, "local"))
        ctx.table(RouteTable).put(ctx.scope, table.replace(routes=routes))
    view = {**cidr_view(found), "CidrBlockState": {"State": "disassociating"}}
    return {"VpcId": vpc.vpc_id, "CidrBlockAssociation": view}
