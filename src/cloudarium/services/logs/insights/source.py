"""Events of groups as relations for DuckDB, straight from the storage's batches."""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cloudarium.services.logs.insights.arrow import Column, Relation, Texts
from cloudarium.services.logs.reading.pages import Event
from cloudarium.services.logs.storage import Batch
from cloudarium.services.logs.storage.batch import offsets_of
from cloudarium.services.logs.storage.sweep import Piece

Mask = Callable[[Event], str]
_ROWS = 10_000
"""Rows of the catalog in a batch."""


class Stopped(Exception):
    """The query was stopped."""


class Group(NamedTuple):
    """A group that is queried. ``oldest``: what is before has expired. ``mask`` is None where nothing is hidden.

    ``indexed``: fields, each with a time of ingestion from which on it was indexed, and one from which on no more.
    """

    uid: str
    name: str
    account: str
    region: str
    oldest: int
    mask: Mask | None
    indexed: tuple[tuple[str, int, int], ...] = ()


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

    def columns(number: int, rows: list[tuple[int, str]]) -> Sequence[Column]:
        ids, names = zip(*rows, strict=True)
        return [array("q", ids), array("q", [number]) * len(rows), _texts(names)]

    query = "SELECT id, name FROM streams WHERE grp = ?"
    return Relation(
        [("id", int), ("number", int), ("stream_name", str)], lambda: _rows(catalog, groups, query, columns)
    )


def entities(catalog: Path, groups: Sequence[Group]) -> Relation:
    """What events of groups belong to: stream, since (a sequence number), entity (empty where they belong to none)."""

    def columns(number: int, rows: list[tuple[int, int, str]]) -> Sequence[Column]:
        ids, since, texts = zip(*rows, strict=True)
        return [array("q", ids), array("q", since), _texts(texts)]

    query = (
        "SELECT stream, since, ifnull(entity, '') FROM entities JOIN streams ON streams.id = entities.stream "
        "WHERE streams.grp = ?"
    )
    return Relation([("stream", int), ("since", int), ("entity", str)], lambda: _rows(catalog, groups, query, columns))


def _rows(
    catalog: Path, groups: Sequence[Group], query: str, columns: Callable[[int, list[Any]], Sequence[Column]]
) -> Iterator[Sequence[Column]]:
    """What the catalog has of each group, in batches."""
    # A connection of its own: that of the storage belongs to the loop.
    connection = sqlite3.connect(f"file:{catalog}?mode=ro", uri=True, check_same_thread=False)
    try:
        for number, group in enumerate(groups):
            found = connection.execute(query, (group.uid,))
            while rows := found.fetchmany(_ROWS):
                yield columns(number, rows)
    finally:
        connection.close()


def _texts(texts: Sequence[str]) -> Texts:
    encoded = [text.encode() for text in texts]
    return Texts(offsets_of(map(len, encoded)), b"".join(encoded))
