"""Field blocks ("headers"): parsed once, kept as sent, looked up by lower-case name."""

import re
from collections.abc import Sequence
from typing import Final

from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.syntax import (
    EXPECT,
    FIELD_LIMIT,
    FORWARDED,
    HOP_BY_HOP,
    HOST,
    LOOSE_FIELD,
    ORDINARY_NAMES,
    REPEATED,
    STRICT_FIELD,
    UNLISTENABLE,
    field_kind,
)

_PADDING: Final = b" \t\r\n"
_NOT_PLAIN: Final = HOP_BY_HOP | HOST | EXPECT | FORWARDED


class Headers:
    """The fields of one message, in the order and spelling in which they came. Not changed once parsed.

    What a proxy must know of every message is found at once; the rest is split only when somebody asks, because most
    messages pass without anybody looking.
    """

    hidden: Sequence[tuple[bytes, bytes]] = ()
    """(name, value) of what is no field, but might be taken for one that frames the message."""

    __slots__ = ("_found", "_items", "_values", "kinds", "marked", "plain", "reason", "tier")

    def __init__(self) -> None:
        self._found: list[tuple[bytes, bytes]] = []
        self._items: list[tuple[bytes, bytes]] | None = None
        self._values: dict[bytes, bytes] | None = None
        self.marked: dict[bytes, bytes] = {}
        """Lower-case name → first value, of the fields that have a kind (see `syntax`)."""
        self.plain: list[bytes] = []
        """The lines, as sent and with their ends, of the fields that pass a proxy unchanged."""
        self.kinds = 0
        """The kinds of all fields (syntax.FRAMING and its siblings), or-ed."""
        self.tier = Tier.COMPLIANT
        self.reason = "Compliant"

    @property
    def items(self) -> list[tuple[bytes, bytes]]:
        """(name as sent, value without the white space around it)."""
        if self._items is None:
            self._items = [(name, line[len(name) + 1 :].strip(_PADDING)) for line, name in self._found]
        return self._items

    @property
    def received(self) -> list[tuple[bytes, bytes]]:
        """(line as it came, the name in it) of every field of a parsed message, in order."""
        return self._found

    @property
    def values(self) -> dict[bytes, bytes]:
        """Lower-case name → the first value sent under it."""
        if self._values is None:
            values: dict[bytes, bytes] = {}
            for name, value in self.items:
                values.setdefault(name.lower(), value)
            self._values = values
        return self._values

    def get(self, lower_name: bytes) -> bytes | None:
        """The first value under a lower-case name."""
        return self.values.get(lower_name)

    def get_all(self, lower_name: bytes) -> list[bytes]:
        """Every value under a lower-case name, in order."""
        first = self.marked.get(lower_name)
        if first is not None and not self.kinds & REPEATED:
            return [first]
        if first is None and field_kind(lower_name)[1]:
            return []
        return [value for name, value in self.items if name.lower() == lower_name]

    def lowered(self) -> list[tuple[bytes, bytes]]:
        """(lower-case name, value) of every field, in order."""
        return [(name.lower(), value) for name, value in self.items]

    def add(self, name: bytes, value: bytes) -> None:
        """Append a field; for those who build headers, never on parsed ones."""
        self._values = None
        self.items.append((name, value))
        self._mark(name, value, b"%b: %b\r\n" % (name, value))

    def _mark(self, name: bytes, value: bytes, line: bytes) -> None:
        lower, kind = field_kind(name)
        self.kinds |= kind
        if not kind & _NOT_PLAIN:
            self.plain.append(line)
        if kind and lower in self.marked:
            self.kinds |= REPEATED
        elif kind:
            self.marked[lower] = value

    def take(self, found: list[tuple[bytes, bytes]]) -> None:
        """Take the (line, name) of every field of a block."""
        self._found = found
        plain, ordinary = self.plain.append, ORDINARY_NAMES
        for line, name in found:
            if name in ordinary:
                plain(line)
            else:
                self._mark(name, line[len(name) + 1 :].strip(_PADDING), line)


class PiecedHeaders(Headers):
    """Fields put together one by one, with the lines in which they came, which need not be theirs alone.

    A line that holds no field has an empty name. Every line ends with CRLF, however it was sent.
    """

    __slots__ = ("_received", "hidden")

    def __init__(self) -> None:
        super().__init__()
        self._received: list[tuple[bytes, bytes]] = []
        self.hidden: list[tuple[bytes, bytes]] = []

    @property
    def received(self) -> list[tuple[bytes, bytes]]:
        """As of all headers."""
        return self._received


def parse_response_fields(block: bytes) -> Headers:
    """A response's field block → Headers.

    Raises:
        ProtocolError: 502 when it is not one.
    """
    headers = parse_plain_fields(block, LOOSE_FIELD)
    if headers is None:
        raise ProtocolError(502, "malformed header field")
    return headers


def parse_plain_fields(block: bytes, pattern: re.Pattern[bytes] = STRICT_FIELD) -> Headers | None:
    """A field block all of whose lines match the pattern → Headers, not classified; None when one does not.

    Raises:
        ProtocolError: 400 when a field is larger than 16 KiB.
    """
    found = pattern.findall(block)
    if len(found) != block.count(b"\n") - 1:
        return None
    if len(block) > FIELD_LIMIT and any(len(line) > FIELD_LIMIT for line, _ in found):
        raise ProtocolError(400, "a header field is too large", Fault.HEADER_TOO_LARGE)
    headers = Headers()
    headers.take(found)
    return headers


def without_unlistenable(headers: Headers) -> Headers:
    """The headers without those whose names are not letters, digits and hyphens (drop_invalid_header_fields).

    How the request was classified stays: that was about what came.
    """
    if not headers.kinds & UNLISTENABLE:
        return headers
    kept = PiecedHeaders()
    kept.tier, kept.reason = headers.tier, headers.reason
    for name, value in headers.items:
        if not field_kind(name)[1] & UNLISTENABLE:
            kept.add(name, value)
    kept.received.extend(line for line in headers.received if not field_kind(line[1])[1] & UNLISTENABLE)
    return kept
