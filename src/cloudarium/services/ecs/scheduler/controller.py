"""The controller of services: looks, connects and disconnects, and takes one step.

Whatever concerns a service wakes it: its own record, its tasks, its task sets, instances of its cluster, a request to
stop its deployment. Target health is asked for, as it has no event.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.resources import ContainerInstance, ServiceDeployment, ServiceRecord, Task, TaskSet
from cloudarium.services.ecs.scheduler import alarms, stepping
from cloudarium.services.ecs.scheduler.announcing import Announcer
from cloudarium.services.ecs.scheduler.connecting import Connections
from cloudarium.services.ecs.scheduler.launching import Launcher
from cloudarium.services.ecs.scheduler.members import Member
from cloudarium.services.ecs.scheduler.workload import Workload, of_deployment, of_task_set

log = logging.getLogger(__name__)

NAME = "ecs.services"
PRINCIPAL = "ecs"

Key = tuple[Scope, str]


class Services:
    """Reconciles services. Keys are ``(Scope, "<cluster>/<service>")``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._services = cloud.store.table(ServiceRecord)
        self._members = cloud.store.table(Member)
        self._sets = cloud.store.table(TaskSet)

    def begin(self) -> None:
        """Watch for changes and take up every service."""
        store = self._cloud.store
        self._services.watch(self._service_changed)
        self._sets.watch(self._set_changed)
        store.table(Task).watch(self._task_changed)
        store.table(ContainerInstance).watch(self._instance_changed)
        store.table(ServiceDeployment).watch(self._deployment_changed)
        self._cloud.controller(NAME, self.reconcile, self.every)

    def every(self) -> Iterator[Key]:
        """Every service that is not over, and those whose tasks are not accounted for."""
        for scope, service in self._services.everywhere():
            if service.status != "INACTIVE":
                yield scope, service.key
        yield from {(scope, member.service_key) for scope, member in self._members.everywhere()}

    async def reconcile(self, key: Key) -> float | None:
        """One step of one service."""
        scope, name = key
        service = self._services.get(scope, name)
        if service is None or service.status == "INACTIVE":
            return None
        ctx = self._cloud.context(scope, PRINCIPAL)
        news = Announcer(self._cloud, scope, service)
        links = Connections(ctx, service, news)
        states = await links.states()
        if await links.update(states):
            states = await links.states()
        while True:
            launcher = Launcher(ctx, service)
            for workload in self._workloads(scope, service):
                await launcher.prepare(workload)
            ringing = await alarms.look(ctx, service, news)
            current = self._services.get(scope, name)
            if current is service:
                break
            if current is None:
                return None
            service = current
        with self._cloud.store.begin():
            after = stepping.take(ctx, service, news, launcher, states, ringing)
        news.emit()
        return after

    def _workloads(self, scope: Scope, service: ServiceRecord) -> Iterator[Workload]:
        if (primary := service.primary) is not None:
            yield of_deployment(primary)
        for each in self._sets.find(scope, "service_key", service.key):
            yield of_task_set(each, service)

    # -- what wakes it ---------------------------------------------------------------------------------------------

    def _wake(self, scope: Scope, key: str) -> None:
        self._cloud.enqueue(NAME, (scope, key))

    def _service_changed(self, scope: Scope, key: str, old: ServiceRecord | None, new: ServiceRecord | None) -> None:
        if new is None or (old is not None and _but_for_talk(old) == _but_for_talk(new)):
            return
        self._wake(scope, key)

    def _set_changed(self, scope: Scope, key: str, old: TaskSet | None, new: TaskSet | None) -> None:
        if (found := new or old) is not None:
            self._wake(scope, found.service_key)

    def _task_changed(self, scope: Scope, key: str, old: Task | None, new: Task | None) -> None:
        task = new or old
        if task is not None and task.service:
            self._wake(scope, f"{task.cluster}/{task.service}")

    def _instance_changed(
        self, scope: Scope, key: str, old: ContainerInstance | None, new: ContainerInstance | None
    ) -> None:
        instance = new or old
        if instance is None or (old is not None and new is not None and old.replace(version=new.version) == new):
            return
        for service in self._services.find(scope, "cluster", instance.cluster):
            if service.status != "INACTIVE":
                self._wake(scope, service.key)

    def _deployment_changed(
        self, scope: Scope, key: str, old: ServiceDeployment | None, new: ServiceDeployment | None
    ) -> None:
        if new is None or not new.status.endswith("_REQUESTED"):
            return
        for service in self._services.find(scope, "arn", new.service_arn):
            self._wake(scope, service.key)


def _but_for_talk(service: ServiceRecord) -> Any:
    """What of a service's record there may be something to do about."""
    return service.replace(events=(), scheduler={}, tags={})
