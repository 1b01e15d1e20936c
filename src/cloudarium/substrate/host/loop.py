"""A selector with timers: all the event loop the host agent needs, at none of asyncio's weight."""

from __future__ import annotations

import heapq
import selectors
import sys

# Host time, not the cloud's: this process guards real sockets and real processes, and knows nothing of the cloud.
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Timer:
    """A pending call; ``cancel`` is idempotent."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback: Callable[[], object] | None = callback

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when

    def cancel(self) -> None:
        """Make the call not happen."""
        self.callback = None


class Loop:
    """Calls back when a socket is ready or a time has come. A callback that fails is reported and the loop goes on."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[Timer] = []

    @staticmethod
    def now() -> float:
        """Monotonic host seconds."""
        return monotonic()

    def watch(self, sock: socket | int, events: int, callback: Callable[[int], object]) -> None:
        """Call ``callback(events)`` while ``sock`` is ready for any of ``events``; replaces an earlier watch."""
        try:
            self._selector.modify(sock, events, callback)
        except KeyError:
            self._selector.register(sock, events, callback)

    def unwatch(self, sock: socket | int) -> None:
        """Stop watching; harmless when not watched. Must come before closing."""
        try:
            self._selector.unregister(sock)
        except (KeyError, ValueError):
            pass

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call ``callback()`` after ``delay`` seconds."""
        timer = Timer(monotonic() + delay, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def turn(self) -> None:
        """Wait for the next thing to happen and do it."""
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        timeout = max(0.0, self._timers[0].when - monotonic()) if self._timers else None
        for key, events in self._selector.select(timeout):
            # An earlier callback of this turn may have closed or re-watched what was ready a moment ago.
            if self._selector.get_map().get(key.fd) is key:
                self._run(key.data, events)
        now = monotonic()
        while self._timers and self._timers[0].when <= now:
            callback = heapq.heappop(self._timers).callback
            if callback is not None:
                self._run(callback)

    @staticmethod
    def _run(callback: Callable[..., object], *args: object) -> None:
        try:
            callback(*args)
        except Exception:
            import traceback  # 5 ms that a start without a defect need not pay

            traceback.print_exc(file=sys.stderr)

    def close(self) -> None:
        """Release the selector; the watched sockets stay open."""
        self._selector.close()
