"""Where a request's body ends, and what its framing fields say of the request.

The class is http-desync-guardian's: it counts fields that only resemble Content-Length or Transfer-Encoding, because
somebody on the way may take them for these. Where the body ends is ours to decide, whatever the class, and is decided
by the fields of exactly these names:

1. A Transfer-Encoding other than chunked and identity is not supported (501, as on AWS).
2. Chunked wins over any Content-Length (RFC 9112 section 6.3).
3. Else the first Content-Length that is a number counts, as for http-desync-guardian. `5, 5` is 5 (RFC 9110
   section 8.6).
4. With a Content-Length and none that is a number the end cannot be known: 400, whatever the mode.
5. Else there is no body.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from cloudarium.substrate.http.desync import COMPLIANT, Tier, Verdict, worst
from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.fields import Headers
from cloudarium.substrate.http.framing import CHUNKED, NO_BODY, transfer_codings
from cloudarium.substrate.http.syntax import CODING, FRAMING, LENGTH, LOOKALIKE, REPEATED, resembled

_SUPPORTED_CODINGS: Final = frozenset({b"chunked", b"identity"})
_VALID_CODINGS: Final = _SUPPORTED_CODINGS | {b"compress", b"deflate", b"gzip"}
_LENGTH_DIGITS: Final = 64
_LENGTH_LIMIT: Final = 1 << 64
_TO_LOOK_AT: Final = FRAMING | LOOKALIKE
_NOT_PLAIN: Final = REPEATED | CODING | LOOKALIKE


class RequestFraming(NamedTuple):
    """The body of a request, and what its framing fields say of the request."""

    length: int
    """Bytes, or CHUNKED."""
    tier: Tier = Tier.COMPLIANT
    reason: str = "Compliant"
    rewrite: bool = False
    """Whether the framing fields must be written anew instead of being passed on."""
    fault: Fault | None = None
    """Why it cannot be served in any mode; its length means nothing then."""
    isolate: bool = False
    """Whether both connections are to be closed after the exchange (set by `inspection`)."""
    as_received: bool = False
    """Whether the target gets the lines of the fields as they came (set by `inspection`)."""

    @property
    def closes_target(self) -> bool:
        """Whether the target's connection is of no further use after the exchange."""
        return self.isolate or self.as_received


NO_REQUEST_BODY: Final = RequestFraming(NO_BODY)


def request_framing(method: bytes, minor: int, headers: Headers) -> RequestFraming:
    """How long the request's body is, and of which class its framing fields make it; `minor` is -1 for HTTP/0.9."""
    kinds = headers.kinds
    if not kinds & _TO_LOOK_AT:
        return NO_REQUEST_BODY
    if kinds & LENGTH and not kinds & _NOT_PLAIN and method != b"GET" and method != b"HEAD" and minor >= 0:
        value = headers.marked[b"content-length"]
        if len(value) <= 15 and value.isdigit():
            return RequestFraming(int(value))
    codings = transfer_codings(headers.get_all(b"transfer-encoding"))
    lengths = headers.get_all(b"content-length")
    claimed = _claimed(headers) if kinds & LOOKALIKE else (codings, lengths)
    tier, reason = worst(COMPLIANT, *_verdicts(method, minor, *claimed))
    length, fault = _length(codings, lengths)
    plain = codings in ([], [b"chunked"]) and len(codings) + len(lengths) < 2
    rewrite = not plain or any(_number(value) is None for value in lengths)
    return RequestFraming(length, tier, reason, rewrite, fault)


def _length(codings: list[bytes], lengths: list[bytes]) -> tuple[int, Fault | None]:
    if not _SUPPORTED_CODINGS.issuperset(codings):
        return NO_BODY, Fault.TRANSFER_ENCODING_NOT_SUPPORTED
    if b"chunked" in codings:
        return CHUNKED, None
    for value in lengths:
        number = _number(value)
        if number is None:
            listed = {_number(each.strip(b" \t")) for each in value.split(b",")}
            number = listed.pop() if len(listed) == 1 else None
        if number is not None:
            return number, None
    return NO_BODY, Fault.BAD_REQUEST if lengths else None


def _number(value: bytes) -> int | None:
    """A decimal of at most 64 bits."""
    if not value.isdigit() or len(value) > _LENGTH_DIGITS:
        return None
    number = int(value)
    return number if number < _LENGTH_LIMIT else None


def _claimed(headers: Headers) -> tuple[list[bytes], list[bytes]]:
    """The codings and lengths of all fields that anybody could take for framing fields."""
    values: dict[bytes, list[bytes]] = {b"transfer-encoding": [], b"content-length": [], b"": []}
    for name, value in (*headers.items, *headers.hidden):
        values[resembled(name.lower())].append(value)
    return transfer_codings(values[b"transfer-encoding"]), values[b"content-length"]


def _verdicts(method: bytes, minor: int, codings: list[bytes], lengths: list[bytes]) -> Iterator[Verdict]:
    """In http-desync-guardian's order."""
    if codings and minor <= 0:
        yield Tier.AMBIGUOUS, "UndefinedTransferEncodingSemantics"
        return
    if lengths and minor < 0:
        yield Tier.AMBIGUOUS, "UndefinedContentLengthSemantics"
        return
    yield from _coding_verdicts(codings)
    first: int | None = None
    for value in lengths:
        number = _number(value)
        if number is None:
            yield Tier.SEVERE, "BadContentLength"
        elif first is None:
            first = number
        elif number != first:
            yield Tier.SEVERE, "MultipleContentLength"
        else:
            yield Tier.AMBIGUOUS, "DuplicateContentLength"
    if method in (b"GET", b"HEAD"):
        if codings:
            yield Tier.AMBIGUOUS, "UndefinedTransferEncodingSemantics"
        if first == 0:
            yield Tier.ACCEPTABLE, "GetHeadZeroContentLength"
        elif first is not None:
            yield Tier.AMBIGUOUS, "UndefinedContentLengthSemantics"
    if codings and first is not None:
        yield Tier.AMBIGUOUS, "BothTeClPresent"


def _coding_verdicts(codings: list[bytes]) -> Iterator[Verdict]:
    chunked = False
    for coding in codings:
        if coding not in _VALID_CODINGS:
            yield Tier.SEVERE, "BadTransferEncoding"
        elif coding == b"chunked" and chunked:
            yield Tier.SEVERE, "MultipleTransferEncodingChunked"
        chunked |= coding == b"chunked"
    # Stricter than http-desync-guardian: a server must refuse it (RFC 9112 section 6.3).
    if chunked and codings[-1] != b"chunked":
        yield Tier.SEVERE, "BadTransferEncoding"
