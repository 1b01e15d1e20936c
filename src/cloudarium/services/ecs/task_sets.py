"""Task sets as records: the one a CODE_DEPLOY service begins with, and those of CreateTaskSet."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.services.ecs import arns
from cloudarium.services.ecs.resources import ServiceRecord, TaskSet


def make(ctx: Context, service: ServiceRecord, **fields: Any) -> TaskSet:
    """A new task set of a service."""
    set_id = f"ecs-svc/{arns.digits(19)}"
    now = ctx.clock.now()
    return TaskSet(
        arn=arns.make(ctx.scope, "task-set", service.cluster, service.name, set_id),
        id=set_id,
        service_key=service.key,
        service_arn=service.arn,
        cluster_arn=service.cluster_arn,
        created=now,
        updated=now,
        stability_status_at=now,
        **fields,
    )


def first(ctx: Context, service: ServiceRecord) -> TaskSet:
    """The PRIMARY task set with which a service of the CODE_DEPLOY controller begins."""
    return make(
        ctx,
        service,
        status="PRIMARY",
        started_by="CODE_DEPLOY",
        task_definition=service.task_definition,
        scale=100.0,
        computed_desired_count=service.desired_count,
        launch_type=service.launch_type,
        capacity_provider_strategy=service.capacity_provider_strategy,
        platform_version=service.platform_version,
        platform_family=service.platform_family,
        network_configuration=service.network_configuration,
        load_balancers=service.load_balancers,
        service_registries=service.service_registries,
    )
