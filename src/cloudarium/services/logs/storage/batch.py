"""Events as columns, laid out as Arrow lays them out."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise, repeat


class Batch:
    """Some events of one group, sorted by (time, sequence number) unless said otherwise.

    ``times`` and ``ingested`` are milliseconds since 1970, ``streams`` are ids of the catalog, ``seqs`` sequence
    numbers (all int64); message ``i`` is ``blob[offsets[i]:offsets[i + 1]]`` in UTF-8 (``offsets`` is int32, n + 1).
    """

    __slots__ = ("blob", "ingested", "offsets", "seqs", "streams", "times")

    def __init__(
        self,
        times: array[int],
        ingested: array[int],
        streams: array[int],
        seqs: array[int],
        offsets: array[int],
        blob: bytes,
    ) -> None:
        self.times = times
        self.ingested = ingested
        self.streams = streams
        self.seqs = seqs
        self.offsets = offsets
        self.blob = blob

    def __len__(self) -> int:
        return len(self.times)

    def message(self, index: int) -> bytes:
        """One event's text in UTF-8."""
        return self.blob[self.offsets[index] : self.offsets[index + 1]]

    def messages(self) -> list[bytes]:
        """Every event's text."""
        blob, offsets = self.blob, self.offsets
        return [blob[a:b] for a, b in pairwise(offsets)]

    def cut(self, start: int, end: int) -> Batch:
        """The events ``start`` to ``end`` (exclusive)."""
        if start == 0 and end == len(self):
            return self
        first, last = self.offsets[start], self.offsets[end]
        offsets = array("i", [o - first for o in self.offsets[start : end + 1]]) if first else self.offsets[: end + 1]
        return Batch(
            self.times[start:end],
            self.ingested[start:end],
            self.streams[start:end],
            self.seqs[start:end],
            offsets,
            self.blob[first:last],
        )

    def pick(self, indexes: Sequence[int]) -> Batch:
        """The events with these indexes, in this order."""
        if len(indexes) == len(self) and indexes == range(len(self)):
            return self
        messages = [self.message(i) for i in indexes]
        return Batch(
            array("q", [self.times[i] for i in indexes]),
            array("q", [self.ingested[i] for i in indexes]),
            array("q", [self.streams[i] for i in indexes]),
            array("q", [self.seqs[i] for i in indexes]),
            offsets_of(map(len, messages)),
            b"".join(messages),
        )

    def of_streams(self, wanted: frozenset[int] | set[int]) -> Batch:
        """The events of some streams."""
        streams = self.streams
        kept = [i for i in range(len(streams)) if streams[i] in wanted]
        return self if len(kept) == len(streams) else self.pick(kept)

    def sorted(self) -> Batch:
        """The same events in order of (time, sequence number)."""
        times, seqs = self.times, self.seqs
        order = sorted(range(len(times)), key=lambda i: (times[i], seqs[i]))
        return self if order == list(range(len(times))) else self.pick(order)

    def by_sequence(self) -> Batch:
        """The same events in the order in which they came."""
        seqs = self.seqs
        order = sorted(range(len(seqs)), key=seqs.__getitem__)
        return self if order == list(range(len(seqs))) else self.pick(order)


def offsets_of(lengths: Iterable[int]) -> array[int]:
    """Arrow's offsets of consecutive texts with these lengths."""
    return array("i", accumulate(lengths, initial=0))


def of_stream(stream: int, first: int, ingested: int, times: array[int], lengths: array[int], blob: bytes) -> Batch:
    """What one PutLogEvents brought."""
    count = len(times)
    return Batch(
        times,
        array("q", repeat(ingested, count)),
        array("q", repeat(stream, count)),
        array("q", range(first, first + count)),
        offsets_of(lengths),
        blob,
    )


def joined(parts: Sequence[Batch]) -> Batch:
    """Batches one after another, not sorted."""
    if len(parts) == 1:
        return parts[0]
    columns = [array("q") for _ in range(4)]
    offsets, size = array("i", [0]), 0
    for part in parts:
        for column, more in zip(columns, (part.times, part.ingested, part.streams, part.seqs), strict=True):
            column.extend(more)
        offsets.extend([size + o for o in part.offsets[1:]] if size else part.offsets[1:])
        size += len(part.blob)
    times, ingested, streams, seqs = columns
    return Batch(times, ingested, streams, seqs, offsets, b"".join([part.blob for part in parts]))


def merged(parts: Sequence[Batch]) -> Batch:
    """Sorted batches as one sorted batch."""
    if len(parts) == 1:
        return parts[0]
    by_start = sorted(parts, key=lambda part: (part.times[0], part.seqs[0]))
    whole = joined(by_start)
    apart = all((a.times[-1], a.seqs[-1]) < (b.times[0], b.seqs[0]) for a, b in pairwise(by_start))
    return whole if apart else whole.sorted()
