"""Finds and reads request heads in a client's bytes. No I/O.

One reader per connection: it remembers the last field block, so that a client repeating its fields costs one
comparison. The results of the last `read` are the reader's attributes, which saves an object per request.
"""

from __future__ import annotations

from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.fields import Headers, parse_request_fields
from cloudarium.substrate.http.heads import parse_request_line
from cloudarium.substrate.http.syntax import REQUEST_HEAD_LIMIT, REQUEST_LINE_LIMIT, STRICT_REQUEST_LINE

_NO_HEADERS = Headers()
NO_BLOCK: tuple[bytes, ...] = ()
"""What no data starts with."""
_KEPT_BLOCK_LIMIT = 8 * 1024


class RequestReader:
    """Reads one request head after another."""

    __slots__ = ("block", "headers", "method", "minor", "reason", "target", "tier")

    def __init__(self) -> None:
        self.block: bytes | tuple[bytes, ...] = NO_BLOCK
        """The field block that `headers` was read from, the empty line included; NO_BLOCK where it is not kept."""
        self.headers = _NO_HEADERS
        self.method = b""
        self.target = b""
        self.minor = 1
        self.tier = Tier.COMPLIANT
        """Of the request line alone; the fields' is the headers' own."""
        self.reason = "Compliant"

    def read(self, data: bytes, start: int) -> int:
        """The index after the head that begins at `start`, or `start` when it is not complete.

        Raises:
            ProtocolError: it is no request head, or too large.
        """
        line_end = data.find(b"\r\n", start)
        if line_end == start:  # RFC 9112 section 2.2: an empty line before the request line is ignored
            return start + 2
        if line_end < 0:
            return self._incomplete(data, start, line_end)
        fields_start = line_end + 2
        if data.startswith(self.block, fields_start):
            end = fields_start + len(self.block)
        else:
            end = data.find(b"\r\n\r\n", line_end) + 4
            if end < 4:
                return self._incomplete(data, start, line_end)
            if end - start > REQUEST_HEAD_LIMIT:
                raise ProtocolError(400, "the request header is too large", Fault.HEADER_TOO_LARGE)
            block = data[fields_start:end] if end > fields_start else b"\r\n"
            self._take_block(block)
        matched = STRICT_REQUEST_LINE.fullmatch(data, start, line_end)
        if matched is not None and line_end - start <= REQUEST_LINE_LIMIT:
            self.method, self.target, minor = matched.groups()
            self.minor = 1 if minor == b"1" else 0
            self.tier = Tier.COMPLIANT
            self.reason = "Compliant"
        else:
            self._read_doubtful_line(data[start:line_end])
        return max(end, fields_start + 2)

    def _take_block(self, block: bytes) -> None:
        self.headers = parse_request_fields(block)
        self.block = block if len(block) <= _KEPT_BLOCK_LIMIT else NO_BLOCK

    def _read_doubtful_line(self, line: bytes) -> None:
        if len(line) > REQUEST_LINE_LIMIT:
            raise ProtocolError(414, "the request line is too large", Fault.REQUEST_LINE_TOO_LARGE)
        self.method, self.target, self.minor, self.tier, self.reason = parse_request_line(line)

    def _incomplete(self, data: bytes, start: int, line_end: int) -> int:
        size = len(data) - start
        if line_end < 0 and size > REQUEST_LINE_LIMIT:
            raise ProtocolError(414, "the request line is too large", Fault.REQUEST_LINE_TOO_LARGE)
        if size > REQUEST_HEAD_LIMIT:
            raise ProtocolError(400, "the request header is too large", Fault.HEADER_TOO_LARGE)
        if line_end < 0 and b"\n" in data[start:]:
            raise ProtocolError(400, "a line feed without carriage return")
        if line_end > 0:
            self._read_doubtful_line(data[start:line_end])
            if b"\n\n" in data[line_end:]:
                raise ProtocolError(400, "a line feed without carriage return")
        return start
