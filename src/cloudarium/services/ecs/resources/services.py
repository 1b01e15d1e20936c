"""Services and task sets."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record
from cloudarium.services.ecs.resources.deployments import Deployment, ServiceEvent


class ServiceRecord(Record, frozen=True, kw_only=True):
    """A service. ``key`` is ``<cluster>/<name>``; ``status`` ACTIVE, DRAINING (deleted, tasks still stop) or INACTIVE.

    ``deployment_controller`` is ECS, EXTERNAL or CODE_DEPLOY; with ECS ``deployments`` has one PRIMARY and those it
    replaces, newest first; otherwise there are ``TaskSet`` records. ``deployment_configuration`` has every default
    filled in (``minimumHealthyPercent`` …). ``events`` are newest first, at most 100. A launch type and a capacity
    provider strategy exclude each other. ``grace_given`` says whether the grace period was in the request.

    DeleteService sets DRAINING and no desired tasks; the scheduler stops what is left, then sets INACTIVE and
    ``ended``, the time from which the service is forgotten an hour later. ``scheduler`` has the scheduler's own notes.
    """

    TABLE = "ecs.services"
    KEY = "key"
    INDEXES = ("cluster", "arn", "task_definition", "target_groups")

    key: str
    name: str
    arn: str
    cluster: str
    cluster_arn: str
    created: float
    status: str = "ACTIVE"
    desired_count: int = 0
    launch_type: str = ""
    capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    platform_version: str = ""
    platform_family: str = ""
    task_definition: str = ""
    scheduling_strategy: str = "REPLICA"
    deployment_configuration: dict[str, Any] = msgspec.field(default_factory=dict)
    deployment_controller: str = "ECS"
    network_configuration: dict[str, Any] = msgspec.field(default_factory=dict)
    load_balancers: tuple[dict[str, Any], ...] = ()
    service_registries: tuple[dict[str, Any], ...] = ()
    health_check_grace: int = 0
    grace_given: bool = False
    placement_constraints: tuple[dict[str, Any], ...] = ()
    placement_strategy: tuple[dict[str, Any], ...] = ()
    enable_execute_command: bool = False
    propagate_tags: str = "NONE"
    enable_ecs_managed_tags: bool = False
    availability_zone_rebalancing: str = "DISABLED"
    role_arn: str = ""
    created_by: str = ""
    ended: float | None = None
    deployments: tuple[Deployment, ...] = ()
    events: tuple[ServiceEvent, ...] = ()
    current_service_deployment: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    scheduler: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def target_groups(self) -> tuple[str, ...]:
        """The ARNs of the target groups its tasks are registered in."""
        return tuple(dict.fromkeys(each["targetGroupArn"] for each in self.load_balancers if "targetGroupArn" in each))

    @property
    def primary(self) -> Deployment | None:
        """The deployment that should be the only one."""
        return next((each for each in self.deployments if each.status == "PRIMARY"), None)


class TaskSet(Record, frozen=True, kw_only=True):
    """A task set of a service with the EXTERNAL (or CODE_DEPLOY) controller.

    ``status`` is PRIMARY, ACTIVE or DRAINING; ``scale`` is percent of the service's desired count, from which
    ``computed_desired_count`` follows (kept by the scheduler, as is the stability). ``service_key`` is its service's
    key. Tasks name it in ``task_set`` and ``deployment_id``.
    """

    TABLE = "ecs.task_sets"
    KEY = "arn"
    INDEXES = ("service_key",)

    arn: str
    id: str
    service_key: str
    service_arn: str
    cluster_arn: str
    created: float
    updated: float
    status: str = "ACTIVE"
    started_by: str = ""
    external_id: str = ""
    task_definition: str = ""
    scale: float = 0.0
    computed_desired_count: int = 0
    stability_status: str = "STABILIZING"
    stability_status_at: float = 0.0
    launch_type: str = ""
    capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    platform_version: str = ""
    platform_family: str = ""
    network_configuration: dict[str, Any] = msgspec.field(default_factory=dict)
    load_balancers: tuple[dict[str, Any], ...] = ()
    service_registries: tuple[dict[str, Any], ...] = ()
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    force_deleted: bool = False
