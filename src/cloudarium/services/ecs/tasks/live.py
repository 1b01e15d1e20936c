"""What this process knows of a task beside its record: containers it made, work under way. Lost in a crash, and then
found again from the runtime.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.resources import ContainerState, Task
from cloudarium.services.ecs.tasks.dependencies import Standing
from cloudarium.services.ecs.tasks.health import Health
from cloudarium.services.ecs.tasks.machine import Seen
from cloudarium.services.ecs.tasks.reasons import CannotRun
from cloudarium.substrate.images.model import Image

Key = tuple[Scope, str]
"""Account and region, and the task's id."""


log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.1
_LAST_PAUSE = 30.0
_MOST_FAILURES = 6
"""After so many unforeseen failures in a row a task that is to run is given up; one that is to stop goes on trying."""


class LiveContainer:
    """One container. ``state`` is that of ``machine.Seen``."""

    __slots__ = ("followers", "health", "image", "log_task", "name", "replacing", "runtime_id", "state")

    def __init__(self, name: str, runtime_id: str) -> None:
        self.name = name
        self.runtime_id = runtime_id
        self.state = "none"
        self.health = Health()
        self.image: Image | None = None
        self.log_task: asyncio.Task[None] | None = None
        self.replacing = False
        """Whether a former run of it is being removed, whose end is no news."""
        self.followers: list[asyncio.Task[Any]] = []
        """Tasks that end with the container's run: health checks."""

    def unfollow(self) -> None:
        """End what only makes sense while it runs."""
        for each in self.followers:
            each.cancel()
        self.followers.clear()

    def seen(self, record: ContainerState) -> Seen:
        """As the state machine looks at it."""
        standing = Standing(
            record.started,
            self.state == "ended",
            record.exit_code,
            self.health.status if self.state == "running" else "",
        )
        return Seen(self.state, standing)


class Prepared:
    """Images by container, and secret environment variables by container."""

    def __init__(self, images: dict[str, Image], environments: dict[str, dict[str, str]]) -> None:
        self.images = images
        self.environments = environments


class Live:
    """One task."""

    def __init__(self, cloud: Cloud, key: Key, wake: Callable[[], None]) -> None:
        self._cloud = cloud
        self._wake = wake
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self.key = key
        self.containers: dict[str, LiveContainer] = {}
        self.networked = False
        self.prepared: Prepared | None = None
        self.litter = False
        self.error: CannotRun | None = None
        self.failures = 0
        """Of jobs, in a row, for reasons nobody foresaw."""
        self.retry_at = 0.0
        """Cloud time before which no new work is begun after such a failure."""
        self.starting = asyncio.Lock()
        """Held while a container starts that shares namespaces with the others."""

    def busy(self, name: str) -> bool:
        """Whether work of that name is under way."""
        return name in self._jobs

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin work of that name; the task is reconciled again when it has ended. Nothing while it is under way."""
        if name in self._jobs:
            work.close()
            return
        job = self._jobs[name] = self._cloud.clock.spawn(self._guard(work), f"ecs {name} {self.key[1]}")
        job.add_done_callback(lambda _: self._over(name, work))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
            self.failures = 0
        except CannotRun as error:
            self.error = self.error or error
        except Exception as error:
            self.failures += 1
            pause = min(_LAST_PAUSE, _FIRST_PAUSE * 2**self.failures)
            self.retry_at = self._cloud.clock.now() + pause
            if self.failures >= _MOST_FAILURES:
                self.error = CannotRun(f"ResourceInitializationError: {error}")
            log.warning("task %s: %s; trying again in %.1f s", self.key[1], error, pause, exc_info=self.failures == 1)

    def _over(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        # In case it was cancelled before it began; this does nothing to work that has ended.
        work.close()
        self._jobs.pop(name, None)
        self._wake()

    async def drop(self, *names: str) -> None:
        """End work of these names, and wait until it has ended."""
        jobs = [self._jobs[name] for name in names if name in self._jobs]
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.gather(*jobs, return_exceptions=True)

    async def last_output(self, host_seconds: float, name: str = "") -> None:
        """Let the output of one container, or of all, be delivered; what takes longer is given up."""
        chosen = [each for each in self.containers.values() if name in ("", each.name)]
        opening = [self._jobs[job] for each in chosen if (job := f"log {each.name}") in self._jobs]
        if opening:
            await asyncio.wait(opening, timeout=host_seconds)
            await self.drop(*(f"log {each.name}" for each in chosen))
        pumps = [each.log_task for each in chosen if each.log_task is not None]
        if pumps:
            await asyncio.wait(pumps, timeout=host_seconds)
        for each in chosen:
            if each.log_task is not None:
                each.log_task.cancel()
                each.log_task = None

    async def cancel(self) -> None:
        """End all work."""
        jobs = list(self._jobs.values())
        for container in self.containers.values():
            jobs += container.followers
            if container.log_task is not None:
                jobs.append(container.log_task)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    def container(self, task: Task, record: ContainerState) -> LiveContainer:
        """The container of that record."""
        found = self.containers.get(record.name)
        if found is None:
            found = self.containers[record.name] = LiveContainer(record.name, record.runtime_id)
        return found
