"""Reading a container's spool (see ``shim.spool``): frames from segments, lines from frames. No waiting here."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Literal

from cloudarium.substrate.compute.runc.shim.spool import END, HEADER, PARTIAL, PIECE, segments
from cloudarium.substrate.compute.spec import LogRecord

_POSITION = struct.Struct("<QQ")
_BATCH = 1024 * 1024
"""Bytes read at once: more than the longest frame."""


def lines(stream: Literal["stdout", "stderr"], when: float, data: bytes, partial: bool) -> list[LogRecord]:
    """The records of a frame: lines without their break, long ones in pieces as Docker makes them."""
    parts = data.split(b"\n")
    last = parts.pop()
    found = []
    for line in parts:
        if len(line) > PIECE:
            pieces = [line[start : start + PIECE] for start in range(0, len(line), PIECE)]
            found += [LogRecord(stream=stream, time=when, data=piece, partial=True) for piece in pieces[:-1]]
            line = pieces[-1]
        found.append(LogRecord(stream=stream, time=when, data=line))
    # A frame of pieces has no break; neither has the unfinished last line of a stream.
    pieces = [last[start : start + PIECE] for start in range(0, len(last), PIECE)]
    for number, piece in enumerate(pieces):
        goes_on = partial or number < len(pieces) - 1
        found.append(LogRecord(stream=stream, time=when, data=piece, partial=goes_on))
    return found


class Reader:
    """The reading end of a spool, from what was acknowledged last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ended = False
        self._fd = -1
        try:
            self._acked = _POSITION.unpack((folder / "acked").read_bytes())
        except (OSError, struct.error):
            self._acked = (0, 0)
        self._number, self._offset = self._acked
        self._pending = b""

    @property
    def position(self) -> list[int]:
        """Segment and offset of what is read next."""
        return [self._number, self._offset]

    @property
    def dropped(self) -> int:
        """Bytes that were thrown away before anybody read them."""
        try:
            return int.from_bytes((self._folder / "dropped").read_bytes(), "little")
        except OSError:
            return 0

    def read(self) -> list[LogRecord]:
        """What is there now, up to some MiB; empty when there is nothing (yet, or ever: ``ended``)."""
        found: list[LogRecord] = []
        while not found and not self.ended:
            if self._fd < 0 and not self._open():
                return []
            data = os.pread(self._fd, _BATCH, self._offset)
            used = self._frames(data, found)
            self._offset += used
            if used:
                continue
            if not self._has_next():
                return []
            os.close(self._fd)
            self._fd = -1
        return found

    def _frames(self, data: bytes, found: list[LogRecord]) -> int:
        used = 0
        while len(data) - used >= HEADER.size:
            size, when, stream, flags = HEADER.unpack_from(data, used)
            end = used + HEADER.size + size
            if end > len(data):
                break
            if stream == END:
                # Not passed: whoever reads again must see it again.
                self.ended = True
                break
            name: Literal["stdout", "stderr"] = "stdout" if stream == 1 else "stderr"
            found += lines(name, when, data[used + HEADER.size : end], bool(flags & PARTIAL))
            used = end
        return used

    def _open(self) -> bool:
        """Open the segment to read, or the first after it when it is gone or finished."""
        for number in self._numbers():
            if number < self._number:
                continue
            path = self._folder / f"{number:010d}"
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            if number != self._number:
                self._number, self._offset = number, 0
            elif os.fstat(fd).st_size <= self._offset and self._has_next():
                os.close(fd)
                continue
            self._fd = fd
            return True
        return False

    def _has_next(self) -> bool:
        return any(number > self._number for number in self._numbers())

    def _numbers(self) -> list[int]:
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return segments(fd)
        finally:
            os.close(fd)

    def ack(self) -> None:
        """All that was read is done with."""
        if (self._number, self._offset) == self._acked:
            return
        for number in self._numbers():
            if number < self._number:
                (self._folder / f"{number:010d}").unlink(missing_ok=True)
        self._acked = (self._number, self._offset)
        # Sixteen bytes at once: another process of ours sees the old position or the new one.
        fd = os.open(self._folder / "acked", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(fd, _POSITION.pack(*self._acked), 0)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Let go of the segment."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
