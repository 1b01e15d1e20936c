"""A request's field block: plain ones at once, others line by line, each fault classified as http-desync-guardian does.

What a doubtful line becomes: `Headers.items` holds what a strict reader makes of it (RFC 9112 sections 2.2 and 5),
which is what rules look at and what goes to the target; `Headers.received` holds the line itself, for monitor mode.

- A line that begins with white space continues the field before it, and is joined to that by a space. Without a field
  before it, it is left out.
- A line without colon or without a name is left out.
- So is one whose name only resembles a framing field and is no token: `Transfer-Encoding : chunked`.
"""

from typing import Final

from cloudarium.substrate.http.desync import COMPLIANT, Tier, Verdict, worst
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.fields import Headers, PiecedHeaders, parse_plain_fields
from cloudarium.substrate.http.syntax import (
    FIELD_LIMIT,
    LOOKALIKE,
    STRICT_FIELD,
    TOKEN,
    UNLISTENABLE,
    resembled,
)

_WHITE_SPACE: Final = b" \t"
_PADDING: Final = b" \t\r"
_FRAMING_IN_LINES: Final[dict[bytes, Verdict]] = {
    b"transfer-encoding": (Tier.SEVERE, "BadTransferEncoding"),
    b"content-length": (Tier.SEVERE, "BadContentLength"),
}
"""Line by line, as http-desync-guardian reads it, a framing field in several lines has parts that are no value."""


def parse_request_fields(block: bytes, forgiving: bool) -> Headers:
    """A request's field block, the empty line after the fields included → Headers, classified.

    Raises:
        ProtocolError: 400 when a field is larger than 16 KiB; and, unless forgiving, where the lines could be told
            apart in another way: bare LF, folded lines, white space before the colon, no colon, no name.
    """
    headers = parse_plain_fields(block) if block.endswith(b"\r\n") else None
    if headers is None:
        return _Lines(forgiving).take(block)
    return classify_plain(headers)


def classify_plain(headers: Headers) -> Headers:
    """Headers of a block beyond reproach, of which only the names may be doubtful."""
    if headers.kinds & LOOKALIKE:
        headers.tier, headers.reason = Tier.AMBIGUOUS, "SuspiciousHeader"
    return headers


class _Lines:
    """One field block, line by line."""

    def __init__(self, forgiving: bool) -> None:
        self._forgiving = forgiving
        self._headers = PiecedHeaders()
        self._parsing: Verdict = COMPLIANT
        """Of how the block falls into lines and fields; it comes before that of the fields themselves."""
        self._fields: Verdict = COMPLIANT
        self._name = b""
        self._values: list[bytes] = []
        self._raw: list[bytes] = []
        self._size = 0

    def take(self, block: bytes) -> Headers:
        for line in block.split(b"\n")[:-1]:
            if line.endswith(b"\r"):
                line = line[:-1]
            else:
                self._odd(Tier.ACCEPTABLE, "NonCrLfLineTermination", "a line feed without carriage return")
            if line:
                self._take_line(line)
        self._end_field()
        headers = self._headers
        headers.tier, headers.reason = worst(self._parsing, self._fields)
        return headers

    def _odd(self, tier: Tier, reason: str, message: str) -> None:
        """What tells that the block can be read in more than one way."""
        if not self._forgiving:
            raise ProtocolError(400, message)
        self._parsing = worst(self._parsing, (tier, reason))

    def _worsen(self, tier: Tier, reason: str) -> None:
        self._fields = worst(self._fields, (tier, reason))

    def _take_line(self, line: bytes) -> None:
        if line[:1] not in (b" ", b"\t"):
            self._end_field()
        self._size += len(line)
        if self._size > FIELD_LIMIT:
            raise ProtocolError(400, "a header field is too large", Fault.HEADER_TOO_LARGE)
        self._raw.append(line)
        if b"\x00" in line or b"\r" in line:
            self._worsen(Tier.SEVERE, "BadHeader")
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t"):
            self._continue(name, colon, value, line)
        elif not colon:
            self._odd(Tier.AMBIGUOUS, "MissingHeaderColon", "a header field without colon")
            self._hide(name, b"")
        elif not name:
            self._odd(Tier.AMBIGUOUS, "EmptyHeader", "a header field without name")
        else:
            self._begin(name, value)

    def _begin(self, name: bytes, value: bytes) -> None:
        if not self._forgiving and name != name.rstrip():
            raise ProtocolError(400, "white space before the colon of a header field")
        meant = resembled(name.lower())
        if meant and meant != name.lower():
            self._worsen(Tier.AMBIGUOUS, "SuspiciousHeader")
            if TOKEN.fullmatch(name) is None:
                self._hide(name, value)
                return
        elif STRICT_FIELD.fullmatch(name + b":" + value + b"\r\n") is None:
            self._worsen(Tier.ACCEPTABLE, "NonCompliantHeader")
        self._name = name
        self._values = [value.strip(_PADDING)]

    def _continue(self, name: bytes, colon: bytes, value: bytes, line: bytes) -> None:
        in_media_type = self._name.lower() == b"content-type"
        if not name.strip(_WHITE_SPACE):
            self._odd(Tier.AMBIGUOUS, "EmptyHeader", "a folded header field")
        elif not in_media_type:
            self._odd(Tier.AMBIGUOUS, "MultilineHeader", "a folded header field")
        elif not self._forgiving:
            raise ProtocolError(400, "a folded header field")
        if not in_media_type and (colon or not self._name):
            self._hide(name, value)
        if self._name:
            if STRICT_FIELD.fullmatch(b"a:" + line + b"\r\n") is None:
                self._worsen(Tier.ACCEPTABLE, "NonCompliantHeader")
            meant = resembled(self._name.lower())
            if meant:
                self._worsen(*_FRAMING_IN_LINES[meant])
            self._values.append(line.strip(_PADDING))

    def _hide(self, name: bytes, value: bytes) -> None:
        """A line that is no field, though somebody may take it for one."""
        if resembled(name.lower()):
            self._worsen(Tier.AMBIGUOUS, "SuspiciousHeader")
            self._headers.kinds |= LOOKALIKE
            self._headers.hidden.append((name, value.strip(_PADDING)))

    def _end_field(self) -> None:
        if not self._raw:
            return
        headers = self._headers
        headers.received.append((b"".join([line + b"\r\n" for line in self._raw]), self._name))
        if self._name:
            headers.add(self._name, b" ".join(value for value in self._values if value))
        else:
            headers.kinds |= UNLISTENABLE
        self._name, self._values, self._raw, self._size = b"", [], [], 0
