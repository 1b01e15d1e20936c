"""Resources by id: what an id looks like, and what AWS says when it is malformed or names nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Record, Scope
from cloudarium.services.ec2.resources import (
    PEERINGS,
    Address,
    DhcpOptions,
    InternetGateway,
    ManagedPrefixList,
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

R = TypeVar("R", bound=Record)

_BODY = re.compile(r"[0-9a-f]{8}(?:[0-9a-f]{9})?")


class Kind(NamedTuple):
    """How AWS names one kind of resource in ids, tags and errors."""

    record: type[Record]
    prefix: str
    tag_type: str
    """The resource type in TagSpecifications and DescribeTags."""
    not_found: str
    malformed: str
    sentence: str
    """The not-found message, ``{}`` standing for the id."""


KINDS: tuple[Kind, ...] = (
    Kind(Vpc, "vpc", "vpc", "InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "The vpc ID '{}' does not exist"),
    Kind(
        Subnet,
        "subnet",
        "subnet",
        "InvalidSubnetID.NotFound",
        "InvalidSubnetID.Malformed",
        "The subnet ID '{}' does not exist",
    ),
    Kind(
        RouteTable,
        "rtb",
        "route-table",
        "InvalidRouteTableID.NotFound",
        "InvalidRouteTableId.Malformed",
        "The routeTable ID '{}' does not exist",
    ),
    Kind(
        InternetGateway,
        "igw",
        "internet-gateway",
        "InvalidInternetGatewayID.NotFound",
        "InvalidInternetGatewayId.Malformed",
        "The internetGateway ID '{}' does not exist",
    ),
    Kind(
        NatGateway,
        "nat",
        "natgateway",
        "NatGatewayNotFound",
        "NatGatewayMalformed",
        "The Nat Gateway {} was not found",
    ),
    Kind(
        Address,
        "eipalloc",
        "elastic-ip",
        "InvalidAllocationID.NotFound",
        "InvalidAllocationID.Malformed",
        "The allocation ID '{}' does not exist",
    ),
    Kind(
        NetworkInterface,
        "eni",
        "network-interface",
        "InvalidNetworkInterfaceID.NotFound",
        "InvalidNetworkInterfaceId.Malformed",
        "The networkInterface ID '{}' does not exist",
    ),
    Kind(
        SecurityGroup,
        "sg",
        "security-group",
        "InvalidGroup.NotFound",
        "InvalidGroupId.Malformed",
        "The security group '{}' does not exist",
    ),
    Kind(
        SecurityGroupRule,
        "sgr",
        "security-group-rule",
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidSecurityGroupRuleId.Malformed",
        "The security group rule ID '{}' does not exist",
    ),
    Kind(
        NetworkAcl,
        "acl",
        "network-acl",
        "InvalidNetworkAclID.NotFound",
        "InvalidNetworkAclId.Malformed",
        "The networkAcl ID '{}' does not exist",
    ),
    Kind(
        VpcEndpoint,
        "vpce",
        "vpc-endpoint",
        "InvalidVpcEndpointId.NotFound",
        "InvalidVpcEndpointId.Malformed",
        "The Vpc Endpoint Id '{}' does not exist",
    ),
    Kind(
        PeeringConnection,
        "pcx",
        "vpc-peering-connection",
        "InvalidVpcPeeringConnectionID.NotFound",
        "InvalidVpcPeeringConnectionId.Malformed",
        "The vpcPeeringConnection ID '{}' does not exist",
    ),
    Kind(
        DhcpOptions,
        "dopt",
        "dhcp-options",
        "InvalidDhcpOptionID.NotFound",
        "InvalidDhcpOptionsId.Malformed",
        "The dhcpOption ID '{}' does not exist",
    ),
    Kind(
        ManagedPrefixList,
        "pl",
        "prefix-list",
        "InvalidPrefixListID.NotFound",
        "InvalidPrefixListId.Malformed",
        "The prefix list ID '{}' does not exist",
    ),
)

_BY_RECORD = {kind.record: kind for kind in KINDS}
_BY_PREFIX = {kind.prefix: kind for kind in KINDS}


def kind_of(record: type[Record]) -> Kind:
    """How AWS names resources of a record type."""
    return _BY_RECORD[record]


def kind_of_id(resource_id: str) -> Kind | None:
    """The kind an id's prefix stands for, or None."""
    return _BY_PREFIX.get(resource_id.rpartition("-")[0])


def check_id(record: type[Record], resource_id: str) -> None:
    """Raise AWS's error when the text cannot be an id of this kind."""
    kind = _BY_RECORD[record]
    prefix, _, body = resource_id.rpartition("-")
    if prefix != kind.prefix:
        raise AwsError(kind.malformed, f'Invalid id: "{resource_id}" (expecting "{kind.prefix}-...")')
    if not _BODY.fullmatch(body):
        raise AwsError(kind.malformed, f'Invalid id: "{resource_id}"')


def not_found(record: type[Record], resource_id: str) -> AwsError:
    """AWS's error for an id that names nothing."""
    kind = _BY_RECORD[record]
    return AwsError(kind.not_found, kind.sentence.format(resource_id))


def scope_of(ctx: Context, record: type[Record]) -> Scope:
    """Where records of this type live."""
    return PEERINGS if record is PeeringConnection else ctx.scope


def find(ctx: Context, record: type[R], resource_id: str) -> R:
    """The resource with this id; raises AWS's not-found or malformed error."""
    found = _visible(ctx, record, resource_id)
    if found is None:
        check_id(record, resource_id)
        raise not_found(record, resource_id)
    return found


def select(ctx: Context, record: type[R], ids: Sequence[str] | None) -> list[R]:
    """The resources with these ids in that order, or every one when no ids are given.

    Raises AWS's error when one is missing; several missing are named in one message, as AWS does.
    """
    if not ids:
        return everything(ctx, record)
    rows = []
    lost = []
    for resource_id in dict.fromkeys(ids):
        row = _visible(ctx, record, resource_id)
        if row is None:
            check_id(record, resource_id)
            lost.append(resource_id)
        else:
            rows.append(row)
    if lost:
        kind = _BY_RECORD[record]
        sentence = kind.sentence
        if len(lost) > 1:
            sentence = sentence.replace(" ID '", " IDs '").replace("does not", "do not")
        raise AwsError(kind.not_found, sentence.format(", ".join(lost)))
    return rows


def everything(ctx: Context, record: type[R]) -> list[R]:
    """Every resource of a kind that the caller's account and region can see."""
    rows = ctx.table(record).all(scope_of(ctx, record))
    if record is PeeringConnection:
        return [row for row in rows if cast(Any, row).side(ctx.scope) is not None]
    return rows


def find_all(ctx: Context, record: type[R], ids: Iterable[str]) -> list[R]:
    """``find`` for each id."""
    return [find(ctx, record, resource_id) for resource_id in ids]


def _visible(ctx: Context, record: type[R], resource_id: str) -> R | None:
    found = ctx.table(record).get(scope_of(ctx, record), resource_id)
    if record is PeeringConnection and found is not None and cast(Any, found).side(ctx.scope) is None:
        return None
    return found
