"""Coarse I/O deadlines: one timer that scans four times a second, instead of a timer per request.

These guard sockets, not the cloud's time, so they run on the loop's clock (ARCHITECTURE.md, "The clock").
"""

import asyncio
from typing import Final, Protocol

INTERVAL: Final = 0.25
NO_DEADLINE: Final = float("inf")


class Watched(Protocol):
    """Something with a deadline."""

    deadline: float
    """On the wheel's time; NO_DEADLINE when there is none."""

    def on_deadline(self) -> None:
        """The deadline has passed. Called at every tick until it is moved or the watch ends."""


class Wheel:
    """Calls `on_deadline` of what it watches, never early and at most half a second late.

    Deadlines are counted from the last tick's time, so each is given the interval that may have passed since.
    """

    __slots__ = ("_timer", "loop", "time", "watched")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.time = loop.time()
        """Seconds, as of the last tick: reading it costs nothing."""
        self.watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin ticking."""
        if self._timer is None:
            self._timer = self.loop.call_later(INTERVAL, self._tick)

    def stop(self) -> None:
        """Stop ticking; deadlines no longer fire."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def advance(self, seconds: float) -> None:
        """Move the time and fire what is due; for tests, and for each tick."""
        self.time += seconds
        now = self.time - INTERVAL
        for each in [each for each in self.watched if each.deadline <= now]:
            each.on_deadline()

    def _tick(self) -> None:
        self._timer = self.loop.call_later(INTERVAL, self._tick)
        self.advance(max(0.0, self.loop.time() - self.time))
