"""Lines into events: which line starts one, when it happened, whether it is published, how long it may be.

Without ``multi_line_start_pattern`` a line that begins with a character other than white space starts an event, as the
agent's documentation says, and blank lines are nothing. An event is complete when the next one starts, or when no line
came for a while.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-Configuration-File-Details.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import re2

from cloudarium.agent.logs.timestamps import Timestamps

if TYPE_CHECKING:
    from cloudarium.agent.config.plan import FilePlan

TRUNCATED = "[Truncated...]"
"""The end of a message that was longer than AWS takes."""
_IDLE_SINGLE, _IDLE_MULTI = 0.5, 5.0


class Event(NamedTuple):
    """An event with the offset of the file behind it. Without a message, only that offset is meant."""

    timestamp: int
    message: str | None
    size: int
    end: int


class Assembler:
    """Puts one file's lines together. ``report`` hears about what is cut or skipped."""

    def __init__(self, plan: FilePlan, report: Callable[[str], None], *, older_agent: bool = False) -> None:
        self._plan = plan
        self._report = report
        self._times = (
            Timestamps(plan.timestamp_format, utc=plan.utc, older_agent=older_agent) if plan.timestamp_format else None
        )
        self._starts = _start(plan, self._times)
        self._filters = [(each.include, compile_pattern(each.expression)) for each in plan.filters]
        self._idle = _IDLE_MULTI if plan.start_pattern else _IDLE_SINGLE
        self._last: int | None = None
        self._parts: list[str] = []
        self._size = 0
        self._cut = False
        self._end = 0
        self._since = 0.0

    def line(self, text: str, end: int, cut: bool, now: datetime, tick: float) -> Event | None:
        """Take a line; returns the event that it completes. ``tick`` is a monotonic reading in seconds."""
        if not self._plan.start_pattern and not text.strip():
            if not self._parts:
                return Event(0, None, 0, end)
            self._end = end
            return None
        done = None
        if self._parts and self._starts(text):
            done = self._finish(now)
        elif self._parts:
            if self._size > self._plan.event_bytes:
                self._cut, text = True, ""
            else:
                text = "\n" + text
        if text:
            self._parts.append(text)
            self._size += len(text.encode())
        self._cut |= cut
        self._end, self._since = end, tick
        return done

    def idle(self, now: datetime, tick: float) -> Event | None:
        """The event at hand, if nothing was added to it for so long that it must be complete."""
        return self._finish(now) if self._parts and tick - self._since >= self._idle else None

    def flush(self, now: datetime) -> Event | None:
        """The event at hand, complete or not: its file is over."""
        return self._finish(now) if self._parts else None

    def _finish(self, now: datetime) -> Event:
        message = "".join(self._parts)
        size, cut, end = self._size, self._cut, self._end
        self._parts, self._size, self._cut = [], 0, False
        timestamp = int(now.timestamp() * 1000)
        if self._times is not None:
            found = self._times.find(message, now)
            if found is not None:
                self._last = int(found[0].timestamp() * 1000)
                if self._plan.trim_timestamp:
                    message = message[: found[1]] + message[found[2] :]
                    size = len(message.encode())
            timestamp = timestamp if self._last is None else self._last
        if not all((pattern.search(message) is not None) == include for include, pattern in self._filters):
            return Event(timestamp, None, 0, end)
        if cut or size > self._plan.event_bytes:
            if self._plan.skip_long:
                self._report(f"an event of more than {self._plan.event_bytes} bytes is skipped")
                return Event(timestamp, None, 0, end)
            self._report(f"an event of more than {self._plan.event_bytes} bytes is truncated")
            room = self._plan.event_bytes - len(TRUNCATED)
            message = message.encode()[:room].decode(errors="ignore") + TRUNCATED
            size = len(message.encode())
        return Event(timestamp, message, size, end) if message else Event(timestamp, None, 0, end)


def _start(plan: FilePlan, times: Timestamps | None) -> Callable[[str], bool]:
    if plan.start_pattern is None:
        return lambda text: not text[:1].isspace()
    if times is not None and plan.start_pattern in ("{timestamp_format}", "{datetime_format}"):
        pattern = compile_pattern(times.pattern)
    else:
        pattern = compile_pattern(plan.start_pattern)
    return lambda text: pattern.search(text) is not None


def compile_pattern(expression: str) -> re2._Regexp[str]:
    """An expression in RE2's syntax, as both documents call for. Raises ValueError."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(expression, options=options)
    except re2.error as error:
        raise ValueError(f"{expression!r} is no regular expression: {error}") from None
