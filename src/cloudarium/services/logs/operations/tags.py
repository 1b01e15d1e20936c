"""Tags, through the older calls by group name and the newer ones by ARN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.logs import arns
from cloudarium.services.logs.errors import invalid, no_group, not_found
from cloudarium.services.logs.lookup import group_named
from cloudarium.services.logs.lookups.tables import LookupTable, parse_table
from cloudarium.services.logs.operations.lookup_tables import identified
from cloudarium.services.logs.resources import Destination, LogGroup
from cloudarium.services.logs.tagging import checked, without

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        ListTagsForResourceRequestTypeDef,
        ListTagsLogGroupRequestTypeDef,
        TagLogGroupRequestTypeDef,
        TagResourceRequestTypeDef,
        UntagLogGroupRequestTypeDef,
        UntagResourceRequestTypeDef,
    )


def _resource(ctx: Context, arn: str) -> LogGroup | Destination | LookupTable:
    if (parsed := arns.parse_group(arn)) is not None:
        if parsed[0] != ctx.scope:
            raise no_group()
        return group_named(ctx, parsed[1])
    if parse_table(arn) is not None:
        return identified(ctx, arn)
    start = arns.destination_arn(ctx.scope, "")
    if arn.startswith(start):
        destination = ctx.table(Destination).get(ctx.scope, arn[len(start) :])
        if destination is None:
            raise not_found("The specified resource does not exist.")
        return destination
    raise invalid(f"Invalid resource ARN: {arn}")


def _set(ctx: Context, resource: LogGroup | Destination | LookupTable, tags: Mapping[str, str]) -> Answer:
    ctx.table(type(resource)).put(ctx.scope, resource.replace(tags=dict(tags)))
    return {}


@operation()
def tag_resource(ctx: Context, request: TagResourceRequestTypeDef) -> Answer:
    """Add or overwrite tags of a group, destination or lookup table."""
    resource = _resource(ctx, request["resourceArn"])
    return _set(ctx, resource, checked(ctx.principal, resource.tags, request["tags"]))


@operation()
def untag_resource(ctx: Context, request: UntagResourceRequestTypeDef) -> Answer:
    """Remove tags; keys that are not there are passed over."""
    resource = _resource(ctx, request["resourceArn"])
    return _set(ctx, resource, without(ctx.principal, resource.tags, request["tagKeys"]))


@operation()
def list_tags_for_resource(ctx: Context, request: ListTagsForResourceRequestTypeDef) -> Answer:
    """Tags of a group, destination or lookup table."""
    return {"tags": _resource(ctx, request["resourceArn"]).tags}


@operation()
def tag_log_group(ctx: Context, request: TagLogGroupRequestTypeDef) -> Answer:
    """Add or overwrite tags of a group."""
    group = group_named(ctx, request["logGroupName"])
    return _set(ctx, group, checked(ctx.principal, group.tags, request["tags"]))


@operation()
def untag_log_group(ctx: Context, request: UntagLogGroupRequestTypeDef) -> Answer:
    """Remove tags of a group."""
    group = group_named(ctx, request["logGroupName"])
    return _set(ctx, group, without(ctx.principal, group.tags, request["tags"]))


@operation()
def list_tags_log_group(ctx: Context, request: ListTagsLogGroupRequestTypeDef) -> Answer:
    """Tags of a group."""
    return {"tags": group_named(ctx, request["logGroupName"]).tags}
