"""Controllers: make what is match what should be, one key at a time.

A controller has keys. A change, an event or a timer *enqueues* a key; ``reconcile(key)`` reads what should be, looks
at what is, and does the next step. It is told nothing about what changed, so nothing is lost when the cloud dies in
between: on start every key is enqueued once. One key never runs twice at a time; a key enqueued while it runs runs
again afterwards. An error is retried with growing pauses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Any, Protocol, TypeVar

from cloudarium.kernel.clock import Clock, Timer

log = logging.getLogger(__name__)

FIRST_BACKOFF = 0.2
LAST_BACKOFF = 30.0

K = TypeVar("K", bound=Hashable, contravariant=True)


class Reconcile(Protocol[K]):
    """One step towards what should be. Returns after how many cloud seconds to look again, or None."""

    def __call__(self, key: K, /) -> Awaitable[float | None]: ...


class Controller:
    """The work queue of one kind of thing."""

    def __init__(
        self,
        clock: Clock,
        name: str,
        reconcile: Callable[[Any], Awaitable[float | None]],
        keys: Callable[[], Iterable[Hashable]],
        *,
        workers: int = 8,
    ) -> None:
        self.name = name
        self._clock = clock
        self._reconcile = reconcile
        self._keys = keys
        self._slots = asyncio.Semaphore(workers)
        self._running: set[Hashable] = set()
        self._again: set[Hashable] = set()
        self._failures: dict[Hashable, int] = {}
        self._timers: dict[Hashable, Timer] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopped = False

    def start(self) -> None:
        """Enqueue every key: how a fresh start and a recovery begin."""
        for key in self._keys():
            self.enqueue(key)

    def enqueue(self, key: Hashable) -> None:
        """Reconcile ``key`` soon."""
        if self._stopped:
            return
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
            return
        self._running.add(key)
        task = self._clock.spawn(self._work(key), name=f"{self.name} {key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def enqueue_after(self, key: Hashable, seconds: float) -> None:
        """Reconcile ``key`` after ``seconds`` of cloud time, or sooner when something else wakes it."""
        if self._stopped:
            return
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        self._timers[key] = self._clock.call_later(seconds, self.enqueue, key)

    async def _work(self, key: Hashable) -> None:
        async with self._slots:
            after: float | None = None
            try:
                after = await self._reconcile(key)
                self._failures.pop(key, None)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                failures = self._failures[key] = self._failures.get(key, 0) + 1
                after = min(LAST_BACKOFF, FIRST_BACKOFF * 2 ** (failures - 1))
                log.warning("%s %s: %s; trying again in %.1f s", self.name, key, error, after, exc_info=failures == 1)
            finally:
                self._running.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.enqueue(key)
        elif after is not None:
            self.enqueue_after(key, after)

    async def stop(self) -> None:
        """Stop: running steps are cancelled; the next start begins from what is."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
