"""Changes of task records: read what is there now, change some fields, one version more."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.ecs import launch
from cloudarium.services.ecs.resources import ContainerState, Task, TaskDefinition
from cloudarium.services.ecs.tasks.live import Key


class Book:
    """The records of tasks."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._tasks = cloud.store.table(Task)
        self._definitions = cloud.store.table(TaskDefinition)

    def task(self, key: Key) -> Task | None:
        """The record, or None when it is forgotten."""
        return self._tasks.get(*key)

    def definition(self, key: Key, task: Task) -> dict[str, Any]:
        """The body of its task definition, which outlives its tasks."""
        found = self._definitions.get(key[0], task.task_definition_arn)
        return found.definition if found is not None else {"containerDefinitions": []}

    def change(self, key: Key, **changes: Any) -> Task | None:
        """Change some fields; None when the record is gone."""
        task = self._tasks.get(*key)
        if task is None or all(getattr(task, name) == value for name, value in changes.items()):
            return task
        task = launch.changed(task, **changes)
        self._tasks.put(key[0], task)
        return task

    def container(self, key: Key, name: str) -> ContainerState | None:
        """A container of the record."""
        task = self._tasks.get(*key)
        return next((each for each in task.containers if each.name == name), None) if task is not None else None

    def change_container(self, key: Key, name: str, **changes: Any) -> ContainerState | None:
        """Change some fields of one container."""
        task = self._tasks.get(*key)
        if task is None:
            return None
        containers = tuple(
            msgspec.structs.replace(each, **changes) if each.name == name else each for each in task.containers
        )
        self.change(key, containers=containers)
        return self.container(key, name)

    def change_health(self, key: Key, name: str, status: str, of_task: str) -> None:
        """The health of a container, and of the task as it follows from it."""
        task = self._tasks.get(*key)
        if task is None:
            return
        containers = tuple(
            msgspec.structs.replace(each, health_status=status) if each.name == name else each
            for each in task.containers
        )
        self.change(key, containers=containers, health_status=of_task)
