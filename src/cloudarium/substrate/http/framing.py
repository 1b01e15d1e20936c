"""Where a response's body ends (RFC 9112 section 6), and whether a message's connection can be used again."""

import re
from typing import Final

from cloudarium.substrate.http.faults import ProtocolError
from cloudarium.substrate.http.fields import Headers
from cloudarium.substrate.http.syntax import CODING, CONNECTION, FRAMING, LENGTH, REPEATED

NO_BODY: Final = 0
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

_LENGTH: Final = re.compile(rb"[0-9]{1,19}")


def transfer_codings(values: list[bytes]) -> list[bytes]:
    """The lower-case codings of Transfer-Encoding fields. Only space and tab are white space around them (RFC 9110
    section 5.6.3): a coding behind a vertical tab is another one, which nobody knows.
    """
    return [coding.strip(b" \t").lower() for value in values for coding in value.split(b",")]


def response_length(status: int, headers: Headers) -> int:
    """How long a response's body is when the request was not HEAD: bytes, CHUNKED or UNTIL_CLOSE.

    Raises:
        ProtocolError: 502 when the fields contradict each other.
    """
    if status < 200 or status in (204, 304):
        return NO_BODY
    kinds = headers.kinds
    if not kinds & FRAMING:
        return UNTIL_CLOSE
    if kinds & LENGTH and not kinds & (REPEATED | CODING):
        value = headers.marked[b"content-length"]
        if len(value) <= 15 and value.isdigit():
            return int(value)
    codings = transfer_codings(headers.get_all(b"transfer-encoding"))
    if codings and codings != [b"identity"]:
        if codings != [b"chunked"]:
            raise ProtocolError(502, "the response's transfer coding is not supported")
        return CHUNKED
    lengths = headers.get_all(b"content-length")
    if not lengths:
        return UNTIL_CLOSE
    if any(_LENGTH.fullmatch(length) is None for length in lengths) or len({int(length) for length in lengths}) > 1:
        raise ProtocolError(502, "the response's Content-Length is not valid")
    return int(lengths[0])


def keeps_alive(minor: int, headers: Headers) -> bool:
    """Whether the sender means to use the connection again (RFC 9112 section 9.3)."""
    if not headers.kinds & CONNECTION:
        return minor == 1
    options = connection_options(headers)
    if b"close" in options:
        return False
    return minor == 1 or b"keep-alive" in options


_NO_OPTIONS: Final[frozenset[bytes]] = frozenset()
_COMMON_OPTIONS: Final = {
    b"keep-alive": frozenset({b"keep-alive"}),
    b"Keep-Alive": frozenset({b"keep-alive"}),
    b"close": frozenset({b"close"}),
}


def connection_options(headers: Headers) -> frozenset[bytes]:
    """The lower-case options of every Connection field; they name further hop-by-hop fields."""
    if not headers.kinds & CONNECTION:
        return _NO_OPTIONS
    values = headers.get_all(b"connection")
    if len(values) == 1 and values[0] in _COMMON_OPTIONS:
        return _COMMON_OPTIONS[values[0]]
    return frozenset(option.strip().lower() for value in values for option in value.split(b",") if option.strip())
