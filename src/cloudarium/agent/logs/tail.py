"""One open log file: reads what is new, knows how far it got, and how far AWS has it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from cloudarium.agent.config.encodings import newline
from cloudarium.agent.logs.events import Assembler, Event
from cloudarium.agent.logs.lines import Line, Lines
from cloudarium.agent.logs.rotation import HEAD, Change, Head, Identity, digest, line_range, look
from cloudarium.agent.logs.state import Position

if TYPE_CHECKING:
    from cloudarium.agent.config.plan import FilePlan

_CHUNK = 262_144
_PROOF, _ENOUGH = 256, 32
"""Bytes before the position by which a copy of the file is known, and how many of them at least."""
_FINGERPRINT = 65_536
"""Bytes in which the older agent's fingerprint lines must lie."""


class Tail:
    """A file that is followed. Raises OSError when it cannot be opened."""

    def __init__(
        self,
        path: str,
        plan: FilePlan,
        report: Callable[[str], None],
        since: Position | None,
        *,
        older: bool = False,
        from_end: bool = False,
    ) -> None:
        self.path = path
        self._plan = plan
        self._fd: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self._fd)
        self.identity = Identity(status.st_dev, status.st_ino)
        self._head: Head | None = since.head if since else None
        offset = 0
        if since is not None and since.offset <= status.st_size and self._head_same():
            offset = since.offset
        else:
            self._head = None
            if since is None and from_end:
                offset = status.st_size
        self.committed = offset
        self.queued = offset
        self._proof: Head | None = None
        self._seen = os.pread(self._fd, min(offset, _PROOF), max(0, offset - _PROOF))
        codec, end = newline(plan.encoding, os.pread(self._fd, 4, 0))
        self._codec, self._newline = codec, end
        self._lines = Lines(end, plan.event_bytes & ~3, offset)
        self._assembler = Assembler(plan, lambda said: report(f"{path}: {said}"), older_agent=older)
        self.draining = False
        """Whether the file has been superseded: it is read to its end and then let go."""
        self._quiet: float | None = None
        self._note_head()

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @property
    def is_open(self) -> bool:
        """Whether a descriptor is held (``backpressure_mode: fd_release`` gives it up for a while)."""
        return self._fd is not None

    def reopen(self, path: str) -> bool:
        """Open the file again where it is now; False when another file is there."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(fd)
        if Identity(status.st_dev, status.st_ino) != self.identity:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def move(self, path: str) -> bool:
        """Go on in a copy that was made before the file was emptied; False when ``path`` is none. Raises OSError."""
        seen = self._seen
        if len(seen) < _ENOUGH:
            return False
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if os.pread(fd, len(seen), self._lines.read - len(seen)) != seen:
            os.close(fd)
            return False
        self.close()
        self._fd, self._quiet = fd, None
        status = os.fstat(fd)
        self.identity = Identity(status.st_dev, status.st_ino)
        return True

    def change(self) -> Change:
        """Compare the file with what has its name."""
        assert self._fd is not None
        size = os.fstat(self._fd).st_size
        named = None
        try:
            status = os.stat(self.path)
            named = Identity(status.st_dev, status.st_ino)
        except OSError:
            pass
        return look(self.identity, size, self._lines.read, self._head_same(), named)

    def read(self, now: datetime, tick: float) -> list[Event]:
        """The events that are complete by now, of at most 256 KB more of the file."""
        if self._fd is None or not self._note_head():
            return []
        data = os.pread(self._fd, _CHUNK, self._lines.read)
        if data and not self._head_same():
            return []  # truncated and written again: the next comparison will start over
        self._seen = (self._seen + data)[-_PROOF:]
        self._quiet = None if data else (tick if self._quiet is None else self._quiet)
        events = [event for line in self._lines.feed(data) if (event := self._event(line, now, tick))]
        if not data and (event := self._assembler.idle(now, tick)):
            events.append(event)
        return self._counted(events)

    def rest(self, now: datetime, tick: float) -> list[Event]:
        """What is left of a file that will not be written any more: its last line without an end, its last event."""
        events = []
        if (line := self._lines.rest()) and (event := self._event(line, now, tick)):
            events.append(event)
        if event := self._assembler.flush(now):
            events.append(event)
        return self._counted(events)

    @property
    def quiet_once(self) -> bool:
        """Whether the last look found nothing new."""
        return self._quiet is not None

    def quiet(self, tick: float) -> float:
        """Seconds since there was something to read."""
        return 0.0 if self._quiet is None else tick - self._quiet

    def position(self) -> Position:
        """What is to be kept about this file."""
        proof, length = self._proof, min(self.committed, _PROOF)
        if proof is not None and proof.start + proof.length != self.committed:
            proof = None
        if proof is None and self._fd is not None and length >= _ENOUGH:
            data = os.pread(self._fd, length, self.committed - length)
            proof = Head(self.committed - length, length, digest(data)) if len(data) == length else None
        self._proof = proof
        return Position(self.path, self.identity, self.committed, self._head, proof)

    def _event(self, line: Line, now: datetime, tick: float) -> Event | None:
        text = line.data.decode(self._codec, errors="replace")
        text = text.removeprefix("\ufeff").removesuffix("\r")
        return self._assembler.line(text, line.end, line.cut, now, tick)

    def _counted(self, events: list[Event]) -> list[Event]:
        if events:
            self.queued = events[-1].end
        return events

    def _head_same(self) -> bool:
        if self._head is None:
            return True
        assert self._fd is not None
        return self._head.matches(os.pread(self._fd, self._head.length, self._head.start))

    def _note_head(self) -> bool:
        """Learn the beginning by which the file is known; False while it is not all there and must be."""
        assert self._fd is not None
        if self._plan.fingerprint_lines is not None:
            if self._head is None:
                data = os.pread(self._fd, _FINGERPRINT, 0)
                found = line_range(data, self._newline, *self._plan.fingerprint_lines)
                if found is None:
                    return len(data) == _FINGERPRINT
                start, length = found
                self._head = Head(start, length, digest(data[start : start + length]))
        elif self._head is None or self._head.length < HEAD:
            data = os.pread(self._fd, HEAD, 0)
            if self._head is None or self._head.matches(data):
                self._head = Head(0, len(data), digest(data)) if data else None
        return True
