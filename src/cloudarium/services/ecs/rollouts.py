"""A new deployment of a service, from what its record says now: the deployment, its revision, and the record of it.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ecs import arns
from cloudarium.services.ecs.paging import by_age
from cloudarium.services.ecs.resources import Deployment, ServiceDeployment, ServiceRecord, ServiceRevision

KEEP = 25
"""Finished service deployments, and their revisions, that a service keeps."""


def begin(ctx: Context, service: ServiceRecord) -> ServiceRecord:
    """Make the service's present settings its PRIMARY deployment; what was PRIMARY becomes ACTIVE.

    Stores the revision and the service deployment; the service itself is the caller's to store.
    """
    now = ctx.clock.now()
    revision = _revision(ctx, service)
    before = service.primary
    record = ServiceDeployment(
        arn=arns.make(ctx.scope, "service-deployment", service.cluster, service.name, arns.new_id()[:21]),
        service_arn=service.arn,
        cluster_arn=service.cluster_arn,
        deployment_id=f"ecs-svc/{arns.digits(19)}",
        created=now,
        updated=now,
        target=revision.arn,
        requested_count=service.desired_count,
        sources=({"arn": before.revision, "requestedTaskCount": before.desired_count},) if before is not None else (),
        configuration=service.deployment_configuration,
        alarms=_alarms(service),
    )
    ctx.table(ServiceDeployment).put(ctx.scope, record)
    primary = Deployment(
        id=record.deployment_id,
        task_definition=service.task_definition,
        created=now,
        updated=now,
        desired_count=service.desired_count,
        launch_type=service.launch_type,
        capacity_provider_strategy=service.capacity_provider_strategy,
        platform_version=service.platform_version,
        platform_family=service.platform_family,
        network_configuration=service.network_configuration,
        load_balancers=service.load_balancers,
        service_registries=service.service_registries,
        placement_constraints=service.placement_constraints,
        placement_strategy=service.placement_strategy,
        enable_execute_command=service.enable_execute_command,
        revision=revision.arn,
        service_deployment=record.arn,
    )
    others = tuple(
        msgspec.structs.replace(each, status="ACTIVE") if each.status == "PRIMARY" else each
        for each in service.deployments
    )
    changed = service.replace(deployments=(primary, *others), current_service_deployment=record.arn)
    _forget_old(ctx, changed)
    return changed


def _revision(ctx: Context, service: ServiceRecord) -> ServiceRevision:
    workload: dict[str, Any] = {
        "taskDefinition": service.task_definition,
        "launchType": service.launch_type,
        "capacityProviderStrategy": list(service.capacity_provider_strategy),
        "platformVersion": service.platform_version,
        "platformFamily": service.platform_family,
        "loadBalancers": list(service.load_balancers),
        "serviceRegistries": list(service.service_registries),
        "networkConfiguration": service.network_configuration,
    }
    revision = ServiceRevision(
        arn=arns.make(ctx.scope, "service-revision", service.cluster, service.name, arns.digits(19)),
        service_arn=service.arn,
        cluster_arn=service.cluster_arn,
        created=ctx.clock.now(),
        workload={name: value for name, value in workload.items() if value},
    )
    ctx.table(ServiceRevision).put(ctx.scope, revision)
    return revision


def _alarms(service: ServiceRecord) -> dict[str, Any]:
    given = service.deployment_configuration.get("alarms") or {}
    if not given.get("enable"):
        return {"status": "DISABLED"}
    return {"status": "MONITORING", "alarmNames": list(given.get("alarmNames") or ())}


def _forget_old(ctx: Context, service: ServiceRecord) -> None:
    """Keep what is still rolled out and the newest of the rest."""
    table, revisions = ctx.table(ServiceDeployment), ctx.table(ServiceRevision)
    used = {each.service_deployment for each in service.deployments}
    needed = {each.revision for each in service.deployments}
    found = by_age(table.find(ctx.scope, "service_arn", service.arn))
    for each in found[: max(0, len(found) - KEEP)]:
        if each.arn not in used:
            table.delete(ctx.scope, each.arn)
            if each.target not in needed:
                revisions.delete(ctx.scope, each.target)


def forget(store: Store, scope: Scope, service_arn: str) -> None:
    """Drop every revision and deployment record of a service that is forgotten, or whose name is used anew."""
    deployments, revisions = store.table(ServiceDeployment), store.table(ServiceRevision)
    for record in deployments.find(scope, "service_arn", service_arn):
        deployments.delete(scope, record.arn)
    for revision in revisions.find(scope, "service_arn", service_arn):
        revisions.delete(scope, revision.arn)
