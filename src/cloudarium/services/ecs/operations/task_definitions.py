"""RegisterTaskDefinition, DescribeTaskDefinition, DeregisterTaskDefinition, DeleteTaskDefinitions and the listings.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, normal, paging, tagging
from cloudarium.services.ecs.errors import client, invalid
from cloudarium.services.ecs.lookup import find_definition
from cloudarium.services.ecs.resources import Family, TaskDefinition
from cloudarium.services.ecs.validation import definition as validation
from cloudarium.services.ecs.views.definitions import task_definition as shown

Request = Mapping[str, Any]

_PARTIAL = (
    "no EFS, FSx, S3 Files or EBS volumes, App Mesh proxy, accelerators, GPUs, gMSA, Windows, host pid and ipc modes, "
    "port ranges, docker security options, fault injection, image version consistency, and log drivers other than "
    "awslogs, awsfirelens, json-file; secretOptions for awsfirelens only; the size of ephemeral storage is not enforced"
)
MOST_DELETED = 10


@operation(partial=_PARTIAL)
def register_task_definition(ctx: Context, request: Request) -> Answer:
    """Store the next revision of a family."""
    size = len(msgspec.json.encode(request))
    validation.check(request, size)
    tags = tagging.parse(ctx.principal, request.get("tags"))
    name = request["family"]
    family = ctx.table(Family).get(ctx.scope, name) or Family(name=name)
    revision = family.last_revision + 1
    made = TaskDefinition(
        arn=arns.task_definition(ctx.scope, name, revision),
        family=name,
        revision=revision,
        definition=normal.definition(request),
        registered_at=ctx.clock.now(),
        registered_by=ctx.principal.arn,
        tags=tags,
    )
    ctx.table(TaskDefinition).put(ctx.scope, made)
    ctx.table(Family).put(ctx.scope, family.replace(last_revision=revision, active=family.active + 1, latest=revision))
    answer: Answer = {"taskDefinition": shown(made)}
    return {**answer, "tags": tagging.shown(tags)} if tags else answer


@operation()
def describe_task_definition(ctx: Context, request: Request) -> Answer:
    """One revision, or a family's latest ACTIVE one."""
    found = find_definition(ctx, request["taskDefinition"])
    if found is None:
        raise client("Unable to describe task definition.")
    answer: Answer = {"taskDefinition": shown(found)}
    if "TAGS" in (request.get("include") or ()):
        answer["tags"] = tagging.shown(found.tags)
    return answer


@operation()
def deregister_task_definition(ctx: Context, request: Request) -> Answer:
    """Make a revision INACTIVE: what runs of it goes on, nothing new is started."""
    text = request["taskDefinition"]
    if ":" not in text.rpartition("/")[2]:
        raise client("Revision is missing.")
    found = find_definition(ctx, text)
    if found is None:
        raise client("The specified task definition does not exist.")
    if found.status != "ACTIVE":
        raise client("The specified task definition is inactive. You can only deregister an active task definition.")
    changed = found.replace(status="INACTIVE", deregistered_at=ctx.clock.now())
    ctx.table(TaskDefinition).put(ctx.scope, changed)
    _recount(ctx, found.family, found.revision)
    return {"taskDefinition": shown(changed)}


def _recount(ctx: Context, name: str, gone: int) -> None:
    """Keep the family's latest ACTIVE revision true after ``gone`` left."""
    family = ctx.table(Family).get(ctx.scope, name)
    if family is None:
        return
    latest = family.latest
    if latest == gone:
        revisions = ctx.table(TaskDefinition).find(ctx.scope, "family", name)
        latest = max((each.revision for each in revisions if each.status == "ACTIVE"), default=0)
    ctx.table(Family).put(ctx.scope, family.replace(active=family.active - 1, latest=latest))


@operation()
def delete_task_definitions(ctx: Context, request: Request) -> Answer:
    """Delete INACTIVE revisions; one that something still uses stays DELETE_IN_PROGRESS until nothing does."""
    wanted = request["taskDefinitions"]
    if not wanted or len(wanted) > MOST_DELETED:
        raise invalid(f"You must specify 1 to {MOST_DELETED} task definitions to delete.")
    done, failures = [], []
    for text in dict.fromkeys(wanted):
        if ":" not in text.rpartition("/")[2]:
            raise invalid("Revision is missing.")
        found = find_definition(ctx, text)
        if found is None:
            failures.append({"arn": text, "reason": "The specified task definition does not exist."})
        elif found.status == "ACTIVE":
            reason = (
                "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
            )
            failures.append({"arn": found.arn, "reason": reason})
        else:
            at = found.delete_requested_at or ctx.clock.now()
            changed = found.replace(status="DELETE_IN_PROGRESS", delete_requested_at=at)
            done.append(shown(changed))
            ctx.table(TaskDefinition).put(ctx.scope, changed)
    return {"taskDefinitions": done, "failures": failures}


@operation()
def list_task_definitions(ctx: Context, request: Request) -> Answer:
    """ARNs by family, in the order of family and revision."""
    status = request.get("status") or "ACTIVE"
    family = request.get("familyPrefix")
    table = ctx.table(TaskDefinition)
    records = table.find(ctx.scope, "family", family) if family else table.all(ctx.scope)
    found = [each for each in records if each.status == status]
    found.sort(key=lambda each: (each.family, each.revision), reverse=request.get("sort") == "DESC")
    return paging.answer("taskDefinitionArns", [each.arn for each in found], request)


@operation()
def list_task_definition_families(ctx: Context, request: Request) -> Answer:
    """Families that have ACTIVE revisions, that have none, or all."""
    status, prefix = request.get("status") or "ACTIVE", request.get("familyPrefix") or ""
    found = [
        each.name
        for each in ctx.table(Family).all(ctx.scope)
        if each.name.startswith(prefix) and status in ("ALL", "ACTIVE" if each.active else "INACTIVE")
    ]
    return paging.answer("families", sorted(found), request)
