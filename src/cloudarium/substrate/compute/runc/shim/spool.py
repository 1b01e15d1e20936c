"""A container's output on disk until somebody has it: numbered segments of frames, written here, read by ``reader``.

A frame is a header (length, time, stream, flags) and what one read of a pipe gave: whole lines, many at a time, so
that the cost is per read and not per line. A line that is not finished waits in memory; past 16 KiB its pieces go out
marked as partial, as Docker does. Segments that were acknowledged are deleted by the reader; the writer only counts
what lies there. A frame that was cut off by the death of its writer is not there.
"""

from __future__ import annotations

import os
import struct

HEADER = struct.Struct("<IdBB")
"""Length of the data, host epoch seconds, stream (1 stdout, 2 stderr, 0 the end), flags."""
PARTIAL = 1
PIECE = 16 * 1024
SEGMENT = 1024 * 1024
END = 0


def segments(folder: int) -> list[int]:
    """The numbers of the segments in a folder (its descriptor), in order."""
    return sorted(int(name) for name in os.listdir(folder) if name.isdigit())


class Nowhere:
    """Output that nobody wants."""

    full = False
    position = (0, 0)

    def acknowledge(self, position: tuple[int, int]) -> None:
        """Nothing lies anywhere."""

    def add(self, stream: int, data: bytes, now: float) -> None:
        """Forget it."""

    def finish(self, now: float) -> None:
        """The end of nothing."""


class Spool:
    """The writing end.

    Args:
        folder: descriptor of the folder, which is taken over.
        limit: bytes that may wait.
        lossy: drop the oldest when there is more, instead of being ``full``.
    """

    def __init__(self, folder: int, limit: int, lossy: bool) -> None:
        self._folder = folder
        self._limit = limit
        self._segment_size = max(64 * 1024, min(SEGMENT, limit // 4))
        self._lossy = lossy
        self._rest = {1: b"", 2: b""}
        self._number = (segments(folder) or [0])[-1]
        self._fd = -1
        self._size = 0
        self._older = 0
        self._dropped = 0
        self._acked = (0, 0)
        self.rescan()

    @property
    def full(self) -> bool:
        """Whether the writers must wait."""
        if self._lossy or self._older + self._size < self._limit:
            return False
        self.rescan()
        done = self._acked[1] if self._acked[0] == self._number else 0
        return self._older + self._size - done >= self._limit

    def acknowledge(self, position: tuple[int, int]) -> None:
        """The reader is done with all before ``position``, and has deleted the segments before it."""
        self._acked = position

    @property
    def position(self) -> tuple[int, int]:
        """Where the next frame goes: segment and offset."""
        return self._number, self._size

    def rescan(self) -> None:
        """Count anew what lies in older segments: the reader deletes them."""
        self._older = 0
        for number in segments(self._folder):
            if number != self._number:
                try:
                    self._older += os.stat(f"{number:010d}", dir_fd=self._folder).st_size
                except FileNotFoundError:
                    pass

    def add(self, stream: int, data: bytes, now: float) -> None:
        """Take what was read from a stream; empty data is its end."""
        rest = self._rest[stream]
        cut = data.rfind(b"\n") + 1
        if not data:
            if rest:
                self._write(stream, rest, now, 0)
                self._rest[stream] = b""
            return
        if cut:
            # Pieces are whole multiples, so the line is cut where it would be cut had it come at once.
            self._write(stream, rest + data[:cut] if rest else data[:cut], now, 0)
            rest = data[cut:]
        else:
            rest += data
        pieces = len(rest) // PIECE * PIECE
        if pieces:
            self._write(stream, rest[:pieces], now, PARTIAL)
            rest = rest[pieces:]
        self._rest[stream] = rest

    def finish(self, now: float) -> None:
        """Write what is left, and the end."""
        for stream in (1, 2):
            self.add(stream, b"", now)
        self._write(END, b"", now, 0)

    def _write(self, stream: int, data: bytes, now: float, flags: int) -> None:
        if self._fd < 0 or self._size >= self._segment_size:
            self._roll()
        frame = [HEADER.pack(len(data), now, stream, flags), data]
        try:
            size = sum(map(len, frame))
            written = os.writev(self._fd, frame)
            while written < size:
                written += os.write(self._fd, b"".join(frame)[written:])
        except OSError:
            # No room on the disk. What was written of the frame must not be taken for one; the container goes on.
            os.ftruncate(self._fd, self._size)
            self._count_dropped(len(data))
            return
        self._size += size

    def _roll(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._older += self._size
        self._number += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(f"{self._number:010d}", flags, 0o600, dir_fd=self._folder)
        self._size = 0
        if self._lossy and self._older + self._segment_size > self._limit:
            self._drop()

    def _drop(self) -> None:
        self.rescan()
        for number in segments(self._folder):
            if number == self._number or self._older + self._segment_size <= self._limit:
                break
            name = f"{number:010d}"
            try:
                size = os.stat(name, dir_fd=self._folder).st_size
                os.unlink(name, dir_fd=self._folder)
            except FileNotFoundError:
                continue
            self._older -= size
            self._count_dropped(size)

    def _count_dropped(self, size: int) -> None:
        self._dropped += size
        fd = os.open("dropped", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=self._folder)
        os.pwrite(fd, struct.pack("<Q", self._dropped), 0)
        os.close(fd)
