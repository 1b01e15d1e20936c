"""What becomes of a task's containers, written down: running, healthy or not, ended, to be started again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.ecs.tasks import checks, reasons
from cloudarium.services.ecs.tasks.book import Book
from cloudarium.services.ecs.tasks.dependencies import DOOMED_EXIT
from cloudarium.services.ecs.tasks.health import Health, health_check, task_health
from cloudarium.services.ecs.tasks.live import Key, Live, LiveContainer
from cloudarium.services.ecs.tasks.restarts import restarts
from cloudarium.substrate.compute.spec import Exit


class Containers:
    """Keeps the records of containers true. ``wake`` reconciles a task."""

    def __init__(self, cloud: Cloud, book: Book, wake: Callable[[Key], None]) -> None:
        self._cloud = cloud
        self._book = book
        self._wake = wake

    def definition(self, key: Key, name: str) -> dict[str, Any]:
        """The definition of a container; empty when the task is gone."""
        task = self._book.task(key)
        if task is None:
            return {}
        found = self._book.definition(key, task)["containerDefinitions"]
        return next((each for each in found if each["name"] == name), {})

    def now_running(self, key: Key, name: str) -> None:
        """A container has started."""
        record = self._book.container(key, name)
        if record is not None:
            now = self._cloud.clock.now()
            self._book.change_container(
                key,
                name,
                last_status="RUNNING",
                started=record.started if record.started is not None and not record.restarts else now,
                started_flag=True,
                exit_code=None,
                reason="",
            )

    def follow(self, key: Key, definition: dict[str, Any], container: LiveContainer) -> None:
        """Check the health of a running container, if its definition says how."""
        check = health_check(definition)
        if check is None:
            return
        record = self._book.container(key, container.name)
        started = (record.started if record is not None else None) or self._cloud.clock.now()

        def changed(health: Health) -> None:
            task = self._book.task(key)
            if task is None:
                return
            found = self._book.definition(key, task)["containerDefinitions"]
            essential = {each["name"]: each.get("essential", True) for each in found}
            states = [
                (essential.get(each.name, True), health.status if each.name == container.name else each.health_status)
                for each in task.containers
            ]
            self._book.change_health(key, container.name, health.status, task_health(states))
            self._wake(key)

        checks.follow(self._cloud, container, check, started, changed)

    def ended(self, key: Key, live: Live, name: str, exit_: Exit) -> None:
        """A container has ended; its restart policy may want it back."""
        container = live.containers[name]
        container.unfollow()
        task, record = self._book.task(key), self._book.container(key, name)
        if task is None or record is None:
            container.state = "ended"
            return
        now = self._cloud.clock.now()
        code = exit_.code
        reason = exit_.error
        if exit_.oom_killed:
            reason = reasons.OUT_OF_MEMORY
        elif code is None and not reason:
            reason = reasons.VANISHED
        started = record.started if record.started is not None else now
        definition = self.definition(key, name)
        changes: dict[str, Any] = {"exit_code": code, "reason": reason, "finished": now, "health_status": "UNKNOWN"}
        changes.update(started=started, started_flag=True)
        if task.desired_status == "RUNNING" and code is not None and restarts(definition, code, now - started):
            container.state = "again"
            container.health = Health()
            self._book.change_container(key, name, **changes, last_status="PENDING", restarts=record.restarts + 1)
            return
        container.state = "ended"
        self._book.change_container(key, name, **changes, last_status="STOPPED")

    def doom(self, key: Key, live: Live, name: str, reason: str) -> None:
        """A container is never going to start."""
        live.containers[name].state = "ended"
        now = self._cloud.clock.now()
        self._book.change_container(
            key, name, last_status="STOPPED", exit_code=DOOMED_EXIT, reason=reason, finished=now
        )
