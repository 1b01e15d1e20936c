"""Blocks whose times overlap, read as one stream of events in order of time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cloudarium.services.logs.storage.batch import Batch, merged


class Piece(NamedTuple):
    """Some events that can be loaded: first and last time, and how. ``load`` gives sorted events, or none at all."""

    first: int
    last: int
    load: Callable[[], Batch | None]


def ascending(pieces: Iterable[Piece], start: int, end: int) -> Iterator[Batch]:
    """Events from ``start`` to ``end`` (inclusive), oldest first. A piece is loaded when its first time comes up."""
    pool: list[Batch] = []
    for piece in sorted(pieces, key=lambda each: each.first):
        ready, rest = [], []
        for batch in pool:
            cut = bisect_left(batch.times, piece.first)
            if cut:
                ready.append(batch.cut(0, cut))
            if cut < len(batch):
                rest.append(batch.cut(cut, len(batch)))
        if ready:
            yield merged(ready)
        pool = rest
        if (more := _clipped(piece, start, end)) is not None:
            pool.append(more)
    if pool:
        yield merged(pool)


def descending(pieces: Iterable[Piece], start: int, end: int) -> Iterator[Batch]:
    """The same events, batches newest first; within a batch the oldest come first all the same."""
    pool: list[Batch] = []
    for piece in sorted(pieces, key=lambda each: each.last, reverse=True):
        ready, rest = [], []
        for batch in pool:
            cut = bisect_right(batch.times, piece.last)
            if cut < len(batch):
                ready.append(batch.cut(cut, len(batch)))
            if cut:
                rest.append(batch.cut(0, cut))
        if ready:
            yield merged(ready)
        pool = rest
        if (more := _clipped(piece, start, end)) is not None:
            pool.append(more)
    if pool:
        yield merged(pool)


def _clipped(piece: Piece, start: int, end: int) -> Batch | None:
    batch = piece.load()
    if batch is None or not len(batch):
        return None
    times = batch.times
    if times[0] >= start and times[-1] <= end:
        return batch
    low, high = bisect_left(times, start), bisect_right(times, end)
    return batch.cut(low, high) if low < high else None
