"""Tags of namespaces and services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.servicediscovery.lookup import refuse_reserved, tags_of
from cloudarium.services.servicediscovery.resources import MapService, Namespace

if TYPE_CHECKING:
    from types_boto3_servicediscovery.type_defs import (
        ListTagsForResourceRequestTypeDef,
        TagResourceRequestTypeDef,
        UntagResourceRequestTypeDef,
    )

_MOST = 50


def _resource(ctx: Context, arn: str) -> Namespace | MapService:
    id_ = arn.rpartition("/")[2]
    found: Namespace | MapService | None
    found = ctx.table(Namespace).get(ctx.scope, id_) or ctx.table(MapService).get(ctx.scope, id_)
    if found is None or found.arn != arn:
        raise AwsError("ResourceNotFoundException", f"Resource not found: {arn}", 400)
    return found


def _put(ctx: Context, resource: Namespace | MapService, tags: dict[str, str]) -> None:
    if isinstance(resource, Namespace):
        ctx.table(Namespace).put(ctx.scope, resource.replace(tags=tags))
    else:
        ctx.table(MapService).put(ctx.scope, resource.replace(tags=tags))


@operation
def tag_resource(ctx: Context, request: TagResourceRequestTypeDef) -> Answer:
    """Add or overwrite tags."""
    resource = _resource(ctx, request["ResourceARN"])
    tags = resource.tags | tags_of(ctx.principal, request["Tags"])
    if sum(not key.startswith("aws:") for key in tags) > _MOST:
        raise AwsError(
            "TooManyTagsException",
            f"A resource can have {_MOST} tags.",
            400,
            members={"ResourceName": request["ResourceARN"]},
        )
    _put(ctx, resource, tags)
    return {}


@operation
def untag_resource(ctx: Context, request: UntagResourceRequestTypeDef) -> Answer:
    """Remove tags."""
    resource = _resource(ctx, request["ResourceARN"])
    gone = set(request["TagKeys"])
    refuse_reserved(ctx.principal, gone)
    _put(ctx, resource, {key: value for key, value in resource.tags.items() if key not in gone})
    return {}


@operation
def list_tags_for_resource(ctx: Context, request: ListTagsForResourceRequestTypeDef) -> Answer:
    """The tags of a namespace or service."""
    resource = _resource(ctx, request["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in resource.tags.items()]}
