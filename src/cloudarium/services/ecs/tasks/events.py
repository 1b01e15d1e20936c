"""Events "ECS Task State Change": one event per change of a task that the event shows. Health alone makes none.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs import arns
from cloudarium.services.ecs.resources import ContainerState, Task
from cloudarium.services.ecs.views.tasks import managed_agents

DETAIL_TYPE = "ECS Task State Change"


def watch(cloud: Cloud) -> None:
    """Emit the events of all tasks from now on."""

    def changed(scope: Scope, key: str, old: Task | None, new: Task | None) -> None:
        if new is not None and (old is None or _shown(old) != _shown(new)):
            detail = task_detail(scope, new, cloud.clock.now())
            cloud.events.emit(scope, "aws.ecs", DETAIL_TYPE, detail, [new.arn])

    cloud.store.table(Task).watch(changed)


def _shown(task: Task) -> tuple[object, ...]:
    containers = tuple(
        (each.last_status, each.exit_code, each.reason, each.runtime_id, each.network_bindings, each.managed_agents)
        for each in task.containers
    )
    return (
        task.last_status,
        task.desired_status,
        task.connectivity,
        task.stop_code,
        task.stopped_reason,
        task.pull_started,
        task.pull_stopped,
        task.execution_stopped,
        [each.get("status") for each in task.attachments],
        containers,
    )


def task_detail(scope: Scope, task: Task, now: float) -> dict[str, Any]:
    """The event's detail."""
    detail: dict[str, Any] = {
        "attachments": [_attachment(each) for each in task.attachments],
        "attributes": list(task.attributes),
        "availabilityZone": task.availability_zone,
        "clusterArn": task.cluster_arn,
        "containers": [_container(task, each) for each in task.containers],
        "cpu": task.cpu or str(sum(int(each.cpu) for each in task.containers)),
        "createdAt": iso(task.created),
        "desiredStatus": task.desired_status,
        "enableExecuteCommand": task.enable_execute_command,
        "group": task.group,
        "lastStatus": task.last_status,
        "launchType": task.launch_type,
        "memory": task.memory or str(sum(int(each.memory or each.memory_reservation or 0) for each in task.containers)),
        "overrides": {"containerOverrides": [{"name": each.name} for each in task.containers], **task.overrides},
        "taskArn": task.arn,
        "taskDefinitionArn": task.task_definition_arn,
        "updatedAt": iso(now),
        "version": task.version,
    }
    texts = {
        "capacityProviderName": task.capacity_provider,
        "connectivity": task.connectivity,
        "platformVersion": task.platform_version,
        "startedBy": task.started_by,
        "stopCode": task.stop_code,
        "stoppedReason": task.stopped_reason,
    }
    times = {
        "connectivityAt": task.connectivity_at,
        "executionStoppedAt": task.execution_stopped,
        "pullStartedAt": task.pull_started,
        "pullStoppedAt": task.pull_stopped,
        "startedAt": task.started,
        "stoppingAt": task.stopping,
        "stoppedAt": task.stopped,
    }
    detail.update({name: text for name, text in texts.items() if text})
    detail.update({name: iso(when) for name, when in times.items() if when is not None})
    if task.ephemeral_storage_gib is not None:
        detail["ephemeralStorage"] = {"sizeInGiB": task.ephemeral_storage_gib}
    if task.container_instance:
        detail["containerInstanceArn"] = arns.container_instance(scope, task.cluster, task.container_instance)
    return detail


def _attachment(given: dict[str, Any]) -> dict[str, Any]:
    kind = "eni" if given.get("type") == "ElasticNetworkInterface" else given.get("type")
    return {"id": given["id"], "type": kind, "status": given["status"], "details": given.get("details", [])}


def _container(task: Task, container: ContainerState) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "containerArn": container.arn,
        "lastStatus": container.last_status,
        "name": container.name,
        "image": container.image,
        "taskArn": task.arn,
        "networkInterfaces": list(container.network_interfaces),
        "cpu": container.cpu,
    }
    optional: dict[str, Any] = {
        "exitCode": container.exit_code,
        "imageDigest": container.image_digest or None,
        "managedAgents": managed_agents(task, container) or None,
        "memory": container.memory or None,
        "memoryReservation": container.memory_reservation or None,
        "networkBindings": list(container.network_bindings) or None,
        "reason": container.reason or None,
        "runtimeId": container.runtime_id or None,
    }
    shown.update({name: value for name, value in optional.items() if value is not None})
    return shown


def iso(when: float) -> str:
    """A time as events show it, in milliseconds."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
