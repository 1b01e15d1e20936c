"""One group's files: what is appended where, and what a reader must look at."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from cloudarium.services.logs.storage import segment
from cloudarium.services.logs.storage.batch import Batch, joined
from cloudarium.services.logs.storage.segment import Block, Segment
from cloudarium.services.logs.storage.sweep import Piece
from cloudarium.services.logs.storage.wal import Wal

log = logging.getLogger(__name__)

SEAL_BYTES = 8 << 20
"""A growing file of this size is sealed."""


class Group:
    """The files of one group. ``full`` are files that no longer grow and wait to be sealed."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, which is made if need be. What a crash left half done is put right."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.segments: list[Segment] = []
        self.full: list[Wal] = []
        self.superseded: list[Wal] = []
        """Files whose segment was finished just before a crash: what they prove must be noted before they go."""
        for path in folder.glob("*.tmp"):
            path.unlink()
        for path in sorted(folder.glob("*.seg")):
            try:
                self.segments.append(Segment(path))
            except (ValueError, OSError) as error:
                # Sealed files are renamed into place whole; this one was damaged by something else. The rest is fine.
                log.error("a segment cannot be read and is left out: %s", error)
        sealed = {each.path.stem for each in self.segments}
        for path in sorted(folder.glob("*.wal")):
            (self.superseded if path.stem in sealed else self.full).append(Wal(path))
        end = max([self.full[-1].next if self.full else 0, self.segments[-1].index.end if self.segments else 0])
        self.growing = self.full.pop() if self.full else Wal(folder / f"{end:016x}.wal")

    def append(self, stream: int, ingested: int, times: list[int], messages: list[bytes]) -> int:
        """See ``Wal.append``. Afterwards ``must_seal`` may be true."""
        if self.growing.size >= SEAL_BYTES:
            self._turn()
        return self.growing.append(stream, ingested, times, messages)

    @property
    def must_seal(self) -> bool:
        """Whether there is something for ``seal``."""
        return bool(self.full) or self.growing.size >= SEAL_BYTES

    @property
    def stored(self) -> int:
        """Bytes on disk."""
        return sum(s.stored for s in self.segments) + sum(w.size for w in self.full) + self.growing.size

    @property
    def next(self) -> int:
        """The sequence number that the next event gets."""
        return self.growing.next

    def _turn(self) -> None:
        grown = self.growing
        self.growing = Wal(self.folder / f"{grown.next:016x}.wal")
        self.full.append(grown)

    def drop_superseded(self) -> None:
        """Remove what has its segment."""
        for wal in self.superseded:
            wal.path.unlink(missing_ok=True)
        self.superseded.clear()

    # -- sealing ---------------------------------------------------------------------------------------------------

    def to_seal(self) -> Wal | None:
        """The next file to hand to ``seal``."""
        if not self.full and self.growing.size >= SEAL_BYTES:
            self._turn()
        return self.full[0] if self.full else None

    def seal(self, wal: Wal) -> Segment | None:
        """Write the segment of a full file. Runs in a thread: touches nothing of the group's own."""
        path = wal.path.with_suffix(".seg")
        if not len(wal.frames):
            return None
        segment.write(path, wal.load(list(range(len(wal.frames)))).sorted(), wal.next)
        return Segment(path)

    def sealed(self, wal: Wal, made: Segment | None) -> None:
        """Take the segment in the place of the file."""
        if wal not in self.full:
            # Retention or a deletion came in between.
            if made is not None:
                made.path.unlink(missing_ok=True)
            return
        self.full.remove(wal)
        wal.path.unlink(missing_ok=True)
        if made is not None:
            self.segments.append(made)
            self.segments.sort(key=lambda each: each.index.base)

    # -- reading ---------------------------------------------------------------------------------------------------

    def pieces(self, start: int, end: int, streams: frozenset[int] | None) -> Iterator[Piece]:
        """What may have events between two times (inclusive)."""
        for each in self.segments:
            if each.index.first <= end and each.index.last >= start:
                for block in each.blocks(start, end, streams):
                    yield Piece(block.first, block.last, partial(_block, each, block, streams))
        for wal in (*self.full, self.growing):
            frames = wal.frames
            for run in wal.runs(start, end, streams):
                first, last = min(frames.firsts[i] for i in run), max(frames.lasts[i] for i in run)
                yield Piece(first, last, partial(_run, wal, run))

    def since(self, seq: int) -> Iterator[Batch]:
        """Events with sequence numbers from ``seq`` on, in that order, a few MiB at a time."""
        for each in self.segments:
            if each.index.end > seq:
                yield from _tail(each, seq)
        for wal in (*self.full, self.growing):
            for run in wal.runs(-(1 << 62), 1 << 62, None, seq):
                batch = wal.load(run)
                yield batch.cut(bisect_left(batch.seqs, seq), len(batch))

    # -- forgetting ------------------------------------------------------------------------------------------------

    def expire(self, before: int) -> int:
        """Delete files all of whose events are older than ``before``; how many."""
        gone = [each for each in self.segments if each.index.last < before]
        for each in gone:
            each.path.unlink(missing_ok=True)
        if len(self.growing.frames) and self.growing.span[1] < before:
            self._turn()
        old = [wal for wal in self.full if wal.span[1] < before]
        for wal in old:
            wal.path.unlink(missing_ok=True)
        self.segments = [each for each in self.segments if each not in gone]
        self.full = [wal for wal in self.full if wal not in old]
        return len(gone) + len(old)


def _block(owner: Segment, block: Block, streams: frozenset[int] | None) -> Batch | None:
    batch = owner.load(block)
    if batch is None or streams is None or (block.streams and streams.issuperset(block.streams)):
        return batch
    return batch.of_streams(streams)


def _run(wal: Wal, run: list[int]) -> Batch:
    return wal.load(run).sorted()


def _tail(owner: Segment, seq: int) -> Iterator[Batch]:
    parts = [batch for block in owner.index.blocks if (batch := owner.load(block)) is not None]
    if parts:
        whole = joined(parts).by_sequence()
        if whole.seqs[-1] >= seq:
            yield whole.cut(bisect_left(whole.seqs, seq), len(whole))
