"""The alphabets of HTTP/1.1 (RFC 9110, RFC 9112), as compiled patterns and tables.

Measured on CPython 3.11: one possessive pattern that both checks and finds the fields of a block costs half of
splitting it and checking line by line, and a table from a field's name as it was sent to its lower-case form and kind
is cheaper than lower() and a chain of comparisons.
"""

import re
from typing import Final

TOKEN_CHARACTERS: Final = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"

TOKEN: Final = re.compile(rb"[" + TOKEN_CHARACTERS + rb"]+")
STRICT_FIELD: Final = re.compile(rb"(?m)^(([" + TOKEN_CHARACTERS + rb"]++):[\t\x20-\x7e]*+\r\n)")
"""(A field line beyond reproach: a token, a colon, visible ASCII; its name). Where it finds as many as there are lines,
every line is one: matches begin after a line feed, and hold no other."""
LOOSE_FIELD: Final = re.compile(rb"(?m)^(([" + TOKEN_CHARACTERS + rb"]++):[^\x00\r\n]*+\r\n)")
"""The same with values of anything but NUL, CR and LF: what is taken from targets."""
STRICT_REQUEST_LINE: Final = re.compile(rb"([" + TOKEN_CHARACTERS + rb"]++) ([!-~]++) HTTP/1\.([01])")
PLAIN_REQUEST_LINE: Final = re.compile(rb"(?!TRACE )([" + TOKEN_CHARACTERS + rb"]++) (/[!-~]*+) HTTP/1\.1\r\n")
"""A request line that needs no second look: origin form, HTTP/1.1, an allowed method."""
STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([^\x00\r\n]*+))?")
LISTENABLE_FIELD_NAME: Final = re.compile(rb"[-A-Za-z0-9]+")
"""What ELB calls a valid header name (routing.http.drop_invalid_header_fields.enabled)."""

REQUEST_LINE_LIMIT: Final = 16 * 1024
FIELD_LIMIT: Final = 16 * 1024
REQUEST_HEAD_LIMIT: Final = 64 * 1024
RESPONSE_HEAD_LIMIT: Final = 32 * 1024
"""Bytes; https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html"""

# Kinds of field, as bits: what the engine must look at before it passes a message on.
FRAMING: Final = 1
HOP_BY_HOP: Final = 2
FORWARDED: Final = 4
EXPECT: Final = 8
LOOKALIKE: Final = 16
HOST: Final = 32
UNLISTENABLE: Final = 64
CONNECTION: Final = 128
LENGTH: Final = 256
REPEATED: Final = 512
"""Set on headers, not on names: a field of one of these kinds occurs more than once."""
CODING: Final = 2048
OTHER_HOP: Final = 1024
"""Hop-by-hop fields other than Connection and Transfer-Encoding."""

_KINDS: Final[dict[bytes, int]] = {
    b"content-length": FRAMING | LENGTH,
    b"transfer-encoding": FRAMING | HOP_BY_HOP | CODING,
    b"connection": HOP_BY_HOP | CONNECTION,
    b"keep-alive": HOP_BY_HOP | OTHER_HOP,
    b"proxy-connection": HOP_BY_HOP | OTHER_HOP,
    b"upgrade": HOP_BY_HOP | OTHER_HOP,
    b"te": HOP_BY_HOP | OTHER_HOP,
    b"http2-settings": HOP_BY_HOP | OTHER_HOP,
    b"x-forwarded-for": FORWARDED,
    b"x-forwarded-proto": FORWARDED,
    b"x-forwarded-port": FORWARDED,
    b"x-amzn-trace-id": FORWARDED,
    b"expect": EXPECT,
    b"host": HOST,
}
_NAMES_KEPT: Final = 4096
KNOWN_NAMES: dict[bytes, tuple[bytes, int]] = {}
ORDINARY_NAMES: Final[set[bytes]] = set()
"""Names, as sent, that were seen to have no kind."""
_NEITHER_LETTER_NOR_DIGIT: Final = re.compile(rb"[^0-9a-z]+")
_BARE: Final = {b"transferencoding": b"transfer-encoding", b"contentlength": b"content-length"}


def field_kind(name: bytes) -> tuple[bytes, int]:
    """A field name as sent → (its lower-case form, its kinds as bits)."""
    known = KNOWN_NAMES.get(name)
    if known is not None:
        return known
    lower = name.lower()
    kind = _KINDS.get(lower, 0)
    if not kind & FRAMING and resembled(lower):
        kind |= LOOKALIKE
    if LISTENABLE_FIELD_NAME.fullmatch(name) is None:
        kind |= UNLISTENABLE
    if len(KNOWN_NAMES) < _NAMES_KEPT and len(name) <= 64:
        KNOWN_NAMES[name] = (lower, kind)
        if not kind:
            ORDINARY_NAMES.add(name)
    return lower, kind


def resembled(lower: bytes) -> bytes:
    """The framing field that the name is, or that common clean-ups would turn it into; empty when there is none.

    The idea is http-desync-guardian's SuspiciousHeader: unicode letters that fold to ASCII, and anything that is
    neither letter nor digit taken away; also the name followed by a further word after white space.
    """
    if len(lower) < 13:
        return b""
    folded = lower.replace(b"\xc5\xbf", b"s").replace(b"\xc4\xb1", b"i")
    meant = _BARE.get(_NEITHER_LETTER_NOR_DIGIT.sub(b"", folded))
    if meant is None:
        meant = _BARE.get(_NEITHER_LETTER_NOR_DIGIT.sub(b"", folded.split(None, 1)[0])) if folded.strip() else None
    return meant or b""
