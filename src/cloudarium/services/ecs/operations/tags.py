"""TagResource, UntagResource, ListTagsForResource: of every kind of resource that has tags.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, tagging
from cloudarium.services.ecs.errors import cluster_not_found, invalid
from cloudarium.services.ecs.resources import (
    CapacityProvider,
    Cluster,
    ContainerInstance,
    ServiceRecord,
    Task,
    TaskDefinition,
    TaskSet,
)

Request = Mapping[str, Any]


class _Kind(NamedTuple):
    record: Any
    parts: int
    gone: tuple[str, ...] = ()


_KINDS = {
    "cluster": _Kind(Cluster, 1, ("INACTIVE",)),
    "capacity-provider": _Kind(CapacityProvider, 1),
    "task-definition": _Kind(TaskDefinition, 1),
    "task": _Kind(Task, 2),
    "service": _Kind(ServiceRecord, 2, ("INACTIVE",)),
    "container-instance": _Kind(ContainerInstance, 2, ("INACTIVE",)),
    "task-set": _Kind(TaskSet, 4),
}


def _found(ctx: Context, arn: str) -> Any:
    parsed = arns.parse(arn)
    kind = _KINDS.get(parsed.kind) if parsed is not None else None
    if parsed is None or kind is None or len(parsed.path) != kind.parts:
        raise invalid(f"Invalid resource ARN: {arn[:256]}" if arn.startswith("arn:") else "Invalid arn syntax.")
    if kind.record in (TaskDefinition, TaskSet):
        key = arn
    else:
        key = "/".join(parsed.path) if kind.record is ServiceRecord else parsed.name
    record = ctx.table(kind.record).get(ctx.scope, key)
    if record is None or record.arn != arn or getattr(record, "status", "") in kind.gone:
        if parsed.kind == "cluster":
            raise cluster_not_found()
        raise invalid(f"The specified {parsed.kind.replace('-', ' ')} is inactive or not found. Specify an active one.")
    return record


@operation()
def tag_resource(ctx: Context, request: Request) -> Answer:
    """Add tags, or change their values."""
    record = _found(ctx, request["resourceArn"])
    _put(ctx, record, tagging.parse(ctx.principal, request["tags"], record.tags))
    return {}


@operation()
def untag_resource(ctx: Context, request: Request) -> Answer:
    """Remove tags by key."""
    record = _found(ctx, request["resourceArn"])
    _put(ctx, record, tagging.without(ctx.principal, record.tags, request["tagKeys"]))
    return {}


@operation()
def list_tags_for_resource(ctx: Context, request: Request) -> Answer:
    """The tags of a resource."""
    return {"tags": tagging.shown(_found(ctx, request["resourceArn"]).tags)}


def _put(ctx: Context, record: Any, tags: dict[str, str]) -> None:
    ctx.table(type(record)).put(ctx.scope, record.replace(tags=tags))
