"""Performance log events of tasks and containers, in the shape Container Insights gives them. No I/O.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-reference-performance-logs-ECS.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.insights import directives, readings
from cloudarium.services.ecs.insights.readings import Pair, Usage
from cloudarium.services.ecs.resources import ContainerInstance, ContainerState, Task

_GIGABYTE = 10**9
_DEFAULT_STORAGE = 20
"""GiB that a Fargate task has when it asks for nothing."""
_WITHOUT_STORAGE = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")


class Subject(msgspec.Struct, frozen=True):
    """A running task with what is needed to write about it.

    ``pairs`` are by container name. ``reserved`` are CPU units and MiB; ``restarting`` names the containers with a
    restart policy. ``instance`` is where it runs when that is not Fargate. ``storage`` are bytes, where measured.
    """

    scope: Scope
    task: Task
    pairs: Mapping[str, Pair]
    mode: str
    reserved: tuple[float, float]
    restarting: frozenset[str] = frozenset()
    instance: ContainerInstance | None = None
    storage: int | None = None


def of_task(subject: Subject, at: int, enhanced: bool) -> dict[str, Any]:
    """The task's event; ``at`` is in milliseconds."""
    task, scope = subject.task, subject.scope
    usage = readings.task(subject.pairs, subject.mode)
    cpu, memory = _reserved(subject, enhanced)
    moments = {
        "PullStartedAt": task.pull_started,
        "PullStoppedAt": task.pull_stopped,
        "CreatedAt": task.created,
        "StartedAt": task.started,
    }
    event: dict[str, Any] = {
        "Version": "0",
        "Type": "Task",
        **_identity(subject),
        "AccountID": scope.account,
        "Region": scope.region,
        "AvailabilityZone": task.availability_zone,
        "KnownStatus": task.last_status,
        "LaunchType": task.launch_type,
        **{name: int(moment * 1000) for name, moment in moments.items() if moment is not None},
        "Timestamp": at,
        "CpuUtilized": usage.cpu,
        "CpuReserved": cpu,
        "MemoryUtilized": usage.memory,
        "MemoryReserved": int(memory),
        **_traffic(usage),
    }
    if has_storage(task):
        event |= _storage(subject, enhanced)
    if enhanced:
        event |= _percent("TaskCpuUtilization", usage.cpu, cpu)
        event |= _percent("TaskMemoryUtilization", usage.memory, memory)
    # Without a reservation there is nothing to compare with, and no metric.
    unknown = (() if cpu else ("CpuUtilized", "CpuReserved")) + (() if memory else ("MemoryUtilized", "MemoryReserved"))
    event["CloudWatchMetrics"] = directives.of_task(event, enhanced, unknown)
    return event


def has_storage(task: Task) -> bool:
    """Whether a task's ephemeral storage is told of: on Fargate, from platform version 1.4.0 on."""
    return task.launch_type == "FARGATE" and task.platform_version not in _WITHOUT_STORAGE


def _storage(subject: Subject, enhanced: bool) -> dict[str, Any]:
    reserved = (subject.task.ephemeral_storage_gib or _DEFAULT_STORAGE) * 1024**3
    found: dict[str, Any] = {"EphemeralStorageReserved": round(reserved / _GIGABYTE, 2)}
    if subject.storage is not None:
        found["EphemeralStorageUtilized"] = round(subject.storage / _GIGABYTE, 2)
        if enhanced:
            found |= _percent("TaskEphemeralStorageUtilization", subject.storage, reserved)
    return found


def of_containers(subject: Subject, at: int, enhanced: bool) -> list[dict[str, Any]]:
    """An event for each container that was read."""
    used = readings.containers(subject.pairs, subject.mode)
    known = {each.name: each for each in subject.task.containers}
    return [_of_container(subject, known[name], usage, at, enhanced) for name, usage in used.items()]


def _of_container(subject: Subject, container: ContainerState, usage: Usage, at: int, enhanced: bool) -> dict[str, Any]:
    cpu, memory = float(container.cpu), int(container.memory_reservation or container.memory or 0)
    event: dict[str, Any] = {
        "Version": "0",
        "Type": "Container",
        "ContainerName": container.name,
        **_identity(subject),
        "Image": container.image,
        "ContainerKnownStatus": container.last_status,
        "Timestamp": at,
        "CpuUtilized": usage.cpu,
        "CpuReserved": cpu,
        "MemoryUtilized": usage.memory,
        "MemoryReserved": memory,
        **_traffic(usage),
    }
    if container.name in subject.restarting:
        event["RestartCount"] = container.restarts
    if enhanced:
        of_task = _reserved(subject, True)
        event |= _enhanced(container, usage, cpu or of_task[0], memory or of_task[1])
    if metrics := directives.of_container(event, enhanced):
        event["CloudWatchMetrics"] = metrics
    return event


def _enhanced(container: ContainerState, usage: Usage, cpu: float, memory: float) -> dict[str, Any]:
    members: dict[str, Any] = {
        "ContainerCpuUtilized": usage.cpu,
        "ContainerCpuReserved": cpu,
        **_percent("ContainerCpuUtilization", usage.cpu, cpu),
        "ContainerMemoryUtilized": usage.memory,
        "ContainerMemoryReserved": int(memory),
        **_percent("ContainerMemoryUtilization", usage.memory, memory),
        "ContainerStorageReadBytes": usage.read,
        "ContainerStorageWriteBytes": usage.written,
    }
    if usage.network is not None:
        members["ContainerNetworkRxBytes"] = round(usage.network.received)
        members["ContainerNetworkTxBytes"] = round(usage.network.sent)
    if container.health_status in ("HEALTHY", "UNHEALTHY"):
        members["UnHealthyContainerHealthStatus"] = int(container.health_status == "UNHEALTHY")
    return members


def _identity(subject: Subject) -> dict[str, Any]:
    task, instance = subject.task, subject.instance
    found: dict[str, Any] = {
        "TaskId": task.id,
        "TaskDefinitionFamily": task.family,
        "TaskDefinitionRevision": str(task.revision),
    }
    if task.service:
        found["ServiceName"] = task.service
    if instance is not None:
        found |= {"ContainerInstanceId": instance.id, "EC2InstanceId": instance.ec2_instance_id}
    return {**found, "ClusterName": task.cluster}


def _reserved(subject: Subject, enhanced: bool) -> tuple[float, float]:
    """With enhanced observability a task that reserves nothing is compared with its instance."""
    cpu, memory = subject.reserved
    if enhanced and subject.instance is not None:
        return cpu or float(subject.instance.cpu), memory or float(subject.instance.memory)
    return cpu, memory


def _traffic(usage: Usage) -> dict[str, Any]:
    found: dict[str, Any] = {"StorageReadBytes": usage.read, "StorageWriteBytes": usage.written}
    if usage.network is not None:
        found |= {"NetworkRxBytes": round(usage.network.received), "NetworkTxBytes": round(usage.network.sent)}
        found |= usage.network.totals
    return found


def _percent(name: str, used: float, reserved: float) -> dict[str, float]:
    return {name: used * 100 / reserved} if reserved > 0 else {}
