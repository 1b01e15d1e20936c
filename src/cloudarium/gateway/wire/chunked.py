"""The aws-chunked body encoding: signed or unsigned chunks, and trailing checksums.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and .../sigv4-streaming-trailers.html
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import zlib
from collections.abc import Callable
from typing import Protocol

from cloudarium.gateway.wire.message import WireRequest
from cloudarium.kernel.errors import AwsError

MAX_CHUNKS = 1_000_000
MAX_HEADER_LINE = 1024
MAX_TRAILERS = 16
# Without a native library a larger CRC32C would hold up everybody else; such a trailer is taken on trust.
MAX_CRC32C = 256 * 1024


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
        _check(name, trailers[name], data)
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


def _check(name: str, value: str, data: bytes) -> None:
    algorithm = name.removeprefix("x-amz-checksum-")
    compute = CHECKSUMS.get(algorithm)
    if compute is None or (algorithm == "crc32c" and len(data) > MAX_CRC32C):
        return
    if base64.b64encode(compute(data)).decode("ascii") != value:
        words = f"The {algorithm.upper()} you specified did not match the calculated checksum."
        raise AwsError("BadDigest", words, 400)


@functools.cache
def _crc32c_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0x82F63B78 if byte & 1 else byte >> 1
        table.append(byte)
    return tuple(table)


def crc32c(data: bytes) -> bytes:
    """The Castagnoli CRC, four bytes, big-endian."""
    table, crc = _crc32c_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")


# CRC64NVME is missing: nothing in the standard library computes it at a bearable pace.
CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "crc32c": crc32c,
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}


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
