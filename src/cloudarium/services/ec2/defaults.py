"""The default VPC: one per account and region, made when the first call could see it.

https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html
"""

from __future__ import annotations

import ipaddress

from cloudarium.kernel.context import Context
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import building
from cloudarium.services.ec2.regions import zones
from cloudarium.services.ec2.resources import AccountNetwork, InternetGateway, Route, RouteTable, Subnet, Vpc

DEFAULT_CIDR = "172.31.0.0/16"
SUBNET_PREFIX = 20


def ensure_default_vpc(ctx: Context) -> None:
    """Give the account its default VPC in this region, once: a deleted one stays deleted."""
    table = ctx.table(AccountNetwork)
    if table.get(ctx.scope, AccountNetwork.NAME) is None:
        table.put(ctx.scope, AccountNetwork())
        make_default_vpc(ctx)


def make_default_vpc(ctx: Context) -> Vpc:
    """172.31.0.0/16 with a /20 subnet in each zone, an internet gateway, and a route to it in the main table."""
    vpc = building.new_vpc(ctx, DEFAULT_CIDR, is_default=True)
    blocks = ipaddress.IPv4Network(DEFAULT_CIDR).subnets(new_prefix=SUBNET_PREFIX)
    for zone, block in zip(zones(ctx.region), blocks, strict=False):
        building.new_subnet(ctx, vpc, str(block), zone, is_default=True)
    gateway = InternetGateway(internet_gateway_id=hex_id("igw"), vpc_id=vpc.vpc_id)
    ctx.table(InternetGateway).put(ctx.scope, gateway)
    main = building.main_route_table(ctx, vpc.vpc_id)
    routes = (*main.routes, Route("0.0.0.0/0", gateway.internet_gateway_id))
    ctx.table(RouteTable).put(ctx.scope, main.replace(routes=routes))
    return vpc


def default_vpc(ctx: Context) -> Vpc | None:
    """The default VPC if it is (still) there."""
    return next((vpc for vpc in ctx.table(Vpc).all(ctx.scope) if vpc.is_default), None)


def next_default_block(ctx: Context, vpc: Vpc) -> str | None:
    """The first /20 of the default VPC that no subnet touches, or None."""
    taken = [ipaddress.IPv4Network(subnet.cidr) for subnet in ctx.table(Subnet).find(ctx.scope, "vpc_id", vpc.vpc_id)]
    for block in ipaddress.IPv4Network(vpc.cidr).subnets(new_prefix=SUBNET_PREFIX):
        if not any(block.overlaps(other) for other in taken):
            return str(block)
    return None
