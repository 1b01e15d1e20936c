"""The one clock: real, scaled, frozen, advanced.

Everything reads time here and sleeps here. Cloud time is a straight line over host time (``ClockState``) whose slope
is the scale; a frozen clock has slope zero. Timers wait in one heap of cloud times.

``advance`` walks that heap: it sets the time to the next timer's, fires every timer due at that instant, waits until
what they set off has settled, and goes on. "Settled" means that each tracked task (``spawn``) has ended or sleeps on
this clock again. A task that waits for something outside (a target that hangs) would block that for ever, so a task
that has not settled within ``SETTLE_GRACE`` host seconds no longer holds the clock back: its own clock timeouts
then fire as time goes on.

The host's clock may be set back while the cloud runs; cloud time never goes back. It goes on from where it was, and is
ahead of the host's until that is set forward again.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

log = logging.getLogger(__name__)

SETTLE_GRACE = 0.5
_SLOW_AGAIN_GRACE = 0.05
"""Host seconds for tasks whose namesakes did not settle last time: a target that hangs is probed again and again."""
MAX_ADVANCE = 400 * 86_400
"""The longest stretch to advance at once, in seconds: every timer in it fires."""

_COMPACT_FROM = 1_000
_STEP = 0.05
"""Host seconds between its two clocks that mean it was set; less is the way they are adjusted."""
_SETTLE_TURNS = 3
"""Turns of the loop given to callbacks before looking whether tasks are busy: callbacks start tasks."""


class ClockState(msgspec.Struct, frozen=True):
    """Cloud time as a line over host time; sent to the data-plane nodes so that they tell the same time."""

    host: float
    cloud: float
    scale: float

    def at(self, host: float) -> float:
        """Cloud time (seconds since 1970) at a host time (same unit)."""
        return self.cloud + (host - self.host) * self.scale

    def reader(self) -> Callable[[], float]:
        """A function that tells cloud time by this line, cheaply: data planes read it for every request."""
        host_time = time.time
        if self.scale != 1:
            return lambda: self.at(host_time())
        offset = self.cloud - self.host
        return (lambda: host_time() + offset) if offset else host_time


class Timer:
    """A pending call; ``cancel`` is idempotent."""

    __slots__ = ("callback", "cancelled", "when")

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Make the call not happen."""
        self.cancelled = True


