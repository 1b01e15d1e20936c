"""What an engine sends in streams: frames of output, log lines with their times. Pure, and hostile input costs little.

https://docs.docker.com/reference/api/engine/version/v1.44/#tag/Container/operation/ContainerAttach ("Stream format")
"""

from __future__ import annotations

import calendar
import re
import struct
from typing import Literal

from cloudarium.substrate.compute.runc.reader import lines
from cloudarium.substrate.compute.spec import LogRecord

Stream = Literal["stdout", "stderr"]

_HEADER = struct.Struct(">BxxxL")
_STREAMS: dict[int, Stream] = {0: "stdout", 1: "stdout", 2: "stderr"}
FRAME_LIMIT = 4 * 1024 * 1024
"""Bytes of one frame. Engines cut output after some KiB; only what is no such stream has more."""
_TIME = re.compile(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)


class BadStream(ValueError):
    """This is not what Docker's API describes."""


class Frames:
    """Takes the multiplexed stream of a container without a terminal apart."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[tuple[Stream, bytes]]:
        """The frames that are complete now. Raises BadStream."""
        rest = self._rest
        rest += data
        found: list[tuple[Stream, bytes]] = []
        start = 0
        while len(rest) - start >= _HEADER.size:
            kind, size = _HEADER.unpack_from(rest, start)
            if kind not in _STREAMS or size > FRAME_LIMIT:
                raise BadStream(f"no frame of output begins with {bytes(rest[start : start + 8]).hex()}")
            end = start + _HEADER.size + size
            if end > len(rest):
                break
            if size:
                found.append((_STREAMS[kind], bytes(rest[start + _HEADER.size : end])))
            start = end
        del rest[:start]
        return found


class Lines:
    """The same for a container with a terminal, whose output has no frames: lines are taken for them."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[Stream, bytes]]:
        """The lines that are complete now, with their breaks. Raises BadStream."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > FRAME_LIMIT:
            raise BadStream("a line of output does not end")
        return [("stdout", line + b"\n") for line in whole]


def parse_time(text: bytes | str) -> int | None:
    """Nanoseconds since the epoch of a time of RFC 3339; None for what is none, and for Go's zero time."""
    match = _TIME.fullmatch(text.encode() if isinstance(text, str) else text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(each) for each in match.groups()[:6])
    if year < 1970 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    if match[8]:
        seconds -= (int(match[9]) * 3600 + int(match[10]) * 60) * (1 if match[8] == b"+" else -1)
    return seconds * 1_000_000_000 + int((match[7] or b"").ljust(9, b"0"))


def seconds(text: object) -> float | None:
    """Epoch seconds of a time in the API's JSON; None for none."""
    found = parse_time(text) if isinstance(text, str) else None
    return None if found is None else found / 1e9


def records(stream: Stream, frame: bytes) -> tuple[int, list[LogRecord]]:
    """Time (ns) and records of a frame that begins with its time. Raises BadStream."""
    stamp, space, data = frame.partition(b" ")
    when = parse_time(stamp.rstrip(b"\r\n"))
    if when is None:
        raise BadStream(f"no time at the begin of {frame[:40]!r}")
    if not space:
        data = b"\n" if frame.endswith(b"\n") else b""
    return when, lines(stream, when / 1e9, data, partial=not data.endswith(b"\n"))


class Cursor:
    """How far output was read, so that a stream opened anew can be read on without loss or repetition.

    The API knows times only, and several frames may have the same one (Podman tells whole seconds). Within a stream
    the order is kept, so a place is a time and the number of frames with it that were seen. Once the place is reached
    all is new, whatever its time: while one stream is read, a clock of the host may be set back without loss.
    """

    def __init__(self, places: dict[str, tuple[int, int]] | None = None) -> None:
        self._places = dict(places or {})
        self._behind: dict[str, int] = {}

    @property
    def places(self) -> dict[str, tuple[int, int]]:
        """To keep: by stream, time and count."""
        return dict(self._places)

    def since(self) -> int | None:
        """The API's ``since`` (seconds) for the next stream; a second early, since engines differ in how they round."""
        self._behind = dict.fromkeys(self._places, 0)
        if not self._places:
            return None
        return max(0, min(when for when, _ in self._places.values()) // 1_000_000_000 - 1)

    def is_new(self, stream: str, when: int) -> bool:
        """Whether a frame was not seen yet; it is seen now."""
        last, count = self._places.get(stream, (-1, 0))
        again = self._behind.get(stream)
        if again is not None:
            if when < last:
                return False
            if when == last and again < count:
                self._behind[stream] = again + 1
                return False
            del self._behind[stream]
        self._places[stream] = (when, count + 1 if when == last else 1)
        return True
