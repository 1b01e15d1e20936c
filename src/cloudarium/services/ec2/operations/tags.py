"""Tags of every resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Record
from cloudarium.services.ec2 import tags
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import invalid
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import KINDS, everything, find, kind_of_id, scope_of
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import PEERINGS, PeeringConnection, Tagged, Tags

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        ClientCreateTagsRequestTypeDef,
        ClientDeleteTagsRequestTypeDef,
        DescribeTagsRequestTypeDef,
    )

FILTERS = FilterSet(
    {"key": "Key", "resource-id": "ResourceId", "resource-type": "ResourceType", "value": "Value"}, tags=""
)

MAX_RESOURCES = 1000


@api
def create_tags(ctx: Context, request: ClientCreateTagsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html."""
    new = tags.parse(ctx, cast("list[dict[str, Any]]", request["Tags"]))
    for resource in _resources(ctx, list(request["Resources"])):
        _change(ctx, resource, lambda old: tags.merge(old, new))
    return {}


@api
def delete_tags(ctx: Context, request: ClientDeleteTagsRequestTypeDef) -> Answer:
    """Without ``Tags`` all go; a tag with a value goes only if it has that value.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html
    """
    going = request.get("Tags")
    for tag in going or ():
        tags.check_key(ctx, tag.get("Key") or "")
    for resource in _resources(ctx, list(request["Resources"])):
        _change(ctx, resource, lambda old: _without(old, going))
    return {}


def _without(old: Tags, going: Any) -> Tags:
    if not going:
        return tuple(tag for tag in old if tag[0].lower().startswith("aws:"))
    keys = {tag.get("Key") for tag in going if tag.get("Value") is None}
    pairs = {(tag.get("Key"), tag.get("Value")) for tag in going if tag.get("Value") is not None}
    return tuple(tag for tag in old if tag[0] not in keys and tag not in pairs)


def _resources(ctx: Context, ids: list[str]) -> list[Record]:
    if len(ids) > MAX_RESOURCES:
        raise invalid(f"The maximum number of resources in a request is {MAX_RESOURCES}")
    found = []
    for resource_id in dict.fromkeys(ids):
        kind = kind_of_id(resource_id)
        if kind is None:
            raise AwsError("InvalidID", f"The ID '{resource_id}' is not valid")
        found.append(find(ctx, kind.record, resource_id))
    return found


def _change(ctx: Context, resource: Record, change: Callable[[Tags], Tags]) -> None:
    if isinstance(resource, PeeringConnection):
        ctx.table(PeeringConnection).put(PEERINGS, retagged(ctx, resource, change))
    elif isinstance(resource, Tagged):
        new = resource.replace(tags=change(resource.tags))
        ctx.table(type(resource)).put(scope_of(ctx, type(resource)), new)


def retagged(ctx: Context, peering: PeeringConnection, change: Callable[[Tags], Tags]) -> PeeringConnection:
    """The connection with the caller's side's tags changed."""
    field = "requester" if peering.requester.scope == ctx.scope else "accepter"
    side = getattr(peering, field)
    side = type(side)(side.account, side.region, side.vpc_id, side.cidrs, change(side.tags), side.allow_remote_dns)
    return peering.replace(**{field: side})


def tags_of(ctx: Context, resource: Record) -> Tags:
    """The tags that the caller sees on a resource."""
    if isinstance(resource, PeeringConnection):
        side = resource.side(ctx.scope)
        return side.tags if side is not None else ()
    return resource.tags if isinstance(resource, Tagged) else ()


@api
def describe_tags(ctx: Context, request: DescribeTagsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html."""
    views = [
        {
            "Key": key,
            "ResourceId": str(getattr(resource, kind.record.KEY)),
            "ResourceType": kind.tag_type,
            "Value": value,
        }
        for kind in KINDS
        for resource in everything(ctx, kind.record)
        for key, value in tags_of(ctx, resource)
    ]
    filters = [
        part for each in cast("list[dict[str, Any]]", request.get("Filters") or []) for part in _key_and_value(each)
    ]
    return page(FILTERS.apply(views, filters), request, "Tags", least=5)


def _key_and_value(each: dict[str, Any]) -> list[dict[str, Any]]:
    """``tag:<key>`` names key and value together."""
    name = each.get("Name") or ""
    if not name.startswith("tag:"):
        return [each]
    return [{"Name": "key", "Values": [name[4:]]}, {"Name": "value", "Values": each.get("Values")}]
