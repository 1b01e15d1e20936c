"""What is to be kept running: a deployment, or a task set. They say the same things in different records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cloudarium.services.ecs.resources import Deployment, ServiceRecord, TaskSet


class Workload(NamedTuple):
    """How tasks of one deployment or task set are started. ``id`` is what their ``deployment_id`` is."""

    id: str
    task_definition: str
    task_set: str
    launch_type: str
    strategy: Sequence[Mapping[str, Any]]
    platform_version: str
    network: Mapping[str, Any]
    load_balancers: tuple[dict[str, Any], ...]
    registries: tuple[dict[str, Any], ...]
    constraints: Sequence[Mapping[str, Any]]
    strategies: Sequence[Mapping[str, Any]]
    exec: bool


def of_deployment(deployment: Deployment) -> Workload:
    """A deployment's."""
    return Workload(
        id=deployment.id,
        task_definition=deployment.task_definition,
        task_set="",
        launch_type=deployment.launch_type,
        strategy=deployment.capacity_provider_strategy,
        platform_version=deployment.platform_version,
        network=deployment.network_configuration.get("awsvpcConfiguration", {}),
        load_balancers=deployment.load_balancers,
        registries=deployment.service_registries,
        constraints=deployment.placement_constraints,
        strategies=deployment.placement_strategy,
        exec=deployment.enable_execute_command,
    )


def of_task_set(task_set: TaskSet, service: ServiceRecord) -> Workload:
    """A task set's; where tasks may go is the service's to say."""
    return Workload(
        id=task_set.id,
        task_definition=task_set.task_definition,
        task_set=task_set.id,
        launch_type=task_set.launch_type,
        strategy=task_set.capacity_provider_strategy,
        platform_version=task_set.platform_version,
        network=task_set.network_configuration.get("awsvpcConfiguration", {}),
        load_balancers=task_set.load_balancers,
        registries=task_set.service_registries,
        constraints=service.placement_constraints,
        strategies=service.placement_strategy,
        exec=service.enable_execute_command,
    )
