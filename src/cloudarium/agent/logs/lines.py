"""Bytes into lines, whatever the chunks they come in, in bounded memory.

A line longer than the limit keeps its beginning and loses the rest, which is said with it. What has no end yet waits:
the writer may still be writing it.
"""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One line without its end. ``end`` is the file's offset behind it."""

    data: bytes
    end: int
    cut: bool


class Lines:
    """Cuts a stream of bytes that starts at ``offset`` of a file. ``newline`` is as wide as a character."""

    def __init__(self, newline: bytes, limit: int, offset: int = 0) -> None:
        self._newline = newline
        self._limit = limit
        self._buffer = bytearray()
        self._dropped = 0
        self.offset = offset
        """Where the line that is being read starts."""

    @property
    def read(self) -> int:
        """The offset up to which bytes were taken in."""
        return self.offset + self._dropped + len(self._buffer)

    def feed(self, data: bytes) -> list[Line]:
        """The lines that ``data`` completes."""
        scan = max(0, len(self._buffer) - len(self._newline) + 1)
        self._buffer += data
        lines: list[Line] = []
        start = 0
        while (found := self._find(max(scan, start))) >= 0:
            end = found + len(self._newline)
            line = bytes(self._buffer[start : min(found, start + self._limit)])
            cut = self._dropped > 0 or found - start > self._limit
            self.offset += self._dropped + end - start
            self._dropped = 0
            lines.append(Line(line, self.offset, cut))
            start = end
        del self._buffer[:start]
        # A few bytes past the limit stay, so that a newline split between two chunks is still seen as one.
        spare = len(self._buffer) - self._limit - 2 * len(self._newline)
        if spare > 0:
            spare -= spare % len(self._newline)
            del self._buffer[self._limit : self._limit + spare]
            self._dropped += spare
        return lines

    def rest(self) -> Line | None:
        """What is there without an end, for a file that will not be written any more."""
        if not self._buffer:
            return None
        end = self.read
        line = Line(bytes(self._buffer[: self._limit]), end, self._dropped > 0 or len(self._buffer) > self._limit)
        self._buffer.clear()
        self.offset, self._dropped = end, 0
        return line

    def _find(self, start: int) -> int:
        width = len(self._newline)
        start -= start % width
        at = self._buffer.find(self._newline, start)
        while at >= 0 and at % width:
            at = self._buffer.find(self._newline, at + 1)
        return at
