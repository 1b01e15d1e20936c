"""What goes over the wire: one HTTP request in, one HTTP response out, both already whole."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from urllib.parse import unquote_to_bytes

import msgspec

from cloudarium.kernel.errors import AwsError

MAX_PARAMETERS = 50_000
MAX_INFLATED = 64 * 1024 * 1024
FORM_TYPE = "application/x-www-form-urlencoded"


class WireRequest(msgspec.Struct):
    """A request as it came: ``path`` and ``query`` raw and undecoded, header names in lower case.

    Repeated headers are joined by ", ". ``form_cache`` belongs to ``form_of``.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""
    form_cache: dict[str, str] | None = None


class WireResponse(msgspec.Struct):
    """A response; the HTTP engine adds Content-Length (when not given), Date and Connection."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes]
    """Whole, or (event streams) its pieces as they come."""


def form_of(request: WireRequest) -> dict[str, str]:
    """The parameters of a query-protocol request: those of the URL, then those of a form body.

    Raises ``AwsError`` MalformedQueryString for what cannot be decoded.
    """
    form = request.form_cache
    if form is None:
        form = {}
        if request.query:
            parse_form(request.query, form)
        if request.body and request.headers.get("content-type", FORM_TYPE).startswith(FORM_TYPE):
            body = request.body
            if "gzip" in request.headers.get("content-encoding", ""):
                body = inflate(body)
            try:
                text = body.decode()
            except UnicodeDecodeError as error:
                raise malformed_query("The request body is not valid UTF-8.") from error
            parse_form(text, form)
        request.form_cache = form
    return form


def parse_form(text: str, into: dict[str, str]) -> None:
    """Decode ``a=b&c=d``; the first of repeated names wins."""
    pairs = text.split("&")
    if len(pairs) > MAX_PARAMETERS:
        raise malformed_query(f"The request has more than {MAX_PARAMETERS} parameters.")
    for pair in pairs:
        name, _, value = pair.partition("=")
        if "%" in value or "+" in value:
            value = unquote_plus(value)
        if "%" in name or "+" in name:
            name = unquote_plus(name)
        if name and name not in into:
            into[name] = value


def unquote_plus(text: str) -> str:
    """Undo form encoding of one name or value."""
    return unquote(text.replace("+", " "))


def unquote(text: str) -> str:
    """Undo percent encoding; raises MalformedQueryString unless the bytes are UTF-8."""
    try:
        return unquote_to_bytes(text).decode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise malformed_query("The request has percent-encoded bytes that are not valid UTF-8.") from error


def malformed_query(message: str) -> AwsError:
    """The error for a query string or form that cannot be read."""
    return AwsError("MalformedQueryString", message, 400)


def inflate(body: bytes) -> bytes:
    """Decompress a gzip body of at most ``MAX_INFLATED`` bytes.

    Clients compress large requests of operations with the ``requestcompression`` trait (cloudwatch PutMetricData).
    """
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(body, MAX_INFLATED)
    except zlib.error as error:
        raise AwsError("MalformedInput", "The request body is not valid gzip.", 400) from error
    if stream.unconsumed_tail:
        raise AwsError("RequestEntityTooLarge", f"The request inflates to more than {MAX_INFLATED} bytes.", 413)
    if not stream.eof or stream.unused_data:
        raise AwsError("MalformedInput", "The request body is not one whole gzip member.", 400)
    return plain
