"""AWS/ECS metrics, every minute: how much of what they reserved the tasks of services and clusters use.

The same readings are what Container Insights tells (``insights``).

A service's point is one task's use in percent of that task's reservation, so that the average over a minute is the
service's utilization and minimum and maximum are its tasks'. A cluster's utilization and reservation are about its
container instances only, as on AWS. While no task runs nothing is collected and no timer is set.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

from cloudarium.kernel.clock import Timer
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.insights.publishing import Reading, publish
from cloudarium.services.ecs.insights.readings import Pair, in_memory
from cloudarium.services.ecs.insights.storage import Storage
from cloudarium.services.ecs.resources import ContainerInstance, Task
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import Stats

NAMESPACE = "AWS/ECS"
PERIOD = 60.0
_NANO = 1e9


class Use(NamedTuple):
    """What a task uses and has reserved: CPU units and MiB."""

    cpu: float
    memory: float
    reserved_cpu: float
    reserved_memory: float


def reservation(task: Task) -> tuple[float, float]:
    """CPU units and MiB that a task has reserved: its own, or its containers' (soft limits first)."""
    cpu = float(task.cpu or 0) or float(sum(int(each.cpu) for each in task.containers))
    memory = float(task.memory or 0) or float(
        sum(int(each.memory_reservation or each.memory or 0) for each in task.containers)
    )
    return cpu, memory


def percent(used: float, reserved: float) -> float | None:
    """Used in percent of reserved; None when nothing is reserved."""
    return used * 100 / reserved if reserved > 0 else None


class Minutes:
    """Collects once a minute while tasks run."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._running: set[tuple[Scope, str]] = set()
        self._before: dict[str, Stats] = {}
        self._timer: Timer | None = None
        self._storage: Storage | None = None
        table = cloud.store.table(Task)
        for scope, task in table.everywhere():
            self._changed(scope, task.id, None, task)
        table.watch(self._changed)

    def _changed(self, scope: Scope, key: str, old: Task | None, new: Task | None) -> None:
        if new is not None and new.last_status == "RUNNING":
            self._running.add((scope, key))
            if self._timer is None:
                self._timer = self._cloud.clock.call_later(PERIOD, self._tick)
        elif (scope, key) in self._running:
            self._running.discard((scope, key))
            for container in old.containers if old is not None else ():
                self._before.pop(container.runtime_id, None)

    def _tick(self) -> None:
        self._timer = None
        if self._running:
            self._timer = self._cloud.clock.call_later(PERIOD, self._tick)
            self._cloud.clock.spawn(self.collect(), "ecs metrics")

    async def close(self) -> None:
        """Stop collecting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._running.clear()

    async def collect(self) -> None:
        """Read every running task and publish."""
        clusters: dict[tuple[Scope, str], list[Use]] = {}
        minute: list[Reading] = []
        if self._storage is None and self._cloud.images is not None:
            self._storage = Storage(self._cloud.images)
        for scope, task in self._tasks():
            pairs: dict[str, Pair] = {}
            use = await self._use(task, pairs)
            minute.append(Reading(scope, task, reservation(task), pairs))
            # Others are served between a task and the next.
            await asyncio.sleep(0)
            if use is None:
                continue
            if task.service:
                dimensions = {"ClusterName": task.cluster, "ServiceName": task.service}
                self._record(scope, "CPUUtilization", dimensions, percent(use.cpu, use.reserved_cpu))
                self._record(scope, "MemoryUtilization", dimensions, percent(use.memory, use.reserved_memory))
            if task.container_instance:
                clusters.setdefault((scope, task.cluster), []).append(use)
        for (scope, cluster), uses in clusters.items():
            self._cluster(scope, cluster, uses)
        await publish(self._cloud, minute, self._storage)

    def _tasks(self) -> Iterator[tuple[Scope, Task]]:
        table = self._cloud.store.table(Task)
        for scope, key in list(self._running):
            task = table.get(scope, key)
            if task is not None:
                yield scope, task

    async def _use(self, task: Task, pairs: dict[str, Pair]) -> Use | None:
        """What a task used since the last minute; None for one without a reading before. Fills in ``pairs``."""
        cpu = memory = 0.0
        known = False
        for container in task.containers:
            if container.last_status != "RUNNING" or not container.runtime_id:
                continue
            try:
                reading = await self._cloud.compute.stats(container.runtime_id)
            except ComputeError:
                continue
            before = self._before.get(container.runtime_id)
            self._before[container.runtime_id] = reading
            memory += in_memory(reading)
            if before is not None:
                pairs[container.name] = Pair(before, reading)
            elapsed = reading.read_at - before.read_at if before is not None else 0.0
            if before is not None and elapsed > 0:
                cpu += max(0, reading.cpu_total_ns - before.cpu_total_ns) / (elapsed * _NANO) * 1024
                known = True
        return Use(cpu, memory, *reservation(task)) if known else None

    def _cluster(self, scope: Scope, cluster: str, uses: list[Use]) -> None:
        instances = [
            each
            for each in self._cloud.store.table(ContainerInstance).find(scope, "cluster", cluster)
            if each.status in ("ACTIVE", "DRAINING")
        ]
        cpu, memory = float(sum(each.cpu for each in instances)), float(sum(each.memory for each in instances))
        dimensions = {"ClusterName": cluster}
        self._record(scope, "CPUUtilization", dimensions, percent(sum(use.cpu for use in uses), cpu))
        self._record(scope, "MemoryUtilization", dimensions, percent(sum(use.memory for use in uses), memory))
        self._record(scope, "CPUReservation", dimensions, percent(sum(use.reserved_cpu for use in uses), cpu))
        self._record(scope, "MemoryReservation", dimensions, percent(sum(use.reserved_memory for use in uses), memory))

    def _record(self, scope: Scope, name: str, dimensions: dict[str, str], value: float | None) -> None:
        if value is not None:
            self._cloud.metrics.record(scope, NAMESPACE, name, dimensions, value, "Percent")


def start(cloud: Cloud) -> None:
    """Begin to collect."""
    minutes = Minutes(cloud)
    cloud.on_close(minutes.close)
