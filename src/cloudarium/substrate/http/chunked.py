"""The chunked transfer coding (RFC 9112 section 7.1): strict, incremental, no I/O."""

import re
from typing import Final

from cloudarium.substrate.http.faults import ProtocolError
from cloudarium.substrate.http.syntax import FRAMING, HOP_BY_HOP, HOST, STRICT_FIELD, field_kind

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e]*)?")
_SIZE_LINE_LIMIT: Final = 4096
_TRAILER_LIMIT: Final = 16 * 1024

_SIZE, _DATA, _AFTER_DATA, _TRAILER, _DONE = range(5)
LAST_CHUNK: Final = b"0\r\n\r\n"


class ChunkedBody:
    """Follows one chunked body through the pieces in which it arrives.

    `feed` tells how much of a piece belongs to the body, so that a proxy may pass exactly that on as it came, and,
    where asked, hands out the payload.
    """

    __slots__ = ("_line", "_remaining", "_state", "_trailer_size", "trailers")

    def __init__(self) -> None:
        self._state = _SIZE
        self._remaining = 0
        self._line = b""
        self._trailer_size = 0
        self.trailers: list[tuple[bytes, bytes]] = []
        """The trailer fields, complete once `done`."""

    @property
    def done(self) -> bool:
        """Whether the body has ended."""
        return self._state == _DONE

    def feed(self, data: bytes, start: int = 0, payload: list[bytes] | None = None) -> int:
        """Take data from `start`; the index after the last byte that belongs to the body.

        Appends the payload's pieces to `payload` when it is given.

        Raises:
            ProtocolError: 400 when it is not the chunked coding.
        """
        position, end = start, len(data)
        while position < end and self._state != _DONE:
            if self._state == _DATA:
                taken = min(self._remaining, end - position)
                if payload is not None:
                    payload.append(data[position : position + taken])
                position += taken
                self._remaining -= taken
                if self._remaining == 0:
                    self._state = _AFTER_DATA
            else:
                position = self._feed_line(data, position)
        return position

    def _feed_line(self, data: bytes, position: int) -> int:
        limit = _SIZE_LINE_LIMIT if self._state != _TRAILER else _TRAILER_LIMIT
        feed = data.find(b"\n", position, position + limit)
        if feed < 0:
            self._line += data[position : position + limit]
            if len(self._line) >= limit:
                raise ProtocolError(400, "a line of the chunked body is too large")
            return len(data)
        line = self._line + data[position:feed]
        self._line = b""
        if not line.endswith(b"\r"):
            raise ProtocolError(400, "a line of the chunked body ends without carriage return")
        self._take_line(line[:-1])
        return feed + 1

    def _take_line(self, line: bytes) -> None:
        if self._state == _SIZE:
            matched = _SIZE_LINE.fullmatch(line)
            if matched is None:
                raise ProtocolError(400, "the chunk size is not valid")
            self._remaining = int(matched[1], 16)
            self._state = _DATA if self._remaining else _TRAILER
        elif self._state == _AFTER_DATA:
            if line:
                raise ProtocolError(400, "a chunk is longer than its size")
            self._state = _SIZE
        elif not line:
            self._state = _DONE
        else:
            self._take_trailer(line)

    def _take_trailer(self, line: bytes) -> None:
        self._trailer_size += len(line)
        if self._trailer_size > _TRAILER_LIMIT:
            raise ProtocolError(400, "the trailer is too large")
        if STRICT_FIELD.fullmatch(line + b"\r\n") is None:
            raise ProtocolError(400, "the trailer is malformed")
        name, _, value = line.partition(b":")
        if field_kind(name)[1] & (FRAMING | HOP_BY_HOP | HOST):
            raise ProtocolError(400, "a field that is not allowed in a trailer")
        self.trailers.append((name, value.strip(b" \t")))


def encode_chunk(payload: bytes) -> bytes:
    """One chunk; the payload must not be empty."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def encode_last_chunk(trailers: list[tuple[bytes, bytes]]) -> bytes:
    """The end of a chunked body, with its trailer fields."""
    if not trailers:
        return LAST_CHUNK
    return b"0\r\n" + b"".join([b"%b: %b\r\n" % field for field in trailers]) + b"\r\n"
