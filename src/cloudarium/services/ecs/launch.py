"""Tasks are made and stopped here, by whoever decides so: RunTask, StartTask, StopTask, the service scheduler.

Only records are written; nothing is validated. The task controller (``ecs.tasks``) makes them true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudarium.services.ecs import arns, overrides
from cloudarium.services.ecs.resources import Cluster, ContainerInstance, ContainerState, Task, TaskDefinition

if TYPE_CHECKING:
    from cloudarium.kernel.cloud import Cloud
    from cloudarium.kernel.context import Context
    from cloudarium.kernel.store import Scope

TASKS = "ecs.tasks"
"""The controller of tasks; keys are ``(Scope, task id)``."""

LATEST = "1.4.0"
"""The platform version of Fargate that ``LATEST`` is."""


def create_task(
    cloud: Cloud | Context,
    scope: Scope,
    *,
    definition: TaskDefinition,
    cluster: Cluster,
    launch_type: str,
    capacity_provider: str = "",
    platform_version: str = "",
    group: str = "",
    started_by: str = "",
    service: str = "",
    deployment_id: str = "",
    task_set: str = "",
    instance: ContainerInstance | None = None,
    network: Mapping[str, Any] | None = None,
    subnet_id: str = "",
    availability_zone: str = "",
    task_overrides: Mapping[str, Any] | None = None,
    volumes: Sequence[dict[str, Any]] = (),
    enable_execute_command: bool = False,
    reference_id: str = "",
    tags: Mapping[str, str] | None = None,
) -> Task:
    """Store a task and wake its controller.

    ``network`` is the ``awsvpcConfiguration``; ``subnet_id`` the one of its subnets that was chosen (for a task on an
    instance, the instance's), its zone in ``availability_zone``. ``group`` is ``service:<name>`` or
    ``family:<family>`` unless said otherwise.
    """
    owner: Any = getattr(cloud, "cloud", cloud)
    now = owner.clock.now()
    given = dict(task_overrides or {})
    task_id = arns.new_id()
    arn = arns.task(scope, cluster.name, task_id)
    body = definition.definition
    awsvpc = definition.network_mode == "awsvpc"
    fargate = launch_type == "FARGATE"
    storage = overrides.setting(body, given, "ephemeralStorage")
    task = Task(
        id=task_id,
        arn=arn,
        cluster=cluster.name,
        cluster_arn=cluster.arn,
        task_definition_arn=definition.arn,
        family=definition.family,
        revision=definition.revision,
        launch_type=launch_type,
        capacity_provider=capacity_provider,
        platform_version=LATEST if fargate and platform_version in ("", "LATEST") else platform_version,
        platform_family="Linux" if fargate else "",
        group=group or (f"service:{service}" if service else f"family:{definition.family}"),
        started_by=started_by or deployment_id,
        service=service,
        deployment_id=deployment_id,
        task_set=task_set,
        container_instance=instance.id if instance is not None else "",
        last_status="PROVISIONING" if awsvpc else "PENDING",
        created=now,
        cpu=str(overrides.setting(body, given, "cpu") or ""),
        memory=str(overrides.setting(body, given, "memory") or ""),
        ephemeral_storage_gib=(storage or {}).get("sizeInGiB", 20) if fargate else None,
        overrides=given,
        network=dict(network or {}) if awsvpc else {},
        attachments=(_interface(subnet_id),) if awsvpc else (),
        containers=tuple(_containers(scope, cluster.name, task_id, body, given)),
        attributes=({"name": "ecs.cpu-architecture", "value": _architecture(body)},),
        volumes=tuple(volumes),
        availability_zone=availability_zone or (instance.availability_zone if instance is not None else ""),
        enable_execute_command=enable_execute_command,
        reference_id=reference_id,
        tags=dict(tags or {}),
    )
    owner.store.table(Task).put(scope, task)
    owner.enqueue(TASKS, (scope, task_id))
    return task


def stop_task(cloud: Cloud | Context, scope: Scope, task: Task, reason: str, code: str) -> Task:
    """Ask a task to stop; ``code`` is AWS's stop code (``UserInitiated``, ``ServiceSchedulerInitiated`` …).

    The first reason stays. Returns the record as it is then.
    """
    owner: Any = getattr(cloud, "cloud", cloud)
    table = owner.store.table(Task)
    current: Task = table.get(scope, task.id) or task
    if current.desired_status == "STOPPED":
        return current
    stopped = changed(
        current,
        desired_status="STOPPED",
        stop_code=current.stop_code or code,
        stopped_reason=current.stopped_reason or reason,
        stopping=owner.clock.now(),
    )
    table.put(scope, stopped)
    owner.enqueue(TASKS, (scope, task.id))
    return stopped


def changed(task: Task, **changes: Any) -> Task:
    """The task with some fields changed and its version one higher: how every change of a task is made."""
    return task.replace(version=task.version + 1, **changes)


def _interface(subnet_id: str) -> dict[str, Any]:
    details = [{"name": "subnetId", "value": subnet_id}] if subnet_id else []
    return {
        "id": arns.new_uuid(),
        "type": "ElasticNetworkInterface",
        "status": "PRECREATED",
        "details": details,
    }


def _containers(
    scope: Scope, cluster: str, task_id: str, body: Mapping[str, Any], given: Mapping[str, Any]
) -> list[ContainerState]:
    made = []
    for each in overrides.containers(body, given):
        container_id = arns.new_uuid()
        made.append(
            ContainerState(
                name=each["name"],
                id=container_id,
                arn=arns.container(scope, cluster, task_id, container_id),
                image=each["image"],
                cpu=str(each.get("cpu") or 0),
                memory=str(each.get("memory") or ""),
                memory_reservation=str(each.get("memoryReservation") or ""),
            )
        )
    return made


def _architecture(body: Mapping[str, Any]) -> str:
    platform = body.get("runtimePlatform") or {}
    return "arm64" if platform.get("cpuArchitecture") == "ARM64" else "x86_64"
