"""Deployments of a service: what is rolled out, the revision it rolls out, and how that went."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record


class ServiceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a service's events, as DescribeServices shows it."""

    id: str
    created: float
    message: str


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment inside its service's record (deployment controller ECS).

    ``id`` is ``ecs-svc/<19 digits>``; ``status`` PRIMARY (the newest), ACTIVE (being replaced) or INACTIVE;
    ``rollout_state`` IN_PROGRESS, COMPLETED or FAILED. ``desired_count`` is how many tasks it should have now, which
    for an ACTIVE one shrinks. ``failed_tasks`` counts consecutive tasks that did not reach a steady state; ``revision``
    and ``service_deployment`` are the ARNs of the records below. ``rollback`` marks one that undoes another.
    Running and pending counts are counted from the tasks, whose ``deployment_id`` is this ``id``. ``forget_after``
    and ``steady_since`` are the scheduler's own.
    """

    id: str
    task_definition: str
    created: float
    updated: float
    status: str = "PRIMARY"
    desired_count: int = 0
    failed_tasks: int = 0
    rollout_state: str = "IN_PROGRESS"
    rollout_state_reason: str = ""
    launch_type: str = ""
    capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    platform_version: str = ""
    platform_family: str = ""
    network_configuration: dict[str, Any] = msgspec.field(default_factory=dict)
    load_balancers: tuple[dict[str, Any], ...] = ()
    service_registries: tuple[dict[str, Any], ...] = ()
    placement_constraints: tuple[dict[str, Any], ...] = ()
    placement_strategy: tuple[dict[str, Any], ...] = ()
    enable_execute_command: bool = False
    revision: str = ""
    service_deployment: str = ""
    rollback: bool = False
    steady_since: float | None = None
    forget_after: float | None = None


class ServiceRevision(Record, frozen=True, kw_only=True):
    """The workload a deployment rolls out: never changes, so that a rollback can return to it.

    ``workload`` has the members of the API's ServiceRevision (``taskDefinition``, ``launchType``, …).
    """

    TABLE = "ecs.service_revisions"
    KEY = "arn"
    INDEXES = ("service_arn",)

    arn: str
    service_arn: str
    cluster_arn: str
    created: float
    workload: dict[str, Any]
    container_images: tuple[dict[str, Any], ...] = ()


class ServiceDeployment(Record, frozen=True, kw_only=True):
    """How a rollout goes, as DescribeServiceDeployments shows it.

    ``status``: PENDING, IN_PROGRESS, SUCCESSFUL, STOP_REQUESTED, STOPPED, ROLLBACK_REQUESTED, ROLLBACK_IN_PROGRESS,
    ROLLBACK_SUCCESSFUL, ROLLBACK_FAILED. The API makes it PENDING, and STOP_REQUESTED or ROLLBACK_REQUESTED when asked
    to stop; every other change is the scheduler's. ``sources`` are the ARNs of the revisions being replaced.
    """

    TABLE = "ecs.service_deployments"
    KEY = "arn"
    INDEXES = ("service_arn",)

    arn: str
    service_arn: str
    cluster_arn: str
    deployment_id: str
    created: float
    updated: float
    target: str
    requested_count: int = 0
    sources: tuple[dict[str, Any], ...] = ()
    started: float | None = None
    finished: float | None = None
    stopped: float | None = None
    status: str = "PENDING"
    status_reason: str = ""
    configuration: dict[str, Any] = msgspec.field(default_factory=dict)
    circuit_breaker: dict[str, Any] = msgspec.field(default_factory=dict)
    alarms: dict[str, Any] = msgspec.field(default_factory=dict)
    rollback: dict[str, Any] = msgspec.field(default_factory=dict)
