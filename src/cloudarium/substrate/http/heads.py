"""Request lines, status lines and whole response heads: bytes in, values out, no I/O."""

from typing import Final

from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.fields import Headers, parse_response_fields
from cloudarium.substrate.http.framing import CHUNKED, connection_options, keeps_alive, response_length
from cloudarium.substrate.http.syntax import (
    CONNECTION,
    HOP_BY_HOP,
    LENGTH,
    OTHER_HOP,
    REPEATED,
    STATUS_LINE,
    TOKEN,
    field_kind,
)

_METHOD_LIMIT: Final = 127
_KEEP_ALIVE: Final = frozenset({b"keep-alive"})


def parse_request_line(line: bytes) -> tuple[bytes, bytes, int, Tier, str]:
    """A request line that is not strictly right → (method, target, minor version, tier, reason).

    The strictly right ones are matched by syntax.STRICT_REQUEST_LINE, which is faster; this is for the others.

    Raises:
        ProtocolError: 400 when it is no request line at all, 505 for another major version.
    """
    if b"\n" in line:
        raise ProtocolError(400, "a line feed without carriage return")
    method, space, rest = line.partition(b" ")
    target, second_space, version = rest.rpartition(b" ")
    if not space or not second_space or not method or not target.strip():
        raise ProtocolError(400, "the request line is malformed")
    if len(method) > _METHOD_LIMIT:
        raise ProtocolError(400, "the method is too long")
    tier, reason = Tier.COMPLIANT, "Compliant"
    if TOKEN.fullmatch(method) is None:
        return method, target, 1, Tier.SEVERE, "BadMethod"
    if b"\x00" in target or b"\r" in target:
        return method, target, 1, Tier.SEVERE, "BadUri"
    if any(character < 0x20 or character >= 0x7F for character in target):
        tier, reason = Tier.AMBIGUOUS, "AmbiguousUri"
    elif b" " in target:
        tier, reason = Tier.ACCEPTABLE, "SpaceInUri"
    if version in (b"HTTP/1.1", b"HTTP/1.0"):
        return method, target, version[-1] - 48, tier, reason
    if version[:7] == b"HTTP/1." and len(version) == 8 and version[7:].isdigit():
        if tier is Tier.COMPLIANT:
            tier, reason = Tier.ACCEPTABLE, "NonCompliantVersion"
        return method, target, 1, tier, reason
    if version[:5] == b"HTTP/" and version[5:6].isdigit() and version[5:6] != b"1":
        raise ProtocolError(505, "the HTTP version is not supported", Fault.VERSION_NOT_SUPPORTED)
    return method, target, 1, Tier.SEVERE, "BadVersion"


class ResponseHead:
    """A target's response head, parsed once and shared by every response that begins with the same bytes."""

    __slots__ = ("_fields", "headers", "keep_alive", "length", "minor", "raw", "reason", "status", "verbatim", "whole")

    def __init__(self, raw: bytes, status: int, minor: int, reason: bytes, headers: Headers) -> None:
        self.raw = raw
        self.status = status
        self.minor = minor
        self.reason = reason
        self.headers = headers
        self.length = length = response_length(status, headers)
        """Bytes, CHUNKED or UNTIL_CLOSE; as if the request had not been HEAD."""
        self.keep_alive = keeps_alive(minor, headers)
        self.verbatim = (
            minor == 1
            and self.keep_alive
            and (length >= 0 or (length == CHUNKED and not headers.kinds & LENGTH))
            and status >= 200
            and status != 204
            and not headers.kinds & (OTHER_HOP | REPEATED)
            and (not headers.kinds & CONNECTION or connection_options(headers) == _KEEP_ALIVE)
        )
        """Whether a keep-alive HTTP/1.1 client may be sent `raw` as it is."""
        self.whole = len(raw) + length if length >= 0 and self.keep_alive else -1
        """The size of a whole response after which the connection can be used again; -1 when that cannot be said."""
        self._fields: bytes | None = None

    @property
    def fields(self) -> bytes:
        """The end-to-end fields, each line ended by CRLF; without Transfer-Encoding."""
        if self._fields is None:
            self._fields = b"".join([b"%b: %b\r\n" % field for field in self.end_to_end()])
        return self._fields

    def end_to_end(self) -> list[tuple[bytes, bytes]]:
        """The fields that are for the client, not for the connection to the target."""
        dropped = connection_options(self.headers)
        without_length = self.length == CHUNKED
        kept = []
        for name, value in self.headers.items:
            lower, kind = field_kind(name)
            if kind & HOP_BY_HOP or lower in dropped or (without_length and lower == b"content-length"):
                continue
            kept.append((name, value))
        return kept

    def status_line(self) -> bytes:
        """The status line for an HTTP/1.1 client, ended by CRLF."""
        return b"HTTP/1.1 %d %b\r\n" % (self.status, self.reason)


def parse_response_head(raw: bytes) -> ResponseHead:
    """A status line and field block with the empty line after them → ResponseHead.

    Raises:
        ProtocolError: 502 when it is not one.
    """
    line_end = raw.find(b"\r\n")
    matched = STATUS_LINE.fullmatch(raw, 0, line_end)
    if matched is None:
        raise ProtocolError(502, "the status line is malformed")
    headers = parse_response_fields(raw[line_end + 2 :])
    return ResponseHead(raw, int(matched[2]), int(matched[1]), matched[3] or b"", headers)
