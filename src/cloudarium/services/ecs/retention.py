"""What is over stays visible for a while, then is forgotten.

Stopped tasks are described for an hour (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/
stopped-task-errors.html); deleted clusters and services and deregistered instances go at the same age. One timer per
record, in the controllers' own queues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Record, Scope
from cloudarium.services.ecs import rollouts
from cloudarium.services.ecs.resources import (
    ClientToken,
    Cluster,
    ContainerInstance,
    ServiceRecord,
    Task,
    TaskDefinition,
)

HOUR = 3600.0
LOOK_AGAIN = 60.0
"""Cloud seconds until it is asked again whether a deleted task definition is still in use."""

Ends = Callable[[Any], "float | None"]
"""When a record may be forgotten (cloud seconds), or None while it is in use."""


def start(cloud: Cloud) -> None:
    """Begin to forget."""
    _forget(cloud, "ecs.stopped_tasks", Task, _task_ends)
    _forget(cloud, "ecs.deleted_clusters", Cluster, _when(lambda cluster: cluster.ended))
    _forget(cloud, "ecs.deleted_services", ServiceRecord, _when(lambda service: service.ended))
    _forget(cloud, "ecs.deregistered_instances", ContainerInstance, _when(lambda instance: instance.ended))
    _forget(cloud, "ecs.client_tokens", ClientToken, lambda token: token.expires)
    _delete_definitions(cloud)
    cloud.store.table(ServiceRecord).watch(lambda scope, _, old, new: _with_service(cloud, scope, old, new))


def _with_service(cloud: Cloud, scope: Scope, old: ServiceRecord | None, new: ServiceRecord | None) -> None:
    """The records of its rollouts go with a service."""
    if old is not None and new is None:
        rollouts.forget(cloud.store, scope, old.arn)


def _task_ends(task: Task) -> float | None:
    if task.last_status != "STOPPED":
        return None
    return (task.stopped if task.stopped is not None else task.created) + HOUR


def _when(ended: Ends) -> Ends:
    def ends(record: Any) -> float | None:
        end = ended(record)
        return None if end is None else end + HOUR

    return ends


def _forget(cloud: Cloud, name: str, kind: type[Record], ends: Ends) -> None:
    table = cloud.store.table(kind)

    async def reconcile(key: tuple[Scope, str]) -> float | None:
        record = table.get(*key)
        end = ends(record) if record is not None else None
        if end is None:
            return None
        if (left := end - cloud.clock.now()) > 0:
            return left
        table.delete(*key)
        return None

    def keys() -> Iterator[tuple[Scope, str]]:
        for scope, record in table.everywhere():
            if ends(record) is not None:
                yield scope, str(getattr(record, kind.KEY))

    def changed(scope: Scope, key: str, old: Any, new: Any) -> None:
        if new is not None and ends(new) is not None and (old is None or ends(old) is None):
            cloud.enqueue(name, (scope, key))

    table.watch(changed)
    cloud.controller(name, reconcile, keys)


def _delete_definitions(cloud: Cloud) -> None:
    """A deleted task definition goes when no task and no service refers to it any more."""
    name, table = "ecs.deleted_task_definitions", cloud.store.table(TaskDefinition)
    tasks, services = cloud.store.table(Task), cloud.store.table(ServiceRecord)

    async def reconcile(key: tuple[Scope, str]) -> float | None:
        found = table.get(*key)
        if found is None or found.status != "DELETE_IN_PROGRESS":
            return None
        users = services.find(key[0], "task_definition", found.arn)
        if any(each.status != "INACTIVE" for each in users) or tasks.find(key[0], "task_definition_arn", found.arn):
            return LOOK_AGAIN
        table.delete(*key)
        return None

    def keys() -> Iterator[tuple[Scope, str]]:
        return ((scope, each.arn) for scope, each in table.everywhere() if each.status == "DELETE_IN_PROGRESS")

    def changed(scope: Scope, key: str, old: TaskDefinition | None, new: TaskDefinition | None) -> None:
        if new is not None and new.status == "DELETE_IN_PROGRESS":
            cloud.enqueue(name, (scope, key))

    table.watch(changed)
    cloud.controller(name, reconcile, keys)
