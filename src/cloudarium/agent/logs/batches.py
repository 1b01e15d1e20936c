"""Events into batches that PutLogEvents takes: at most 10,000 events, 1 MB, 24 hours, in the order of their time.

A batch is always the next stretch of what was read, and the following one waits until it is acknowledged. That is what
makes a single offset per file enough to lose nothing and to send nothing twice.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Generic, NamedTuple, TypeVar

from cloudarium.agent.logs.events import Event

OVERHEAD = 26
"""Bytes that AWS counts for every event besides its message."""
_DAY = 86_400_000
Owner = TypeVar("Owner")


class Batch(NamedTuple, Generic[Owner]):
    """What goes in one request, and how far each file is done once it was taken."""

    events: list[dict[str, Any]]
    done: dict[Owner, int]
    size: int


class Batcher(Generic[Owner]):
    """The events that wait for one log stream."""

    def __init__(self, seconds: float, most_events: int, most_bytes: int) -> None:
        self._seconds = seconds
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._queue: deque[tuple[Event, Owner, float]] = deque()
        self.size = 0
        """Bytes that wait, as AWS counts them."""
        self._count = 0

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, event: Event, owner: Owner, tick: float) -> None:
        """Append an event of a file. Offsets alone take the place of the offset before them."""
        if event.message is None and self._queue:
            last, who, since = self._queue[-1]
            if who == owner and last.message is None:
                self._queue[-1] = (event, owner, since)
                return
        self._queue.append((event, owner, tick))
        if event.message is not None:
            self.size += event.size + OVERHEAD
            self._count += 1

    def ready(self, tick: float) -> bool:
        """Whether a batch should go out now: it is full, or its first event waited long enough."""
        if not self._queue:
            return False
        full = self._count >= self._most_events or self.size >= self._most_bytes
        return full or tick - self._queue[0][2] >= self._seconds

    def take(self) -> Batch[Owner]:
        """The next batch; what does not fit stays."""
        events: list[dict[str, Any]] = []
        done: dict[Owner, int] = {}
        size = 0
        first = last = 0
        while self._queue:
            event, owner, _ = self._queue[0]
            if event.message is not None:
                low, high = (event.timestamp, event.timestamp) if not events else (first, last)
                low, high = min(low, event.timestamp), max(high, event.timestamp)
                more = event.size + OVERHEAD
                full = len(events) >= self._most_events or size + more > self._most_bytes or high - low > _DAY
                if events and full:
                    break
                first, last = low, high
                size += more
                self.size -= more
                self._count -= 1
                events.append({"timestamp": event.timestamp, "message": event.message})
            done[owner] = event.end
            self._queue.popleft()
        events.sort(key=lambda each: int(each["timestamp"]))
        return Batch(events, done, size)
