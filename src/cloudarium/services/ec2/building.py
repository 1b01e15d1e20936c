"""VPCs and subnets with everything AWS makes along with them; shared by the operations and the default VPC."""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2.names import AMAZON_DNS, internal_domain
from cloudarium.services.ec2.regions import Zone
from cloudarium.services.ec2.resources import (
    CidrAssociation,
    DhcpOptions,
    NaclAssociation,
    NaclEntry,
    NetworkAcl,
    Route,
    RouteTable,
    RouteTableAssociation,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Tags,
    Vpc,
)

LAST_ENTRY = 32767
"""The number of the entry that denies whatever no other one matched; shown as ``*`` in the console."""


def new_vpc(
    ctx: Context,
    cidr: str,
    *,
    tenancy: str = "default",
    is_default: bool = False,
    tags: Tags = (),
) -> Vpc:
    """A VPC with its main route table, default network ACL and default security group.

    https://docs.aws.amazon.com/vpc/latest/userguide/create-vpc.html
    """
    vpc = Vpc(
        vpc_id=hex_id("vpc"),
        cidrs=(CidrAssociation(hex_id("vpc-cidr-assoc"), cidr),),
        dhcp_options_id=default_dhcp_options(ctx).dhcp_options_id,
        tenancy=tenancy,
        is_default=is_default,
        dns_hostnames=is_default,
        tags=tags,
    )
    ctx.table(Vpc).put(ctx.scope, vpc)
    main = RouteTable(
        route_table_id=hex_id("rtb"),
        vpc_id=vpc.vpc_id,
        routes=(local_route(cidr),),
        associations=(RouteTableAssociation(hex_id("rtbassoc"), main=True),),
    )
    ctx.table(RouteTable).put(ctx.scope, main)
    acl = NetworkAcl(
        network_acl_id=hex_id("acl"),
        vpc_id=vpc.vpc_id,
        entries=(*default_entries(allow=True), *default_entries(allow=False)),
        is_default=True,
    )
    ctx.table(NetworkAcl).put(ctx.scope, acl)
    group = SecurityGroup(
        group_id=hex_id("sg"), vpc_id=vpc.vpc_id, name="default", description="default VPC security group"
    )
    ctx.table(SecurityGroup).put(ctx.scope, group)
    rules = ctx.table(SecurityGroupRule)
    from_itself = everything_rule(
        group.group_id,
        is_egress=False,
        referenced_group_id=group.group_id,
        referenced_user_id=ctx.account,
        referenced_vpc_id=vpc.vpc_id,
    )
    rules.put(ctx.scope, from_itself)
    rules.put(ctx.scope, everything_rule(group.group_id, is_egress=True, cidr_ipv4="0.0.0.0/0"))
    return vpc


def new_subnet(
    ctx: Context,
    vpc: Vpc,
    cidr: str,
    zone: Zone,
    *,
    is_default: bool = False,
    tags: Tags = (),
) -> Subnet:
    """A subnet, associated with its VPC's default network ACL; default subnets give public addresses at launch."""
    subnet = Subnet(
        subnet_id=hex_id("subnet"),
        vpc_id=vpc.vpc_id,
        cidr=cidr,
        zone=zone.name,
        zone_id=zone.zone_id,
        is_default=is_default,
        public_ip_on_launch=is_default,
        tags=tags,
    )
    ctx.table(Subnet).put(ctx.scope, subnet)
    acl = default_acl(ctx, vpc.vpc_id)
    association = NaclAssociation(hex_id("aclassoc"), subnet.subnet_id)
    ctx.table(NetworkAcl).put(ctx.scope, acl.replace(associations=(*acl.associations, association)))
    return subnet


def local_route(cidr: str) -> Route:
    """The route of a VPC's own block, in each of its tables."""
    return Route(cidr, "local", "CreateRouteTable")


def default_entries(*, allow: bool) -> tuple[NaclEntry, NaclEntry]:
    """Egress and ingress: entry 100 that lets everything pass, or the last one that stops it."""
    number, action = (100, "allow") if allow else (LAST_ENTRY, "deny")
    return (
        NaclEntry(number, True, "-1", action, cidr="0.0.0.0/0"),
        NaclEntry(number, False, "-1", action, cidr="0.0.0.0/0"),
    )


def everything_rule(group_id: str, *, is_egress: bool, **peer: str) -> SecurityGroupRule:
    """A rule for all protocols and ports with a peer."""
    return SecurityGroupRule(
        rule_id=hex_id("sgr"),
        group_id=group_id,
        is_egress=is_egress,
        protocol="-1",
        from_port=-1,
        to_port=-1,
        **peer,  # type: ignore[arg-type]
    )


def default_dhcp_options(ctx: Context) -> DhcpOptions:
    """The options that AWS provides for an account and region, made the first time."""
    table = ctx.table(DhcpOptions)
    for options in table.all(ctx.scope):
        if options.is_default:
            return options
    made = DhcpOptions(
        dhcp_options_id=hex_id("dopt"),
        configurations=(
            ("domain-name", (internal_domain(ctx.region),)),
            ("domain-name-servers", (AMAZON_DNS,)),
        ),
        is_default=True,
    )
    table.put(ctx.scope, made)
    return made


def default_acl(ctx: Context, vpc_id: str) -> NetworkAcl:
    """The network ACL of subnets that have no other."""
    return next(acl for acl in ctx.table(NetworkAcl).find(ctx.scope, "vpc_id", vpc_id) if acl.is_default)


def default_group(ctx: Context, vpc_id: str) -> SecurityGroup:
    """The security group of interfaces that name none."""
    return next(
        group for group in ctx.table(SecurityGroup).find(ctx.scope, "vpc_id", vpc_id) if group.name == "default"
    )


def main_route_table(ctx: Context, vpc_id: str) -> RouteTable:
    """The table that routes for subnets without one of their own."""
    return next(table for table in ctx.table(RouteTable).find(ctx.scope, "vpc_id", vpc_id) if table.is_main)
