"""The aws-chunked body encoding: signed or unsigned chunks, and trailing checksums.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and .../sigv4-streaming-trailers.html
"""

from __future__ import annotations

import hmac
from typing import Protocol

from cloudarium.gateway.wire.digests import check_checksum
from cloudarium.gateway.wire.message import WireRequest
from cloudarium.kernel.errors import AwsError

MAX_CHUNKS = 1_000_000
MAX_HEADER_LINE = 1024
MAX_TRAILERS = 16


class ChunkSigner(Protocol):
    """Computes the signatures the chunks should have, each from the one before."""

    def chunk(self, data: bytes) -> str:
        """The signature of the next chunk, in hex."""

    def trailer(self, canonical: bytes) -> str:
        """The signature of the trailing headers, in hex."""


def is_chunked(request: WireRequest) -> bool:
    """Whether the body is aws-chunked, by what the signature says of the payload."""
    return request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")


def plain_body(request: WireRequest, signer: ChunkSigner | None = None) -> bytes:
    """The body without its chunks; checks lengths, trailing checksums and, given a signer, every signature.

    Raises ``AwsError`` IncompleteBody, InvalidChunkSizeError, MalformedTrailerError, BadDigest, MissingContentLength
    or SignatureDoesNotMatch.
    """
    mode = request.headers.get("x-amz-content-sha256", "")
    length_text = request.headers.get("x-amz-decoded-content-length", "")
    if not (length_text.isascii() and length_text.isdigit()):
        raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if len(length_text) > 15 or int(length_text) > len(request.body):
        raise _incomplete()
    signed = mode.startswith("STREAMING-AWS4-")
    data, position = _chunks(request.body, signer if signed else None)
    if len(data) != int(length_text):
        raise _incomplete()
    trailers = _trailers(request.body, position) if mode.endswith("-TRAILER") else {}
    if signed and signer is not None and mode.endswith("-TRAILER"):
        canonical = "".join(f"{k}:{v}\n" for k, v in trailers.items() if k != "x-amz-trailer-signature")
        _same(signer.trailer(canonical.encode()), trailers.get("x-amz-trailer-signature", ""))
    declared = [name.strip().lower() for name in request.headers.get("x-amz-trailer", "").split(",") if name.strip()]
    for name in declared:
        if name not in trailers:
            raise _malformed_trailer()
        check_checksum(name, trailers[name], data)
    return data


def _chunks(body: bytes, signer: ChunkSigner | None) -> tuple[bytes, int]:
    """The joined chunks, and where the trailers begin."""
    parts: list[bytes] = []
    position = 0
    while True:
        end = body.find(b"\r\n", position, position + MAX_HEADER_LINE)
        if end < 0 or len(parts) > MAX_CHUNKS:
            raise _incomplete()
        size_text, _, extension = body[position:end].partition(b";")
        if not 0 < len(size_text) <= 12 or size_text.strip(b"0123456789abcdefABCDEF"):
            raise AwsError("InvalidChunkSizeError", "The chunk size is not a hexadecimal number.", 400)
        size = int(size_text, 16)
        position = end + 2
        data = body[position : position + size]
        if len(data) != size:
            raise _incomplete()
        if signer is not None:
            name, _, signature = extension.partition(b"=")
            if name.strip() != b"chunk-signature":
                raise AwsError("SignatureDoesNotMatch", "A chunk has no chunk-signature.", 403)
            _same(signer.chunk(data), signature.decode("latin-1").strip())
        position += size
        if size == 0:
            return b"".join(parts), position
        if body[position : position + 2] != b"\r\n":
            raise _incomplete()
        position += 2
        parts.append(data)


def _trailers(body: bytes, position: int) -> dict[str, str]:
    """The headers after the last chunk."""
    result: dict[str, str] = {}
    for line in body[position:].replace(b"\r\n", b"\n").split(b"\n", MAX_TRAILERS + 1)[: MAX_TRAILERS + 1]:
        if not line:
            continue
        name, separator, value = line.partition(b":")
        if not separator or len(line) > MAX_HEADER_LINE:
            raise _malformed_trailer()
        result[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
    return result


def _same(expected: str, given: str) -> None:
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise AwsError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
            403,
        )


def _incomplete() -> AwsError:
    words = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError("IncompleteBody", words, 400)


def _malformed_trailer() -> AwsError:
    return AwsError(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
        400,
    )
