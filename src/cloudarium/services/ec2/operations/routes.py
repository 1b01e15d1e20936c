"""Routes: create, replace, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ec2 import cidr, limits
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import combination, invalid, missing, refuse
from cloudarium.services.ec2.lookup import find, not_found
from cloudarium.services.ec2.prefix_lists import find_prefix_list
from cloudarium.services.ec2.resources import (
    InternetGateway,
    NatGateway,
    NetworkInterface,
    PeeringConnection,
    Route,
    RouteTable,
    Vpc,
)

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        CreateRouteRequestTypeDef,
        DeleteRouteRequestTypeDef,
        ReplaceRouteRequestTypeDef,
    )

_TARGETS = ("GatewayId", "NatGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId", "InstanceId")
_REFUSED = (
    "DestinationIpv6CidrBlock",
    "VpcEndpointId",
    "TransitGatewayId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "EgressOnlyInternetGatewayId",
)
_PARTIAL = "IPv6 destinations and transit, local, carrier, egress-only and VPN gateways are refused"


@api(partial=_PARTIAL)
def create_route(ctx: Context, request: CreateRouteRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html."""
    refuse(request, *_REFUSED)
    table = find(ctx, RouteTable, request["RouteTableId"])
    destination = _destination(ctx, request)
    target = _target(ctx, table, request)
    if any(route.destination == destination for route in table.routes):
        raise AwsError("RouteAlreadyExists", f"The route identified by {destination} already exists.")
    _check_specific(ctx, table, destination, target)
    limits.check(
        len(table.routes) + 1,
        limits.ROUTES_PER_TABLE,
        "RouteLimitExceeded",
        "The maximum number of routes has been reached.",
    )
    _put(ctx, table, (*table.routes, Route(destination, target)))
    return {"Return": True}


@api(partial=_PARTIAL)
def replace_route(ctx: Context, request: ReplaceRouteRequestTypeDef) -> Answer:
    """``LocalTarget`` gives the route of the VPC's own block its original target back.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRoute.html
    """
    refuse(request, *_REFUSED)
    table = find(ctx, RouteTable, request["RouteTableId"])
    destination = _destination(ctx, request)
    old = _existing(table, destination)
    vpc = find(ctx, Vpc, table.vpc_id)
    if request.get("LocalTarget"):
        if destination not in vpc.networks:
            raise invalid(f"The destination {destination} has no local target.")
        new = Route(destination, "local", "CreateRouteTable")
    else:
        target = _target(ctx, table, request)
        _check_specific(ctx, table, destination, target)
        new = Route(destination, target, old.origin)
    _put(ctx, table, tuple(new if route is old else route for route in table.routes))
    return {}


@api
def delete_route(ctx: Context, request: DeleteRouteRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteRoute.html."""
    refuse(request, "DestinationIpv6CidrBlock")
    table = find(ctx, RouteTable, request["RouteTableId"])
    destination = _destination(ctx, request)
    old = _existing(table, destination)
    if old.target == "local":
        raise invalid(f"cannot remove local route {destination} in route table {table.route_table_id}")
    if old.target.startswith("vpce-"):
        raise invalid(f"cannot remove VPC endpoint route {old.target} in route table {table.route_table_id}")
    _put(ctx, table, tuple(route for route in table.routes if route is not old))
    return {}


def _existing(table: RouteTable, destination: str) -> Route:
    for route in table.routes:
        if route.destination == destination:
            return route
    kind = "destination-prefix-list-id" if destination.startswith("pl-") else "destination-cidr-block"
    raise AwsError("InvalidRoute.NotFound", f"no route with {kind} {destination} in route table {table.route_table_id}")


def _put(ctx: Context, table: RouteTable, routes: tuple[Route, ...]) -> None:
    ctx.table(RouteTable).put(ctx.scope, table.replace(routes=routes))


def _destination(ctx: Context, request: Any) -> str:
    block, prefix_list = request.get("DestinationCidrBlock"), request.get("DestinationPrefixListId")
    if block and prefix_list:
        raise combination(
            "The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock, "
            "destinationPrefixListId"
        )
    if prefix_list:
        return find_prefix_list(ctx, str(prefix_list)).prefix_list_id
    if not block:
        raise missing("destinationCidrBlock")
    return str(cidr.parameter(block, "destinationCidrBlock"))


def _target(ctx: Context, table: RouteTable, request: Any) -> str:
    """The id of the one target named, checked to belong to the table's VPC."""
    given = [name for name in _TARGETS if request.get(name)]
    if len(given) != 1:
        names = ", ".join(name[0].lower() + name[1:] for name in _TARGETS)
        raise combination(f"The request must contain exactly one of {names}")
    name, target = given[0], str(request[given[0]])
    if name == "GatewayId":
        return _gateway(ctx, table, target)
    if name == "NatGatewayId":
        nat = ctx.table(NatGateway).get(ctx.scope, target)
        if nat is None or nat.state == "deleted":
            raise AwsError("InvalidNatGatewayID.NotFound", f"The natGateway ID '{target}' does not exist")
        _same_vpc(table, nat.vpc_id, f"NAT gateway {target}")
    elif name == "NetworkInterfaceId":
        _same_vpc(table, find(ctx, NetworkInterface, target).vpc_id, f"interface {target}")
    elif name == "VpcPeeringConnectionId":
        peering = find(ctx, PeeringConnection, target)
        if table.vpc_id not in peering.vpc_ids or peering.state not in ("pending-acceptance", "provisioning", "active"):
            raise not_found(PeeringConnection, target)
    else:
        raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{target}' does not exist")
    return target


def _gateway(ctx: Context, table: RouteTable, target: str) -> str:
    gateway = ctx.table(InternetGateway).get(ctx.scope, target)
    if gateway is None:
        raise AwsError("InvalidGatewayID.NotFound", f"The gateway ID '{target}' does not exist")
    if gateway.vpc_id != table.vpc_id:
        raise invalid(f"route table {table.route_table_id} and network gateway {target} belong to different networks")
    return target


def _same_vpc(table: RouteTable, vpc_id: str, what: str) -> None:
    if vpc_id != table.vpc_id:
        raise invalid(f"route table {table.route_table_id} and {what} belong to different networks")


_RESERVED = cidr.network("169.254.168.0/22")
"""Addresses of AWS's services that each workload finds where it is: metadata, DNS, time."""


def _check_specific(ctx: Context, table: RouteTable, destination: str, target: str) -> None:
    """Inside the VPC's own blocks only an interface may be the target; to what is found locally nothing may lead.

    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
    """
    if destination.startswith("pl-"):
        return
    block = cidr.network(destination)
    if block.subnet_of(_RESERVED):
        raise invalid(f"The destination CIDR block {destination} is within {_RESERVED}, which is reserved.")
    if target.startswith("eni-"):
        return
    if any(block.subnet_of(cidr.network(own)) for own in find(ctx, Vpc, table.vpc_id).networks):
        raise invalid(
            f"The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR "
            "blocks. This route can target only an interface or an instance."
        )
