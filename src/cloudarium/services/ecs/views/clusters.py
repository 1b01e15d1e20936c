"""Clusters and capacity providers as the API shows them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.services.ecs import tagging
from cloudarium.services.ecs.resources import CapacityProvider, Cluster, ContainerInstance, ServiceRecord, Task
from cloudarium.services.ecs.views.common import details, present

EVERYTHING = ("ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "TAGS")


def cluster(ctx: Context, each: Cluster, include: Collection[str] = EVERYTHING) -> dict[str, Any]:
    """A cluster; counts are those of indexes, so that they cost what they count."""
    tasks = ctx.table(Task)
    instances = ctx.table(ContainerInstance).find(ctx.scope, "cluster", each.name)
    services = ctx.table(ServiceRecord).find(ctx.scope, "cluster", each.name)
    body: dict[str, Any] = {
        "clusterArn": each.arn,
        "clusterName": each.name,
        "status": each.status,
        "registeredContainerInstancesCount": sum(one.status != "INACTIVE" for one in instances),
        "runningTasksCount": len(tasks.find(ctx.scope, "phase_key", f"{each.name}/running")),
        "pendingTasksCount": len(tasks.find(ctx.scope, "phase_key", f"{each.name}/pending")),
        "activeServicesCount": sum(one.status == "ACTIVE" for one in services),
        "statistics": details(_statistics(ctx, each)) if "STATISTICS" in include else [],
        "tags": tagging.shown(each.tags) if "TAGS" in include else [],
        "settings": details(each.settings) if "SETTINGS" in include else [],
        "capacityProviders": list(each.capacity_providers),
        "defaultCapacityProviderStrategy": list(each.default_strategy),
    }
    if "CONFIGURATIONS" in include and each.configuration:
        body["configuration"] = each.configuration
    if "ATTACHMENTS" in include and each.attachments_status:
        body["attachments"] = []
        body["attachmentsStatus"] = each.attachments_status
    if each.service_connect_defaults:
        body["serviceConnectDefaults"] = each.service_connect_defaults
    return body


def _statistics(ctx: Context, each: Cluster) -> dict[str, str]:
    counts = dict.fromkeys(
        (f"{phase}{kind}TasksCount" for kind in ("EC2", "Fargate") for phase in ("running", "pending")), 0
    )
    for phase in ("running", "pending"):
        tasks = ctx.table(Task).find(ctx.scope, "phase_key", f"{each.name}/{phase}")
        fargate = sum(task.launch_type == "FARGATE" for task in tasks)
        counts[f"{phase}EC2TasksCount"] = len(tasks) - fargate
        counts[f"{phase}FargateTasksCount"] = fargate
    for status, word in (("ACTIVE", "active"), ("DRAINING", "draining")):
        services = [s for s in ctx.table(ServiceRecord).find(ctx.scope, "cluster", each.name) if s.status == status]
        fargate = sum(s.launch_type == "FARGATE" or _spot(s) for s in services)
        counts[f"{word}EC2ServiceCount"] = len(services) - fargate
        counts[f"{word}FargateServiceCount"] = fargate
    return {name: str(count) for name, count in counts.items()}


def _spot(service: ServiceRecord) -> bool:
    return any(each["capacityProvider"].startswith("FARGATE") for each in service.capacity_provider_strategy)


def capacity_provider(each: CapacityProvider, *, tags: bool = True) -> dict[str, Any]:
    """A capacity provider."""
    return present(
        capacityProviderArn=each.arn,
        name=each.name,
        status=each.status,
        autoScalingGroupProvider=each.auto_scaling_group or None,
        updateStatus=each.update_status,
        updateStatusReason=each.update_status_reason,
        tags=tagging.shown(each.tags) if tags else [],
        type="EC2_AUTOSCALING" if each.auto_scaling_group else each.name,
    )