class Clock:
    """Cloud time and every wait on it. Belongs to one event loop."""

    def __init__(self, state: ClockState | None = None) -> None:
        host = time.time()
        self._state = state or ClockState(host, host, 1.0)
        self._heap: list[tuple[float, int, Timer]] = []
        self._compact_at = _COMPACT_FROM
        self._sequence = itertools.count()
        self._wakeup: asyncio.TimerHandle | None = None
        self._advancing = False
        self._busy: set[asyncio.Task[Any]] = set()
        self._tracked: set[asyncio.Task[Any]] = set()
        self._slow: set[asyncio.Task[Any]] = set()
        self._slow_names: set[str] = set()
        self._quiet = asyncio.Event()
        self._watchers: list[Callable[[ClockState], None]] = []
        self._advance_lock = asyncio.Lock()
        self._seen = 0.0
        """The latest host time that was read since the line last changed."""
        self._apart = host - _steady()
        """What the host's wall clock is ahead of its steady one: it changes when the wall clock is set."""
        self._ahead = 0.0
        """Host seconds by which the wall clock was set back and cloud time did not follow."""

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def state(self) -> ClockState:
        """The line that gives cloud time now."""
        return self._state

    @property
    def mode(self) -> str:
        """``real``, ``scaled`` or ``frozen``."""
        if self._state.scale == 0:
            return "frozen"
        return "real" if self._state.scale == 1 else "scaled"

    def now(self) -> float:
        """Cloud time in seconds since 1970; never less than it was."""
        if not self._state.scale:
            return self._state.cloud
        host = time.time()
        if host < self._seen:
            # A thread cannot move the line: the loop will.
            host = self._look() if _in_loop() else self._seen
        self._seen = host
        state = self._state
        return state.cloud + (host - state.host) * state.scale

    def utcnow(self) -> datetime:
        """Cloud time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    @staticmethod
    def host_time() -> float:
        """A monotonic host clock in seconds, for guarding I/O with real peers, whose time is the host's."""
        return time.monotonic()

    # -- waiting ---------------------------------------------------------------------------------------------------

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Timer:
        """Call ``callback(*args)`` after ``delay`` cloud seconds."""
        return self.call_at(self.now() + max(0.0, delay), callback, *args)

    def call_at(self, when: float, callback: Callable[..., object], *args: object) -> Timer:
        """Call ``callback(*args)`` at cloud time ``when``."""
        timer = Timer(when, (lambda: callback(*args)) if args else callback)
        heapq.heappush(self._heap, (when, next(self._sequence), timer))
        if len(self._heap) > self._compact_at:
            self._compact()
        if self._heap[0][2] is timer:
            self._arm()
        return timer

    async def sleep(self, seconds: float) -> None:
        """Sleep for cloud seconds."""
        await self.sleep_until(self.now() + max(0.0, seconds))

    async def sleep_until(self, when: float) -> None:
        """Sleep until a cloud time."""
        task = asyncio.current_task()
        tracked = task is not None and task in self._tracked
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def fire() -> None:
            if not wake.done():
                if tracked and task is not None:
                    self._busy.add(task)
                wake.set_result(None)

        timer = self.call_at(when, fire)
        if tracked and task is not None:
            self._rest(task)
        try:
            await wake
        finally:
            timer.cancel()
            if tracked and task is not None:
                self._busy.add(task)

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        """Raise ``TimeoutError`` out of the block when it takes longer than ``seconds`` of cloud time."""
        scope = asyncio.timeout(None)
        loop = asyncio.get_running_loop()

        def expire() -> None:
            if not scope.expired():
                scope.reschedule(loop.time())

        timer = self.call_later(seconds, expire)
        try:
            async with scope:
                yield
        finally:
            timer.cancel()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        """Start a task that ``advance`` waits for. A failure is logged: nobody may be waiting for the result."""
        # An empty context: background work does not belong to the transaction of the call that set it off.
        task = asyncio.get_running_loop().create_task(work, name=name or None, context=contextvars.Context())
        self._tracked.add(task)
        self._busy.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tracked.discard(task)
        if task not in self._slow:
            self._slow_names.discard(task.get_name())
        self._rest(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed", task.get_name(), exc_info=error)

    def _rest(self, task: asyncio.Task[Any]) -> None:
        self._busy.discard(task)
        self._slow.discard(task)
        if not self._busy - self._slow:
            self._quiet.set()

    # -- steering --------------------------------------------------------------------------------------------------

    def freeze(self) -> None:
        """Stop cloud time where it is."""
        self._set_scale(0.0)

    def resume(self) -> None:
        """Let cloud time run at the host's pace again, from where it is."""
        self._set_scale(1.0)

    def scale(self, factor: float) -> None:
        """Run ``factor`` cloud seconds per host second (0 < factor <= 100,000)."""
        if not 0 < factor <= 100_000:
            raise ValueError("the scale must be above 0 and at most 100000; use freeze to stop the clock")
        self._set_scale(factor)

    def restore(self, state: ClockState) -> None:
        """Take over a line kept from an earlier run."""
        self._move(state)

    def watch(self, watcher: Callable[[ClockState], None]) -> None:
        """Call ``watcher`` with the new state whenever the line changes."""
        self._watchers.append(watcher)

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` of cloud time pass now, firing every timer in order, each seeing its own time.

        Returns when everything that was set off has settled. Calls are served one after another.
        """
        if not 0 <= seconds <= MAX_ADVANCE:
            raise ValueError(f"time goes forward only, and at most {MAX_ADVANCE // 86_400} days at once")
        async with self._advance_lock:
            scale, target = self._state.scale, self.now() + seconds
            self._advancing = True
            self._set_scale(0.0)
            try:
                await self.settle()
                while (when := self._next()) is not None and when <= target:
                    self._move(ClockState(time.time(), max(when, self._state.cloud), 0.0))
                    self._fire_due()
                    await self.settle()
                self._move(ClockState(time.time(), max(target, self._state.cloud), 0.0))
            finally:
                self._advancing = False
                self._set_scale(scale)

    async def settle(self) -> None:
        """Wait until each tracked task has ended or sleeps on this clock (see the module's docstring)."""
        for _ in range(_SETTLE_TURNS):
            await asyncio.sleep(0)
        while waiting := self._busy - self._slow:
            self._quiet.clear()
            known = all(task.get_name() in self._slow_names for task in waiting)
            try:
                await asyncio.wait_for(self._quiet.wait(), _SLOW_AGAIN_GRACE if known else SETTLE_GRACE)
            except TimeoutError:
                self._slow |= self._busy
                # Names that asyncio makes up never come again.
                self._slow_names |= {name for t in self._busy if not (name := t.get_name()).startswith("Task-")}
                return
            for _ in range(_SETTLE_TURNS):
                await asyncio.sleep(0)

    def _set_scale(self, scale: float) -> None:
        self._move(ClockState(time.time(), self.now(), scale))

    def _look(self) -> float:
        """See whether the host's clock was set; the host time to go by."""
        host, steady = time.time(), _steady()
        step = host - steady - self._apart
        self._apart = host - steady
        if not self._state.scale or abs(step) < _STEP or (step > 0 and not self._ahead):
            # Set forward as such is followed: cloud time is the host's, and timers that are due fire.
            return max(host, self._seen)
        # Back: all of it is made up for. Forward: as much as was made up for before.
        step = min(step, self._ahead)
        self._ahead -= step
        log.warning("the host's clock was set by %+.1f s: cloud time goes on as before", step)
        self._move(ClockState(host, self._state.at(host - step), self._state.scale))
        return host

    def _move(self, state: ClockState) -> None:
        self._state = state
        self._seen, self._apart = 0.0, time.time() - _steady()
        for watcher in self._watchers:
            watcher(state)
        self._arm()

    # -- the heap --------------------------------------------------------------------------------------------------

    def _compact(self) -> None:
        """Drop cancelled timers once they are most of the heap: request timeouts are nearly always cancelled."""
        alive = [entry for entry in self._heap if not entry[2].cancelled]
        if len(alive) * 2 < len(self._heap):
            heapq.heapify(alive)
            self._heap = alive
        self._compact_at = max(_COMPACT_FROM, 2 * len(self._heap))

    def _next(self) -> float | None:
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _arm(self) -> None:
        if self._wakeup is not None:
            self._wakeup.cancel()
            self._wakeup = None
        when = self._next()
        if when is None or self._state.scale == 0 or self._advancing:
            return
        delay = (when - self.now()) / self._state.scale
        # A day at most: the loop's own timers lose precision far out, and arming again costs nothing.
        self._wakeup = asyncio.get_running_loop().call_later(min(max(0.0, delay), 86_400.0), self._wake)

    def _wake(self) -> None:
        self._wakeup = None
        self._look()
        self._fire_due()
        self._arm()

    def _fire_due(self) -> None:
        now = self.now()
        while (when := self._next()) is not None and when <= now:
            timer = heapq.heappop(self._heap)[2]
            try:
                timer.callback()
            except Exception:
                log.exception("a timer's callback failed")


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _steady() -> float:
    """Host seconds that nobody sets, and that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
