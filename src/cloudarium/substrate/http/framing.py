"""Where a message's body ends (RFC 9112 section 6), and whether its connection can be used again."""

import re
from typing import Final, NamedTuple

from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.fields import Headers
from cloudarium.substrate.http.syntax import CODING, CONNECTION, FRAMING, LENGTH, REPEATED

NO_BODY: Final = 0
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

_LENGTH: Final = re.compile(rb"[0-9]{1,19}")
_CODINGS: Final = frozenset({b"chunked", b"identity"})
_KNOWN_UNSUPPORTED_CODINGS: Final = frozenset({b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"})


class RequestFraming(NamedTuple):
    """The body of a request, and what its framing fields say of the request."""

    length: int
    """Bytes, or CHUNKED."""
    tier: Tier = Tier.COMPLIANT
    reason: str = "Compliant"
    rewrite: bool = False
    """Whether the framing fields must be written anew instead of being passed on."""
    isolate: bool = False
    """Whether both connections are to be closed after the exchange (set by `inspection`)."""


NO_REQUEST_BODY: Final = RequestFraming(NO_BODY)


def request_framing(method: bytes, minor: int, headers: Headers) -> RequestFraming:
    """How long the request's body is.

    Severe cases are returned, not raised, so that they can be logged with AWS's reason; their length means nothing.

    Raises:
        ProtocolError: 501 for a transfer coding that AWS's load balancers do not support.
    """
    kinds = headers.kinds
    if not kinds & FRAMING:
        return NO_REQUEST_BODY
    if kinds & LENGTH and not kinds & (REPEATED | CODING) and method != b"GET" and method != b"HEAD":
        value = headers.marked[b"content-length"]
        if len(value) <= 15 and value.isdigit():
            return RequestFraming(int(value))
    codings = transfer_codings(headers)
    lengths = headers.get_all(b"content-length")
    severe = _severe_reason(codings, lengths)
    if severe:
        return RequestFraming(NO_BODY, Tier.SEVERE, severe)
    if any(coding in _KNOWN_UNSUPPORTED_CODINGS for coding in codings):
        raise ProtocolError(501, "the transfer coding is not supported", Fault.TRANSFER_ENCODING_NOT_SUPPORTED)
    bodiless = method in (b"GET", b"HEAD")
    chunked = b"chunked" in codings
    length = CHUNKED if chunked else int(lengths[0]) if lengths else NO_BODY
    rewrite = bool(codings and lengths) or len(lengths) > 1 or b"identity" in codings
    if codings and (bodiless or minor == 0):
        return RequestFraming(length, Tier.AMBIGUOUS, "UndefinedTransferEncodingSemantics", rewrite)
    if chunked and lengths:
        return RequestFraming(length, Tier.AMBIGUOUS, "BothTeClPresent", True)
    if len(lengths) > 1:
        return RequestFraming(length, Tier.AMBIGUOUS, "DuplicateContentLength", True)
    if bodiless and lengths:
        if length == 0:
            return RequestFraming(length, Tier.ACCEPTABLE, "GetHeadZeroContentLength", rewrite)
        return RequestFraming(length, Tier.AMBIGUOUS, "UndefinedContentLengthSemantics", rewrite)
    return RequestFraming(length, rewrite=rewrite)


def transfer_codings(headers: Headers) -> list[bytes]:
    """The lower-case codings of every Transfer-Encoding field. Only space and tab are white space around them
    (RFC 9110 section 5.6.3): a coding behind a vertical tab is another one, which nobody knows.
    """
    return [c.strip(b" \t").lower() for value in headers.get_all(b"transfer-encoding") for c in value.split(b",")]


def _severe_reason(codings: list[bytes], lengths: list[bytes]) -> str:
    if any(coding not in _CODINGS and coding not in _KNOWN_UNSUPPORTED_CODINGS for coding in codings):
        return "BadTransferEncoding"
    if codings.count(b"chunked") > 1:
        return "MultipleTransferEncodingChunked"
    if b"chunked" in codings and codings[-1] != b"chunked":
        return "BadTransferEncoding"
    if any(_LENGTH.fullmatch(length) is None or int(length) >= 1 << 63 for length in lengths):
        return "BadContentLength"
    if len({int(length) for length in lengths}) > 1:
        return "MultipleContentLength"
    return ""


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
    codings = transfer_codings(headers)
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
