"""Service deployments and revisions: how rollouts went, and stopping one.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceDeployments.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, paging
from cloudarium.services.ecs.errors import invalid, service_not_found
from cloudarium.services.ecs.lookup import cluster_of, find_service
from cloudarium.services.ecs.resources import ServiceDeployment, ServiceRevision
from cloudarium.services.ecs.views import services as views

Request = Mapping[str, Any]

MOST_DESCRIBED = 20
_UNDER_WAY = ("PENDING", "IN_PROGRESS")


@operation()
def list_service_deployments(ctx: Context, request: Request) -> Answer:
    """A service's deployments, newest first."""
    parsed = arns.parse(request["service"])
    named = parsed.path[0] if parsed is not None and len(parsed.path) > 1 else None
    cluster = cluster_of(ctx, request.get("cluster") or named)
    service = find_service(ctx, cluster, request["service"])
    if service is None:
        raise service_not_found()
    states, window = request.get("status"), request.get("createdAt") or {}
    after, before = _seconds(window.get("after")), _seconds(window.get("before"))
    found = {
        each.arn: each
        for each in reversed(paging.by_age(ctx.table(ServiceDeployment).find(ctx.scope, "service_arn", service.arn)))
        if (not states or each.status in states)
        and (after is None or each.created >= after)
        and (before is None or each.created <= before)
    }
    some, token = paging.page(list(found), {**request, "createdAt": [after, before]})
    answer: Answer = {"serviceDeployments": [views.brief(found[each]) for each in some]}
    return {**answer, "nextToken": token} if token else answer


def _seconds(value: Any) -> float | None:
    if isinstance(value, datetime):
        return value.timestamp()
    return None if value is None else float(value)


@operation()
def describe_service_deployments(ctx: Context, request: Request) -> Answer:
    """Service deployments by ARN."""
    found, failures = _described(ctx, request["serviceDeploymentArns"], ServiceDeployment, "service deployments")
    return {"serviceDeployments": [views.service_deployment(ctx, each) for each in found], "failures": failures}


@operation()
def describe_service_revisions(ctx: Context, request: Request) -> Answer:
    """Service revisions by ARN."""
    found, failures = _described(ctx, request["serviceRevisionArns"], ServiceRevision, "service revisions")
    return {"serviceRevisions": [views.service_revision(each) for each in found], "failures": failures}


def _described(ctx: Context, wanted: list[str], kind: Any, what: str) -> tuple[list[Any], list[dict[str, str]]]:
    if not 1 <= len(wanted) <= MOST_DESCRIBED:
        raise invalid(f"You must specify 1 to {MOST_DESCRIBED} {what}.")
    found, failures = [], []
    for arn in dict.fromkeys(wanted):
        each = ctx.table(kind).get(ctx.scope, arn)
        if each is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(each)
    return found, failures


@operation()
def stop_service_deployment(ctx: Context, request: Request) -> Answer:
    """Ask for a rollout to be undone, or to be left as far as it has come."""
    each = ctx.table(ServiceDeployment).get(ctx.scope, request["serviceDeploymentArn"])
    if each is None:
        raise AwsError("ServiceDeploymentNotFoundException", "The service deploy ARN that you specified wasn't found.")
    if each.status not in _UNDER_WAY:
        raise AwsError("ConflictException", f"The service deployment cannot be stopped in the status {each.status}.")
    wanted = "STOP_REQUESTED" if request.get("stopType") == "ABORT" else "ROLLBACK_REQUESTED"
    ctx.table(ServiceDeployment).put(ctx.scope, each.replace(status=wanted, updated=ctx.clock.now()))
    return {"serviceDeploymentArn": each.arn}
