"""Route tables and what they are associated with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import building, limits, tags, tokens
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import dependency, invalid, missing, refuse
from cloudarium.services.ec2.filters import FilterSet, nothing
from cloudarium.services.ec2.lookup import find, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import (
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
    VpcEndpoint,
)
from cloudarium.services.ec2.views.routing import route_table_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AssociateRouteTableRequestTypeDef,
        CreateRouteTableRequestTypeDef,
        DeleteRouteTableRequestTypeDef,
        DescribeRouteTablesRequestTypeDef,
        DisassociateRouteTableRequestTypeDef,
        ReplaceRouteTableAssociationRequestTypeDef,
    )

FILTERS = FilterSet(
    {
        "association.gateway-id": "Associations[].GatewayId",
        "association.route-table-association-id": "Associations[].RouteTableAssociationId",
        "association.route-table-id": "Associations[].RouteTableId",
        "association.subnet-id": "Associations[].SubnetId",
        "association.main": "Associations[].Main",
        "owner-id": "OwnerId",
        "route-table-id": "RouteTableId",
        "route.destination-cidr-block": "Routes[].DestinationCidrBlock",
        "route.destination-ipv6-cidr-block": nothing,
        "route.destination-prefix-list-id": "Routes[].DestinationPrefixListId",
        "route.egress-only-internet-gateway-id": nothing,
        "route.gateway-id": "Routes[].GatewayId",
        "route.instance-id": nothing,
        "route.nat-gateway-id": "Routes[].NatGatewayId",
        "route.transit-gateway-id": nothing,
        "route.origin": "Routes[].Origin",
        "route.state": "Routes[].State",
        "route.vpc-peering-connection-id": "Routes[].VpcPeeringConnectionId",
        "vpc-id": "VpcId",
    }
)

_ASSOCIATED = {"State": "associated"}


@api
def create_route_table(ctx: Context, request: CreateRouteTableRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html."""
    labels = tags.specified(ctx, request, "route-table")
    vpc = find(ctx, Vpc, request["VpcId"])
    table = tokens.made_before(ctx, "CreateRouteTable", request, RouteTable)
    if table is None:
        count = len(ctx.table(RouteTable).find(ctx.scope, "vpc_id", vpc.vpc_id))
        limits.check(
            count + 1,
            limits.ROUTE_TABLES_PER_VPC,
            "RouteTableLimitExceeded",
            "The maximum number of route tables has been reached.",
        )
        table = RouteTable(
            route_table_id=hex_id("rtb"),
            vpc_id=vpc.vpc_id,
            routes=tuple(building.local_route(block) for block in vpc.networks),
            tags=labels,
        )
        ctx.table(RouteTable).put(ctx.scope, table)
        tokens.remember(ctx, "CreateRouteTable", request, table.route_table_id)
    answer: Answer = {"RouteTable": route_table_view(ctx, table)}
    if "ClientToken" in request:
        answer["ClientToken"] = request["ClientToken"]
    return answer


@api
def describe_route_tables(ctx: Context, request: DescribeRouteTablesRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html."""
    views = [route_table_view(ctx, table) for table in select(ctx, RouteTable, request.get("RouteTableIds"))]
    return page(FILTERS.apply(views, request.get("Filters")), request, "RouteTables")


@api
def delete_route_table(ctx: Context, request: DeleteRouteTableRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteRouteTable.html."""
    table = find(ctx, RouteTable, request["RouteTableId"])
    if table.associations or ctx.table(VpcEndpoint).find(ctx.scope, "route_table_ids", table.route_table_id):
        raise dependency("routeTable", table.route_table_id)
    ctx.table(RouteTable).delete(ctx.scope, table.route_table_id)
    return {}


@api(partial="associations with gateways (ingress routing) are refused")
def associate_route_table(ctx: Context, request: AssociateRouteTableRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html."""
    refuse(request, "GatewayId", "PublicIpv4Pool")
    table = find(ctx, RouteTable, request["RouteTableId"])
    if "SubnetId" not in request:
        raise missing("subnetId or gatewayId")
    subnet = find(ctx, Subnet, request["SubnetId"])
    _same_vpc(table, subnet)
    if ctx.table(RouteTable).find(ctx.scope, "associated_ids", subnet.subnet_id):
        raise AwsError(
            "Resource.AlreadyAssociated",
            f"the specified association for route table {table.route_table_id} conflicts with an existing association",
        )
    association = RouteTableAssociation(hex_id("rtbassoc"), subnet_id=subnet.subnet_id)
    ctx.table(RouteTable).put(ctx.scope, table.replace(associations=(*table.associations, association)))
    return {"AssociationId": association.association_id, "AssociationState": _ASSOCIATED}


def _same_vpc(table: RouteTable, subnet: Subnet) -> None:
    if table.vpc_id != subnet.vpc_id:
        raise invalid(f"route table {table.route_table_id} and subnet {subnet.subnet_id} belong to different networks")


@api
def disassociate_route_table(ctx: Context, request: DisassociateRouteTableRequestTypeDef) -> Answer:
    """The subnet falls back to the main table.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateRouteTable.html
    """
    table, association = _association(ctx, request["AssociationId"])
    if association.main:
        raise invalid(f"cannot disassociate the main route table association {association.association_id}")
    _without(ctx, table, association)
    return {}


@api
def replace_route_table_association(ctx: Context, request: ReplaceRouteTableAssociationRequestTypeDef) -> Answer:
    """Moves an association to another table, also the main one; it gets a new id.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRouteTableAssociation.html
    """
    old, association = _association(ctx, request["AssociationId"])
    new = find(ctx, RouteTable, request["RouteTableId"])
    if new.vpc_id != old.vpc_id:
        raise invalid(
            f"route table {new.route_table_id} and route table {old.route_table_id} belong to different networks"
        )
    if new.route_table_id != old.route_table_id:
        _without(ctx, old, association)
    else:
        new = new.replace(associations=tuple(each for each in new.associations if each != association))
    moved = RouteTableAssociation(hex_id("rtbassoc"), association.subnet_id, association.gateway_id, association.main)
    ctx.table(RouteTable).put(ctx.scope, new.replace(associations=(*new.associations, moved)))
    return {"NewAssociationId": moved.association_id, "AssociationState": _ASSOCIATED}


def _association(ctx: Context, association_id: str) -> tuple[RouteTable, RouteTableAssociation]:
    for table in ctx.table(RouteTable).find(ctx.scope, "association_ids", association_id):
        for association in table.associations:
            if association.association_id == association_id:
                return table, association
    raise AwsError("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")


def _without(ctx: Context, table: RouteTable, association: RouteTableAssociation) -> None:
    left = tuple(each for each in table.associations if each != association)
    ctx.table(RouteTable).put(ctx.scope, table.replace(associations=left))
