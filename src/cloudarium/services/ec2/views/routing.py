"""Route tables and internet gateways as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Context
from cloudarium.services.ec2 import tags
from cloudarium.services.ec2.resources import (
    PEERINGS,
    InternetGateway,
    NatGateway,
    NetworkInterface,
    PeeringConnection,
    Route,
    RouteTable,
    RouteTableAssociation,
    VpcEndpoint,
)

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        InternetGatewayTypeDef,
        RouteTableAssociationTypeDef,
        RouteTableTypeDef,
        RouteTypeDef,
    )


def route_table_view(ctx: Context, table: RouteTable) -> RouteTableTypeDef:
    """A route table. A route's state follows its target, so nothing here outlives the call."""
    return {
        "Associations": [association_view(table, each) for each in table.associations],
        "PropagatingVgws": [],
        "RouteTableId": table.route_table_id,
        "Routes": [route_view(ctx, table.vpc_id, each) for each in table.routes],
        "Tags": tags.view(table.tags),
        "VpcId": table.vpc_id,
        "OwnerId": ctx.account,
    }


def association_view(table: RouteTable, association: RouteTableAssociation) -> RouteTableAssociationTypeDef:
    """What a table routes for."""
    view: RouteTableAssociationTypeDef = {
        "Main": association.main,
        "RouteTableAssociationId": association.association_id,
        "RouteTableId": table.route_table_id,
        "AssociationState": {"State": "associated"},
    }
    if association.subnet_id:
        view["SubnetId"] = association.subnet_id
    if association.gateway_id:
        view["GatewayId"] = association.gateway_id
    return view


def route_view(ctx: Context, vpc_id: str, route: Route) -> RouteTypeDef:
    """A route with its state: ``blackhole`` when its target no longer leads anywhere."""
    view: RouteTypeDef = {
        "Origin": route.origin,  # type: ignore[typeddict-item]
        "State": "active" if leads_somewhere(ctx, vpc_id, route.target) else "blackhole",
    }
    if route.destination.startswith("pl-"):
        view["DestinationPrefixListId"] = route.destination
    else:
        view["DestinationCidrBlock"] = route.destination
    kind = route.target.partition("-")[0]
    if kind == "nat":
        view["NatGatewayId"] = route.target
    elif kind == "eni":
        view["NetworkInterfaceId"] = route.target
    elif kind == "pcx":
        view["VpcPeeringConnectionId"] = route.target
    else:
        view["GatewayId"] = route.target
    return view


def leads_somewhere(ctx: Context, vpc_id: str, target: str) -> bool:
    """Whether packets sent to a target can go on from there."""
    kind = target.partition("-")[0]
    if kind == "igw":
        gateway = ctx.table(InternetGateway).get(ctx.scope, target)
        return gateway is not None and gateway.vpc_id == vpc_id
    if kind == "nat":
        nat = ctx.table(NatGateway).get(ctx.scope, target)
        return nat is not None and nat.state in ("pending", "available")
    if kind == "eni":
        interface = ctx.table(NetworkInterface).get(ctx.scope, target)
        return interface is not None and interface.attachment is not None
    if kind == "pcx":
        peering = ctx.table(PeeringConnection).get(PEERINGS, target)
        return peering is not None and peering.state == "active"
    if kind == "vpce":
        return ctx.table(VpcEndpoint).get(ctx.scope, target) is not None
    return target == "local"


def internet_gateway_view(ctx: Context, gateway: InternetGateway) -> InternetGatewayTypeDef:
    """An internet gateway; an attached one is ``available``, a state the model's list lacks but AWS answers."""
    attachments = [{"State": "available", "VpcId": gateway.vpc_id}] if gateway.vpc_id else []
    return {
        "Attachments": attachments,  # type: ignore[typeddict-item]
        "InternetGatewayId": gateway.internet_gateway_id,
        "OwnerId": ctx.account,
        "Tags": tags.view(gateway.tags),
    }
