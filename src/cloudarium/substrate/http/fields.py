"""Field blocks ("headers"): parsed once, kept as sent, looked up by lower-case name."""

from typing import Final

from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.syntax import (
    EXPECT,
    FIELD_LIMIT,
    FORWARDED,
    HOP_BY_HOP,
    HOST,
    KNOWN_NAMES,
    LOOKALIKE,
    LOOSE_FIELDS,
    REPEATED,
    STRICT_FIELDS,
    UNLISTENABLE,
    field_kind,
)

_NOT_PLAIN: Final = HOP_BY_HOP | HOST | EXPECT | FORWARDED


class Headers:
    """The fields of one message, in the order and spelling in which they came. Not changed once parsed."""

    __slots__ = ("items", "kinds", "plain", "reason", "tier", "values")

    def __init__(self) -> None:
        self.items: list[tuple[bytes, bytes]] = []
        """(name as sent, value without the white space around it)."""
        self.values: dict[bytes, bytes] = {}
        """Lower-case name → the first value sent under it."""
        self.plain: list[bytes] = []
        """The lines, as sent, of the fields that pass a proxy unchanged."""
        self.kinds = 0
        """The kinds of all fields (syntax.FRAMING and its siblings), or-ed."""
        self.tier = Tier.COMPLIANT
        self.reason = "Compliant"

    def get(self, lower_name: bytes) -> bytes | None:
        """The first value under a lower-case name."""
        return self.values.get(lower_name)

    def get_all(self, lower_name: bytes) -> list[bytes]:
        """Every value under a lower-case name, in order."""
        first = self.values.get(lower_name)
        if first is None:
            return []
        if field_kind(lower_name)[1] and not self.kinds & REPEATED:
            return [first]
        return [value for name, value in self.items if name.lower() == lower_name]

    def lowered(self) -> list[tuple[bytes, bytes]]:
        """(lower-case name, value) of every field, in order."""
        return [(name.lower(), value) for name, value in self.items]

    def add(self, name: bytes, value: bytes) -> None:
        """Append a field; for those who build headers, never on parsed ones."""
        lower, kind = field_kind(name)
        self.items.append((name, value))
        if kind and lower in self.values:
            kind |= REPEATED
        if not kind & _NOT_PLAIN:
            self.plain.append(b"%b: %b" % (name, value))
        self.values.setdefault(lower, value)
        self.kinds |= kind


def parse_request_fields(block: bytes) -> Headers:
    """A request's field block, its lines and the empty line after them each ended by CRLF → Headers.

    Blocks without fault take a fast way; others are classified line by line (see `desync`).

    Raises:
        ProtocolError: 400 where the lines cannot be told apart safely: bare LF, folded lines, white space before the
            colon (RFC 9112 section 5.1 and 2.2), no colon, no name; or a field is larger than 16 KiB.
    """
    if STRICT_FIELDS.fullmatch(block) is None:
        return _parse_suspect_fields(block)
    headers = _split(block)
    if headers.kinds & LOOKALIKE:
        headers.tier, headers.reason = Tier.AMBIGUOUS, "SuspiciousHeader"
    return headers


def parse_response_fields(block: bytes) -> Headers:
    """A response's field block → Headers.

    Raises:
        ProtocolError: 502 when it is not one.
    """
    if LOOSE_FIELDS.fullmatch(block) is None:
        raise ProtocolError(502, "malformed header field")
    return _split(block)


_PADDING: Final = b" \t"


def _split(block: bytes) -> Headers:
    headers = Headers()
    if len(block) == 2:
        return headers
    items, values, plain = headers.items, headers.values, headers.plain
    kinds = 0
    known_names = KNOWN_NAMES.get
    lines = block[:-4].split(b"\r\n")
    if len(block) > FIELD_LIMIT and max(map(len, lines)) > FIELD_LIMIT:
        raise ProtocolError(400, "a header field is too large", Fault.HEADER_TOO_LARGE)
    for line in lines:
        name, _, value = line.partition(b":")
        value = value.strip(_PADDING)
        known = known_names(name)
        lower, kind = field_kind(name) if known is None else known
        items.append((name, value))
        if not kind:
            plain.append(line)
            if lower not in values:
                values[lower] = value
            continue
        kinds |= kind
        if not kind & _NOT_PLAIN:
            plain.append(line)
        if lower not in values:
            values[lower] = value
        else:
            kinds |= REPEATED
    headers.kinds = kinds
    return headers


def _parse_suspect_fields(block: bytes) -> Headers:
    headers = Headers()
    for line in block[:-4].split(b"\r\n") if len(block) > 2 else []:
        _add_suspect(headers, line)
    return headers


def _add_suspect(headers: Headers, line: bytes) -> None:
    if b"\n" in line:
        raise ProtocolError(400, "a line feed without carriage return")
    if line[:1] in (b" ", b"\t"):
        raise ProtocolError(400, "a folded header field")
    if len(line) > FIELD_LIMIT:
        raise ProtocolError(400, "a header field is too large", Fault.HEADER_TOO_LARGE)
    name, colon, value = line.partition(b":")
    if not colon:
        raise ProtocolError(400, "a header field without colon")
    if not name.strip():
        raise ProtocolError(400, "a header field without name")
    if name != name.rstrip():
        raise ProtocolError(400, "white space before the colon of a header field")
    value = value.strip(_PADDING)
    headers.add(name, value)
    if b"\x00" in line or b"\r" in line:
        _worsen(headers, Tier.SEVERE, "BadHeader")
    _, kind = field_kind(name)
    if kind & LOOKALIKE:
        _worsen(headers, Tier.AMBIGUOUS, "SuspiciousHeader")
    elif STRICT_FIELDS.fullmatch(line + b"\r\n\r\n") is None:
        _worsen(headers, Tier.ACCEPTABLE, "NonCompliantHeader")


def _worsen(headers: Headers, tier: Tier, reason: str) -> None:
    if tier > headers.tier:
        headers.tier, headers.reason = tier, reason


def without_unlistenable(headers: Headers) -> Headers:
    """The headers without those whose names are not letters, digits and hyphens (drop_invalid_header_fields)."""
    if not headers.kinds & UNLISTENABLE:
        return headers
    kept = Headers()
    for name, value in headers.items:
        if not field_kind(name)[1] & UNLISTENABLE:
            kept.add(name, value)
    return kept
