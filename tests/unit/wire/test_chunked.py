"""The aws-chunked encoding."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.gateway import sigv4, wire
from cloudarium.gateway.wire import WireRequest
from cloudarium.gateway.wire.chunked import plain_body
from cloudarium.gateway.wire.digests import CHECKSUMS, crc32c
from cloudarium.kernel.errors import AwsError

SECRET = "secret"
DATE = "20250101T000000Z"
CREDENTIAL = sigv4.Credential("AKID", "20250101", "us-east-1", "s3", ("host",), "0" * 64)


def chunked(data: bytes, size: int, mode: str, trailers: dict[str, str] | None = None) -> WireRequest:
    """A request with a body in chunks, signed when the mode says so."""
    signer = sigv4.SignedChunks(CREDENTIAL, SECRET, DATE) if "HMAC" in mode else None
    body = b""
    for part in [data[i : i + size] for i in range(0, len(data), size)] + [b""]:
        extension = f";chunk-signature={signer.chunk(part)}" if signer else ""
        body += f"{len(part):x}{extension}\r\n".encode() + part + (b"\r\n" if part else b"")
    for name, value in (trailers or {}).items():
        body += f"{name}:{value}\r\n".encode()
    if signer and trailers:
        canonical = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        body += f"x-amz-trailer-signature:{signer.trailer(canonical.encode())}\r\n".encode()
    headers = {
        "x-amz-content-sha256": mode,
        "x-amz-decoded-content-length": str(len(data)),
        "x-amz-date": DATE,
        "x-amz-trailer": ",".join(trailers or {}),
    }
    return WireRequest("PUT", "/b/k", "", headers, body + b"\r\n")


UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


@given(st.binary(max_size=300), st.integers(1, 64), st.sampled_from(sorted(CHECKSUMS)))
def test_unsigned_chunks_with_a_trailing_checksum(data: bytes, size: int, algorithm: str) -> None:
    checksum = base64.b64encode(CHECKSUMS[algorithm](data)).decode()
    name = f"x-amz-checksum-{algorithm}"
    assert plain_body(chunked(data, size, UNSIGNED, {name: checksum})) == data
    wrong = base64.b64encode(CHECKSUMS[algorithm](data + b"x")).decode()
    with pytest.raises(AwsError) as caught:
        plain_body(chunked(data, size, UNSIGNED, {name: wrong}))
    assert caught.value.code == "BadDigest"


@given(st.binary(max_size=300), st.integers(1, 64), st.booleans())
def test_signed_chunks(data: bytes, size: int, trailer: bool) -> None:
    trailers = {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}
    mode = f"{SIGNED}-TRAILER" if trailer else SIGNED
    request = chunked(data, size, mode, trailers if trailer else None)
    assert plain_body(request) == data
    assert plain_body(request, sigv4.chunk_signer(request, CREDENTIAL, SECRET)) == data
    with pytest.raises(AwsError) as caught:
        plain_body(request, sigv4.chunk_signer(request, CREDENTIAL, "other"))
    assert caught.value.code == "SignatureDoesNotMatch"


def test_known_values() -> None:
    assert crc32c(b"123456789").hex() == "e3069283"
    # The example of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    credential = sigv4.Credential(
        "AKIAIOSFODNN7EXAMPLE",
        "20130524",
        "us-east-1",
        "s3",
        signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    )
    signer = sigv4.SignedChunks(credential, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524T000000Z")
    assert signer.chunk(b"a" * 65536) == "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
    assert signer.chunk(b"a" * 1024) == "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
    assert signer.chunk(b"") == "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"


@pytest.mark.parametrize(
    ("body", "length", "code"),
    [
        (b"", "0", "IncompleteBody"),
        (b"5\r\nhel", "5", "IncompleteBody"),
        (b"5\r\nhello\r\n", "5", "IncompleteBody"),
        (b"5\r\nhello\r\n0\r\n\r\n", "4", "IncompleteBody"),
        (b"5\r\nhelloXX0\r\n\r\n", "5", "IncompleteBody"),
        (b"-5\r\nhello\r\n0\r\n\r\n", "5", "InvalidChunkSizeError"),
        (b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", "5", "InvalidChunkSizeError"),
        (b"5\r\nhello\r\n0\r\n\r\n", "", "MissingContentLength"),
        (b"5\r\nhello\r\n0\r\n\r\n", "99999999999999999999", "IncompleteBody"),
        (b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n", "5", "MalformedTrailerError"),
    ],
)
def test_broken_bodies(body: bytes, length: str, code: str) -> None:
    headers = {"x-amz-content-sha256": UNSIGNED, "x-amz-decoded-content-length": length}
    with pytest.raises(AwsError) as caught:
        plain_body(WireRequest("PUT", "/b/k", "", headers, body))
    assert caught.value.code == code


def test_a_declared_trailer_must_come() -> None:
    request = chunked(b"hello", 5, UNSIGNED)
    request.headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    with pytest.raises(AwsError) as caught:
        plain_body(request)
    assert caught.value.code == "MalformedTrailerError"


@given(st.binary(max_size=200), st.sampled_from([UNSIGNED, SIGNED, f"{SIGNED}-TRAILER"]))
def test_any_bytes_are_refused_politely(body: bytes, mode: str) -> None:
    headers = {"x-amz-content-sha256": mode, "x-amz-decoded-content-length": "3", "x-amz-date": DATE}
    request = WireRequest("PUT", "/b/k", "", headers, body)
    try:
        plain_body(request, sigv4.chunk_signer(request, CREDENTIAL, SECRET))
    except AwsError:
        pass


def test_put_object_sees_the_plain_body() -> None:
    request = chunked(b"hello", 2, UNSIGNED, {"x-amz-checksum-sha256": _sha256(b"hello")})
    params = wire.operation("s3", "rest-xml", "PutObject").parse(request)
    assert (params["Bucket"], params["Key"], params["Body"]) == ("b", "k", b"hello")


def _sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
