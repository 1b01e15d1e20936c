"""Request lines, status lines and whole response heads: bytes in, values out, no I/O."""

from typing import Final

from cloudarium.substrate.http.desync import COMPLIANT, Tier, Verdict, worst
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
_HTTP_0_9: Final = b"HTTP/0.9"


def parse_request_line(line: bytes, forgiving: bool) -> tuple[bytes, bytes, int, Verdict]:
    """A request line that is not strictly right, without its end → (method, target, minor version, verdict).

    The strictly right ones are matched by syntax.STRICT_REQUEST_LINE, which is faster; this is for the others.
    HTTP/0.9, which only a forgiving reader takes, has the minor version -1.

    Raises:
        ProtocolError: 400 when there is nothing to ask for in it, 505 for another major version.
    """
    text = line.rstrip(b" \t") if forgiving else line
    method, _, rest = text.partition(b" ")
    target, space, version = rest.rpartition(b" ")
    if not space and forgiving and not rest.startswith(b"HTTP/"):
        target, version = rest, _HTTP_0_9
    good_method = TOKEN.fullmatch(method) is not None
    if not method or not target.strip():
        verdict = (Tier.AMBIGUOUS, "MissingUri") if good_method else (Tier.SEVERE, "BadMethod")
        raise ProtocolError(400, "the request line is malformed", verdict=verdict)
    if len(method) > _METHOD_LIMIT:
        raise ProtocolError(400, "the method is too long")
    minor, of_version = _version(version, forgiving)
    if text != line:
        of_version = worst((Tier.ACCEPTABLE, "NonCompliantVersion"), of_version)
    of_method = COMPLIANT if good_method else (Tier.SEVERE, "BadMethod")
    return method, target, minor, worst(of_method, of_version, _target_verdict(target))


def _version(version: bytes, forgiving: bool) -> tuple[int, Verdict]:
    if version in (b"HTTP/1.1", b"HTTP/1.0"):
        return version[-1] - 48, COMPLIANT
    if version == _HTTP_0_9 and forgiving:
        return -1, (Tier.ACCEPTABLE, "NonCompliantVersion")
    if version[:7] == b"HTTP/1." and len(version) == 8 and version[7:].isdigit():
        return 1, (Tier.ACCEPTABLE, "NonCompliantVersion")
    if version[:5] == b"HTTP/" and version[5:6].isdigit() and version[5:6] >= b"2":
        raise ProtocolError(505, "the HTTP version is not supported", Fault.VERSION_NOT_SUPPORTED)
    return 1, (Tier.SEVERE, "BadVersion")


def _target_verdict(target: bytes) -> Verdict:
    if b"\x00" in target or b"\r" in target:
        return Tier.SEVERE, "BadUri"
    if any(character < 0x20 or character == 0x7F for character in target):
        return Tier.AMBIGUOUS, "AmbiguousUri"
    return (Tier.ACCEPTABLE, "SpaceInUri") if b" " in target else COMPLIANT


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
