"""From records to log events: pieces joined to lines, lines to multi-line events. Purely; knows no clock.

As Docker's driver does it: an event of several lines keeps a line break after each; empty lines are no events; what is
longer than an event may be is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cloudarium.services.ecs.logdrivers.records import LogRecord

MAX_EVENT = 262_144 - 26
"""Bytes of one event, as Docker's driver cuts them."""
Event = tuple[float, str]


class Assembler:
    """Takes records, gives events (host time, text)."""

    def __init__(self, starts_event: Callable[[str], bool] | None) -> None:
        self._starts_event = starts_event
        self._pieces: dict[str, tuple[float, bytes]] = {}
        self._open: list[str] = []
        self._open_since = 0.0
        self._open_size = 0

    @property
    def holds(self) -> bool:
        """Whether something waits for its end."""
        return bool(self._pieces or self._open)

    def add(self, records: Iterable[LogRecord]) -> list[Event]:
        """Take records; the events that are complete."""
        events: list[Event] = []
        for record in records:
            time, data = record.time, record.data
            if (piece := self._pieces.pop(record.stream, None)) is not None:
                time, data = piece[0], piece[1] + data
            if record.partial and len(data) < MAX_EVENT:
                self._pieces[record.stream] = (time, data)
                continue
            self._line(time, text_of(data), events)
        return events

    def flush(self) -> list[Event]:
        """Give what is held as if its end had come."""
        events: list[Event] = []
        for time, data in self._pieces.values():
            self._line(time, text_of(data), events)
        self._pieces.clear()
        self._close(events)
        return events

    def _line(self, time: float, text: str, events: list[Event]) -> None:
        if self._starts_event is None:
            _cut(time, text, events)
            return
        if self._starts_event(text) or self._open_size + len(text) > MAX_EVENT:
            self._close(events)
        if not self._open:
            self._open_since = time
        self._open.append(text)
        self._open_size += len(text) + 1

    def _close(self, events: list[Event]) -> None:
        if self._open:
            _cut(self._open_since, "\n".join([*self._open, ""]), events)
            self._open, self._open_size = [], 0


def text_of(data: bytes) -> str:
    """Text that CloudWatch Logs takes: NUL and what is not UTF-8 become U+FFFD."""
    text = data.decode(errors="replace")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _cut(time: float, text: str, events: list[Event]) -> None:
    if len(text) * 4 <= MAX_EVENT or len(data := text.encode()) <= MAX_EVENT:
        if text:
            events.append((time, text))
        return
    while data:
        end = MAX_EVENT
        # Not in the middle of a character.
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        events.append((time, data[:end].decode()))
        data = data[end:]
