"""What a request says its body's digest is: S3 stores nothing that came out different.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re
import zlib
from collections.abc import Callable

from cloudarium.gateway.wire.message import WireRequest
from cloudarium.kernel.errors import AwsError

# Without a native library a larger CRC32C would hold up everybody else; such a checksum is taken on trust.
MAX_CRC32C = 256 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_digests(request: WireRequest, operation: str) -> None:
    """Hold the digests in an S3 request's headers against its body.

    Raises ``AwsError`` InvalidDigest, BadDigest or XAmzContentSHA256Mismatch.
    """
    headers, body = request.headers, request.body
    if (md5 := headers.get("content-md5")) is not None:
        if len(given := _decoded(md5)) != 16:
            raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", 400)
        if hashlib.md5(body, usedforsecurity=False).digest() != given:
            raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.", 400)
    sha256 = headers.get("x-amz-content-sha256", "")
    if _SHA256.fullmatch(sha256) and hashlib.sha256(body).hexdigest() != sha256:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise AwsError("XAmzContentSHA256Mismatch", message, 400)
    if operation == "CompleteMultipartUpload":
        return  # Its checksums are the object's.
    for name in [name for name in headers if name.startswith("x-amz-checksum-")]:
        check_checksum(name, headers[name], body)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def check_checksum(name: str, value: str, data: bytes) -> None:
    """Hold an ``x-amz-checksum-…`` header or trailer against the body; raises ``AwsError`` BadDigest."""
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
