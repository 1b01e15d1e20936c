"""One page of events: up to a number of events and 1 MiB of messages, forwards or backwards from a place."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from cloudarium.services.logs.eventids import Place
from cloudarium.services.logs.storage import Batch, LogStorage

PAGE_BYTES = 1_048_576
SCAN_BYTES = 256 << 20
"""A search that has looked at this much without filling a page answers what it has, with a token to go on."""


class Event(NamedTuple):
    """One event of a page."""

    time: int
    ingested: int
    stream: int
    seq: int
    message: bytes

    @property
    def place(self) -> Place:
        """Where it is in the order of events."""
        return self.time, self.seq


class Page(NamedTuple):
    """Events found, in the order in which they were looked for, and where to go on (None: everything was seen)."""

    events: list[Event]
    next: Place | None


class Selects(Protocol):
    """A compiled filter pattern."""

    def select(self, batch: Batch) -> Sequence[int]:
        """Indexes of the events that match, in order."""


async def read(
    storage: LogStorage,
    group: str,
    start: int,
    end: int,
    streams: Collection[int] | None,
    *,
    after: Place | None = None,
    backwards: bool = False,
    limit: int = 10_000,
    pattern: Selects | None = None,
) -> Page:
    """Events from ``start`` to ``end`` (both inclusive, milliseconds), beyond ``after``.

    Backwards the newest come first. Other work of the loop goes on between batches.
    """
    if after is not None:
        start, end = (start, min(end, after[0])) if backwards else (max(start, after[0]), end)
    found: list[Event] = []
    size = seen = 0
    for batch in storage.scan(group, start, end, streams, newest_first=backwards):
        indexes: Sequence[int] = range(len(batch)) if pattern is None else pattern.select(batch)
        for index in reversed(indexes) if backwards else indexes:
            event = _event(batch, index)
            if after is not None and (event.place >= after if backwards else event.place <= after):
                continue
            if found and size + len(event.message) > PAGE_BYTES:
                return Page(found, found[-1].place)
            found.append(event)
            size += len(event.message)
            if len(found) == limit:
                return Page(found, event.place)
        seen += len(batch.blob)
        if seen > SCAN_BYTES:
            edge = 0 if backwards else -1
            return Page(found, (batch.times[edge], batch.seqs[edge]))
        await asyncio.sleep(0)
    return Page(found, None)


def _event(batch: Batch, index: int) -> Event:
    return Event(
        batch.times[index], batch.ingested[index], batch.streams[index], batch.seqs[index], batch.message(index)
    )
