"""Services, deployments and task sets as the API shows them. Counts are counted from the live tasks."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from cloudarium.kernel.context import Context
from cloudarium.services.ecs import tagging
from cloudarium.services.ecs.paging import by_age
from cloudarium.services.ecs.resources import (
    Deployment,
    ServiceDeployment,
    ServiceRecord,
    ServiceRevision,
    Task,
    TaskSet,
)
from cloudarium.services.ecs.views.common import present, when


class Counts(NamedTuple):
    """Running and pending tasks per deployment (or task set)."""

    running: Counter[str]
    pending: Counter[str]


def counts(ctx: Context, service_key: str) -> Counts:
    """The live tasks of a service, counted once."""
    found = Counts(Counter(), Counter())
    for task in ctx.table(Task).find(ctx.scope, "live_service", service_key):
        if task.phase == "running":
            found.running[task.deployment_id] += 1
        elif task.phase == "pending":
            found.pending[task.deployment_id] += 1
    return found


def service(ctx: Context, each: ServiceRecord, *, tags: bool = True) -> dict[str, Any]:
    """A service."""
    now = counts(ctx, each.key)
    body = present(
        serviceArn=each.arn,
        serviceName=each.name,
        clusterArn=each.cluster_arn,
        loadBalancers=list(each.load_balancers),
        serviceRegistries=list(each.service_registries),
        status=each.status,
        desiredCount=each.desired_count,
        runningCount=now.running.total(),
        pendingCount=now.pending.total(),
        launchType=each.launch_type,
        capacityProviderStrategy=list(each.capacity_provider_strategy) or None,
        platformVersion=each.platform_version,
        platformFamily=each.platform_family,
        taskDefinition=each.task_definition,
        deploymentConfiguration=each.deployment_configuration,
        deployments=[deployment(one, now) for one in each.deployments],
        roleArn=each.role_arn,
        events=[{"id": one.id, "createdAt": when(one.created), "message": one.message} for one in each.events],
        createdAt=when(each.created),
        currentServiceDeployment=each.current_service_deployment,
        currentServiceRevisions=[_current(one, now) for one in each.deployments if one.revision],
        placementConstraints=list(each.placement_constraints),
        placementStrategy=list(each.placement_strategy),
        networkConfiguration=each.network_configuration or None,
        healthCheckGracePeriodSeconds=each.health_check_grace if each.grace_given or each.load_balancers else None,
        schedulingStrategy=each.scheduling_strategy,
        deploymentController={"type": each.deployment_controller},
        createdBy=each.created_by,
        enableECSManagedTags=each.enable_ecs_managed_tags,
        propagateTags=each.propagate_tags,
        enableExecuteCommand=each.enable_execute_command,
        availabilityZoneRebalancing=each.availability_zone_rebalancing,
        tags=tagging.shown(each.tags) if tags else None,
    )
    if each.deployment_controller != "ECS":
        sets = by_age(ctx.table(TaskSet).find(ctx.scope, "service_key", each.key))
        body["taskSets"] = [_task_set(one, now, tags=False) for one in sets]
    return body


def _current(each: Deployment, now: Counts) -> dict[str, Any]:
    return {
        "arn": each.revision,
        "requestedTaskCount": each.desired_count,
        "runningTaskCount": now.running[each.id],
        "pendingTaskCount": now.pending[each.id],
    }


def deployment(each: Deployment, now: Counts) -> dict[str, Any]:
    """A deployment of a service."""
    return present(
        id=each.id,
        status=each.status,
        taskDefinition=each.task_definition,
        desiredCount=each.desired_count,
        pendingCount=now.pending[each.id],
        runningCount=now.running[each.id],
        failedTasks=each.failed_tasks,
        createdAt=when(each.created),
        updatedAt=when(each.updated),
        launchType=each.launch_type,
        capacityProviderStrategy=list(each.capacity_provider_strategy) or None,
        platformVersion=each.platform_version,
        platformFamily=each.platform_family,
        networkConfiguration=each.network_configuration or None,
        rolloutState=each.rollout_state,
        rolloutStateReason=each.rollout_state_reason,
    )


def task_set(ctx: Context, each: TaskSet, *, tags: bool = True) -> dict[str, Any]:
    """A task set."""
    return _task_set(each, counts(ctx, each.service_key), tags=tags)


def _task_set(each: TaskSet, now: Counts, *, tags: bool) -> dict[str, Any]:
    return present(
        id=each.id,
        taskSetArn=each.arn,
        serviceArn=each.service_arn,
        clusterArn=each.cluster_arn,
        startedBy=each.started_by,
        externalId=each.external_id,
        status=each.status,
        taskDefinition=each.task_definition,
        computedDesiredCount=each.computed_desired_count,
        pendingCount=now.pending[each.id],
        runningCount=now.running[each.id],
        createdAt=when(each.created),
        updatedAt=when(each.updated),
        launchType=each.launch_type,
        capacityProviderStrategy=list(each.capacity_provider_strategy) or None,
        platformVersion=each.platform_version,
        platformFamily=each.platform_family,
        networkConfiguration=each.network_configuration or None,
        loadBalancers=list(each.load_balancers),
        serviceRegistries=list(each.service_registries),
        scale={"value": each.scale, "unit": "PERCENT"},
        stabilityStatus=each.stability_status,
        stabilityStatusAt=when(each.stability_status_at),
        tags=tagging.shown(each.tags) if tags else [],
    )


def service_deployment(ctx: Context, each: ServiceDeployment) -> dict[str, Any]:
    """A service deployment."""
    owner = ctx.table(ServiceRecord).find(ctx.scope, "arn", each.service_arn)
    now = counts(ctx, owner[0].key) if owner else Counts(Counter(), Counter())
    by_revision = {one.revision: one for one in owner[0].deployments} if owner else {}

    def revision(arn: str, requested: int) -> dict[str, Any]:
        running = by_revision.get(arn)
        return {
            "arn": arn,
            "requestedTaskCount": requested,
            "runningTaskCount": now.running[running.id] if running is not None else 0,
            "pendingTaskCount": now.pending[running.id] if running is not None else 0,
        }

    return present(
        serviceDeploymentArn=each.arn,
        serviceArn=each.service_arn,
        clusterArn=each.cluster_arn,
        createdAt=when(each.created),
        startedAt=when(each.started),
        finishedAt=when(each.finished),
        stoppedAt=when(each.stopped),
        updatedAt=when(each.updated),
        sourceServiceRevisions=[revision(one["arn"], one["requestedTaskCount"]) for one in each.sources],
        targetServiceRevision=revision(each.target, each.requested_count),
        status=each.status,
        statusReason=each.status_reason,
        deploymentConfiguration=each.configuration,
        rollback=_rollback(each),
        deploymentCircuitBreaker=each.circuit_breaker or None,
        alarms=each.alarms or None,
    )


def _rollback(each: ServiceDeployment) -> dict[str, Any] | None:
    if not each.rollback:
        return None
    started = each.rollback.get("startedAt")
    return {**each.rollback, **({"startedAt": when(started)} if isinstance(started, int | float) else {})}


def brief(each: ServiceDeployment) -> dict[str, Any]:
    """A service deployment in a listing."""
    return present(
        serviceDeploymentArn=each.arn,
        serviceArn=each.service_arn,
        clusterArn=each.cluster_arn,
        startedAt=when(each.started),
        createdAt=when(each.created),
        finishedAt=when(each.finished),
        targetServiceRevisionArn=each.target,
        status=each.status,
        statusReason=each.status_reason,
    )


def service_revision(each: ServiceRevision) -> dict[str, Any]:
    """A service revision."""
    return present(
        serviceRevisionArn=each.arn,
        serviceArn=each.service_arn,
        clusterArn=each.cluster_arn,
        createdAt=when(each.created),
        containerImages=list(each.container_images) or None,
        guardDutyEnabled=False,
        **each.workload,
    )
