"""Events of groups as relations for DuckDB, straight from the storage's batches."""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cloudarium.services.logs.insights.arrow import Column, Relation, Texts
from cloudarium.services.logs.reading.pages import Event
from cloudarium.services.logs.storage import Batch
from cloudarium.services.logs.storage.batch import offsets_of
from cloudarium.services.logs.storage.sweep import Piece

Mask = Callable[[Event], str]
_STREAMS = 10_000
"""Streams in a batch."""


class Stopped(Exception):
    """The query was stopped."""


class Group(NamedTuple):
    """A group that is queried. ``oldest``: what is before has expired. ``mask`` is None where nothing is hidden."""

    uid: str
    name: str
    account: str
    region: str
    oldest: int
    mask: Mask | None


class Events:
    """Events of a time range (both ends inclusive, milliseconds), with counts of what was looked at."""

    def __init__(
        self, parts: Sequence[tuple[Group, list[Piece]]], start: int, end: int, raw: bool, stopped: Callable[[], bool]
    ) -> None:
        """``raw``: with a column of messages that hides nothing. ``stopped`` is asked before every piece."""
        self._parts = parts
        self._range = start, end
        self._raw = raw
        self._stopped = stopped
        self.records = 0
        self.bytes = 0

    def relation(self) -> Relation:
        """A relation of time, ingested, stream, seq, message and, if wanted, raw."""
        names: list[tuple[str, type]] = [(name, int) for name in ("time", "ingested", "stream", "seq")]
        return Relation([*names, ("message", str), *([("raw", str)] if self._raw else [])], self._batches)

    def _batches(self) -> Iterator[Sequence[Column]]:
        self.records = self.bytes = 0
        start, end = self._range
        for group, pieces in self._parts:
            low = max(start, group.oldest)
            for piece in pieces:
                if self._stopped():
                    raise Stopped("the query was stopped")
                batch = piece.load()
                if batch is None:
                    continue
                batch = batch.cut(bisect_left(batch.times, low), bisect_right(batch.times, end))
                if len(batch):
                    self.records += len(batch)
                    self.bytes += batch.offsets[-1] - batch.offsets[0]
                    yield self._columns(group, batch)

    def _columns(self, group: Group, batch: Batch) -> Sequence[Column]:
        message = shown = Texts(batch.offsets, batch.blob)
        if group.mask is not None:
            shown = _masked(batch, group.mask)
        columns: list[Column] = [batch.times, batch.ingested, batch.streams, batch.seqs, shown]
        return [*columns, message] if self._raw else columns


def _masked(batch: Batch, mask: Mask) -> Texts:
    """What is sensitive is hidden before anything is computed of it, so that no query gives it away."""
    rows = zip(batch.times, batch.ingested, batch.streams, batch.seqs, batch.messages(), strict=True)
    messages = [mask(Event(*row)).encode() for row in rows]
    return Texts(offsets_of(map(len, messages)), b"".join(messages))


def streams(catalog: Path, groups: Sequence[Group]) -> Relation:
    """The streams of groups: id, number (the group's place among ``groups``), stream_name. Deleted ones are missing."""

    def batches() -> Iterator[Sequence[Column]]:
        # A connection of its own: that of the storage belongs to the loop.
        connection = sqlite3.connect(f"file:{catalog}?mode=ro", uri=True, check_same_thread=False)
        try:
            for number, group in enumerate(groups):
                found = connection.execute("SELECT id, name FROM streams WHERE grp = ?", (group.uid,))
                while rows := found.fetchmany(_STREAMS):
                    names = [name.encode() for _, name in rows]
                    yield [
                        array("q", [row[0] for row in rows]),
                        array("q", [number]) * len(rows),
                        Texts(offsets_of(map(len, names)), b"".join(names)),
                    ]
        finally:
            connection.close()

    return Relation([("id", int), ("number", int), ("stream_name", str)], batches)
