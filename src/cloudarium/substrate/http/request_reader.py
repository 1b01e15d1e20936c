"""Finds and reads request heads in a client's bytes. No I/O.

One reader per connection: it remembers the last field block, so that a client repeating its fields costs one
comparison. The results of the last `read` are the reader's attributes, which saves an object per request.

A forgiving reader takes what http-desync-guardian only classifies: lines that end with LF alone, folded and broken
fields, HTTP/0.9. A head ends with its first empty line, however its lines end.
"""

from __future__ import annotations

import re
from typing import Final

from cloudarium.substrate.http.desync import Tier, worst
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.fields import Headers, parse_plain_fields
from cloudarium.substrate.http.heads import parse_request_line
from cloudarium.substrate.http.request_fields import classify_plain, parse_request_fields
from cloudarium.substrate.http.syntax import REQUEST_HEAD_LIMIT, REQUEST_LINE_LIMIT, STRICT_REQUEST_LINE

_NO_HEADERS = Headers()
NO_BLOCK: tuple[bytes, ...] = ()
"""What no data starts with."""
_KEPT_BLOCK_LIMIT = 8 * 1024
_HEAD_END: Final = re.compile(rb"\n\r?\n")
_TLS: Final = b"\x16\x03"
"""What a TLS handshake begins with. Its client says no more until it is answered: an end of line may never come."""


class RequestReader:
    """Reads one request head after another."""

    __slots__ = ("_forgiving", "block", "headers", "method", "minor", "reason", "target", "tier")

    def __init__(self, forgiving: bool = False) -> None:
        self._forgiving = forgiving
        self.block: bytes | tuple[bytes, ...] = NO_BLOCK
        """The field block that `headers` was read from, the empty line included; NO_BLOCK where it is not kept."""
        self.headers = _NO_HEADERS
        self.method = b""
        self.target = b""
        self.minor = 1
        """-1 is HTTP/0.9."""
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
        matched = STRICT_REQUEST_LINE.fullmatch(data, start, line_end) if line_end > 0 else None
        if matched is None or line_end - start > REQUEST_LINE_LIMIT:
            return self._read_doubtful(data, start)
        fields_start = line_end + 2
        if data.startswith(self.block, fields_start):
            end = fields_start + len(self.block)
        else:
            end = data.find(b"\r\n\r\n", line_end) + 4
            if end < 4 or end - start > REQUEST_HEAD_LIMIT:
                return self._read_doubtful(data, start)
            block = data[fields_start:end]
            headers = parse_plain_fields(block)
            if headers is None:
                return self._read_doubtful(data, start)
            self._keep(classify_plain(headers), block)
        self.method, self.target, minor = matched.groups()
        self.minor = 1 if minor == b"1" else 0
        self.tier = Tier.COMPLIANT
        self.reason = "Compliant"
        return end

    def _keep(self, headers: Headers, block: bytes) -> None:
        self.headers = headers
        self.block = block if len(block) <= _KEPT_BLOCK_LIMIT else NO_BLOCK

    def _read_doubtful(self, data: bytes, start: int) -> int:
        """As `read`, for heads that are not complete or not plain."""
        if data.startswith(_TLS, start):
            raise ProtocolError(400, "this is TLS, and the port speaks plain HTTP", verdict=(Tier.SEVERE, "BadMethod"))
        feed = data.find(b"\n", start)
        if (len(data) if feed < 0 else feed - 1) - start > REQUEST_LINE_LIMIT:
            raise ProtocolError(414, "the request line is too large", Fault.REQUEST_LINE_TOO_LARGE)
        if feed < 0:
            return start
        self._read_line(data[start:feed])
        found = _HEAD_END.search(data, feed)
        if (len(data) if found is None else found.end()) - start > REQUEST_HEAD_LIMIT:
            raise ProtocolError(400, "the request header is too large", Fault.HEADER_TOO_LARGE)
        if found is None:
            return start
        block = data[feed + 1 : found.end()]
        if block != self.block:
            self._keep(parse_request_fields(block, self._forgiving), block)
        return found.end()

    def _read_line(self, line: bytes) -> None:
        whole = line.endswith(b"\r")
        if not whole and not self._forgiving:
            raise ProtocolError(400, "a line feed without carriage return")
        self.method, self.target, self.minor, verdict = parse_request_line(
            line[:-1] if whole else line, self._forgiving
        )
        self.tier, self.reason = verdict if whole else worst((Tier.ACCEPTABLE, "NonCrLfLineTermination"), verdict)
