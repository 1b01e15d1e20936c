"""The growing end of a group: frames, each what one PutLogEvents brought for one stream."""

from __future__ import annotations

import logging
import os
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from cloudarium.services.logs.storage.batch import Batch, joined, of_stream

log = logging.getLogger(__name__)

_HEADER = struct.Struct("<4sIIqqqqqI")
"""Magic, length and checksum of what follows; sequence number of the first event, stream, first and last time, time of
ingestion, number of events."""
_MAGIC = b"CWLF"
_CHUNK = 1 << 20
"""Frames are read back this many bytes at a time."""


class Frames:
    """Where frames are in the file and what is in them, as columns: a small frame must not cost a Python object."""

    __slots__ = ("counts", "ends", "firsts", "ingested", "lasts", "seqs", "streams")

    def __init__(self) -> None:
        self.ends = array("q")
        self.seqs = array("q")
        self.streams = array("q")
        self.firsts = array("q")
        self.lasts = array("q")
        self.ingested = array("q")
        self.counts = array("q")

    def __len__(self) -> int:
        return len(self.ends)


class Wal:
    """One ``.wal`` file. Its descriptor stays open as long as anybody reads, also after the file was sealed."""

    def __init__(self, path: Path) -> None:
        """Open or create; a frame that a crash cut off is cut away."""
        self.path = path
        self.base = int(path.stem, 16)
        self.size = 0
        self.frames = Frames()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._recover()

    def __del__(self) -> None:
        if (fd := getattr(self, "_fd", -1)) >= 0:
            os.close(fd)

    @property
    def next(self) -> int:
        """The sequence number after the last event."""
        frames = self.frames
        return frames.seqs[-1] + frames.counts[-1] if len(frames) else self.base

    @property
    def span(self) -> tuple[int, int]:
        """First and last time of an event; (0, -1) when there is none."""
        return (min(self.frames.firsts), max(self.frames.lasts)) if len(self.frames) else (0, -1)

    def append(self, stream: int, ingested: int, times: list[int], messages: list[bytes]) -> int:
        """Append events sorted by time; durable (in the kernel) on return. Returns the first sequence number.

        Raises ``OSError`` when the disk refuses; the file is then as it was.
        """
        body = b"".join([array("q", times).tobytes(), array("I", map(len, messages)).tobytes(), *messages])
        first = self.next
        fields = (first, stream, times[0], times[-1], ingested, len(times))
        data = _HEADER.pack(_MAGIC, len(body), crc32(body), *fields) + body
        try:
            written = os.pwrite(self._fd, data, self.size)
            while written < len(data):
                written += os.pwrite(self._fd, memoryview(data)[written:], self.size + written)
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self._note(len(data), *fields)
        return first

    def _note(self, length: int, seq: int, stream: int, first: int, last: int, ingested: int, count: int) -> None:
        self.size += length
        frames = self.frames
        frames.ends.append(self.size)
        frames.seqs.append(seq)
        frames.streams.append(stream)
        frames.firsts.append(first)
        frames.lasts.append(last)
        frames.ingested.append(ingested)
        frames.counts.append(count)

    def _recover(self) -> None:
        end = os.fstat(self._fd).st_size
        while (frame := self._frame(self.size, end)) is not None:
            self._note(*frame)
        if self.size < end:
            self._cut_away(end)

    def _frame(self, at: int, end: int) -> tuple[int, int, int, int, int, int, int] | None:
        """Length and fields of a frame, if there is a whole one."""
        header = os.pread(self._fd, _HEADER.size, at)
        if len(header) < _HEADER.size:
            return None
        magic, length, checksum, seq, stream, first, last, ingested, count = _HEADER.unpack(header)
        if magic != _MAGIC or at + _HEADER.size + length > end:
            return None
        if crc32(os.pread(self._fd, length, at + _HEADER.size)) != checksum:
            return None
        return _HEADER.size + length, seq, stream, first, last, ingested, count

    def _cut_away(self, end: int) -> None:
        """Remove what is no frame. A crash leaves that at the end only: frames behind it tell of other damage.

        Nothing within a frame that was cut off or damaged counts as one: messages may hold what looks like a frame.
        """
        begin, rest = self.size, os.pread(self._fd, end - self.size, self.size)
        told = rest.startswith(_MAGIC) and len(rest) >= _HEADER.size
        kept, found = bytearray(), rest.find(_MAGIC, _HEADER.size + _HEADER.unpack_from(rest)[1] if told else 1)
        while found >= 0:
            frame = self._frame(begin + found, end)
            if frame is not None:
                kept += rest[found : found + frame[0]]
                self._note(*frame)
            found = rest.find(_MAGIC, found + (frame[0] if frame is not None else 1))
        if not kept:
            os.ftruncate(self._fd, begin)
            return
        log.error("%s is damaged: %d bytes between its events are left out", self.path, len(rest) - len(kept))
        whole = self.path.with_suffix(".tmp")
        with whole.open("wb") as file:
            file.write(os.pread(self._fd, begin, 0) + kept)
        os.rename(whole, self.path)
        os.close(self._fd)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)

    def runs(self, start: int, end: int, streams: frozenset[int] | None, seq: int = 0) -> Iterator[list[int]]:
        """Frames with events from ``start`` to ``end`` (both inclusive) and from ``seq`` on, about 1 MiB together."""
        frames = self.frames
        # Whoever reads on from where it was does not look at thousands of small frames before that.
        first = max(0, bisect_right(frames.seqs, seq) - 1)
        run, size, before = [], 0, frames.ends[first - 1] if first else 0
        for index in range(first, len(frames)):
            length, before = frames.ends[index] - before, frames.ends[index]
            if frames.firsts[index] > end or frames.lasts[index] < start:
                continue
            if streams is not None and frames.streams[index] not in streams:
                continue
            if frames.seqs[index] + frames.counts[index] <= seq:
                continue
            run.append(index)
            size += length
            if size >= _CHUNK:
                yield run
                run, size = [], 0
        if run:
            yield run

    def load(self, run: list[int]) -> Batch:
        """The events of some frames, in order of sequence numbers."""
        frames = self.frames
        begin = frames.ends[run[0] - 1] if run[0] else 0
        length = frames.ends[run[-1]] - begin
        contiguous = run[-1] - run[0] == len(run) - 1
        data = memoryview(os.pread(self._fd, length, begin)) if contiguous else memoryview(b"")
        parts = []
        for index in run:
            at = frames.ends[index - 1] if index else 0
            size = frames.ends[index] - at
            view = data[at - begin : at - begin + size] if contiguous else memoryview(os.pread(self._fd, size, at))
            parts.append(self._part(index, view[_HEADER.size :]))
        return joined(parts)

    def _part(self, index: int, body: memoryview) -> Batch:
        frames = self.frames
        count = frames.counts[index]
        times, lengths = array("q"), array("I")
        times.frombytes(body[: 8 * count])
        lengths.frombytes(body[8 * count : 12 * count])
        stream, seq = frames.streams[index], frames.seqs[index]
        return of_stream(stream, seq, frames.ingested[index], times, lengths, bytes(body[12 * count :]))
