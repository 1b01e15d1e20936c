"""Signatures, against botocore's own signers."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.gateway import sigv4
from cloudarium.gateway.wire import WireRequest
from cloudarium.kernel.errors import AwsError

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def signed(
    signer: Any, service: str, method: str = "POST", url: str = "http://localhost:4566/", body: bytes = b"", **more: Any
) -> WireRequest:
    """A request as one of botocore's signers leaves it."""
    headers = {"host": urlsplit(url).netloc} | more.pop("headers", {})
    request = AWSRequest(method=method, url=url, data=body, headers=headers)
    signer(Credentials("AKIDEXAMPLE", SECRET, more.pop("token", None)), service, "us-east-1", **more).add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    items: list[tuple[str, Any]] = list(prepared.headers.items())
    found = {k.lower(): v.decode() if isinstance(v, bytes) else str(v) for k, v in items}
    return WireRequest(method, parts.path or "/", parts.query, found, body)


def check(request: WireRequest, secret: str = SECRET, later: float = 0) -> sigv4.Credential:
    """Verify as a gateway that enforces would, so many seconds after the signing."""
    date = request.headers.get("x-amz-date") or sigv4.query_parameters(request.query).get("X-Amz-Date", "")
    signed_at = dt.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    credential = sigv4.parse_authorization(request)
    assert credential is not None
    sigv4.verify(request, credential, secret, signed_at + dt.timedelta(seconds=later))
    return credential


def refused(request: WireRequest, secret: str = SECRET, later: float = 0) -> str:
    with pytest.raises(AwsError) as caught:
        check(request, secret, later)
    return caught.value.code


def test_headers() -> None:
    request = signed(SigV4Auth, "sts", body=b"Action=GetCallerIdentity", token="session")
    credential = check(request)
    assert credential.access_key == "AKIDEXAMPLE"
    assert (credential.region, credential.service, credential.session_token) == ("us-east-1", "sts", "session")
    assert not credential.presigned
    assert refused(request, secret="other") == "SignatureDoesNotMatch"
    assert refused(request, later=1000) == "SignatureDoesNotMatch"
    assert refused(request, later=-1000) == "SignatureDoesNotMatch"
    for changed in (
        WireRequest(request.method, request.path, request.query, request.headers, b"Action=Other"),
        WireRequest("GET", request.path, request.query, request.headers, request.body),
        WireRequest(request.method, "/x", request.query, request.headers, request.body),
        WireRequest(request.method, request.path, "x=1", request.headers, request.body),
        WireRequest(request.method, request.path, request.query, request.headers | {"host": "other"}, request.body),
    ):
        assert refused(changed) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "path", ["/", "/a/b", "/a//b/", "/a/./b/../c", "/caf%C3%A9", "/a%20b", "/a%2Fb", "/functions/arn%3Aaws%3Alambda"]
)
@pytest.mark.parametrize("query", ["", "?b=2&a=1&a=0", "?flag", "?flag=", "?q=a%20b%2Bc~d", "?u=%C3%A9"])
def test_paths_and_queries(path: str, query: str) -> None:
    check(signed(SigV4Auth, "lambda", "GET", f"http://localhost:4566{path}{query}"))
    check(signed(S3SigV4Auth, "s3", "GET", f"http://localhost:4566{path}{query}"))


def test_s3_body_must_have_the_hash_that_was_signed() -> None:
    body = b"hello"
    headers = {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    request = signed(S3SigV4Auth, "s3", "PUT", "http://localhost:4566/b/k", body, headers=headers)
    request.headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
    check(request)
    request.body = b"other"
    assert refused(request) == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize(("signer", "service"), [(SigV4QueryAuth, "sts"), (S3SigV4QueryAuth, "s3")])
def test_presigned_urls(signer: Any, service: str) -> None:
    request = signed(signer, service, "GET", "http://localhost:4566/b/k%20x?versionId=1", token="t/+=", expires=60)
    credential = check(request, later=50)
    assert credential.presigned
    assert credential.session_token == "t/+="
    assert refused(request, later=70) == "AccessDenied"
    request.query += "&extra=1"
    assert refused(request) == "SignatureDoesNotMatch"


@given(
    st.dictionaries(st.sampled_from(["x-amz-a", "x-amz-b", "accept"]), st.text("abc  .", max_size=8)),
    st.lists(st.tuples(st.text(min_size=1, max_size=4), st.text(max_size=4)), max_size=4),
    st.binary(max_size=20),
)
@settings(max_examples=60, deadline=None)
def test_anything_botocore_signs(headers: dict[str, str], query: list[tuple[str, str]], body: bytes) -> None:
    from urllib.parse import quote

    try:
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    except UnicodeEncodeError:
        return
    check(signed(SigV4Auth, "monitoring", "POST", f"http://localhost:4566/?{text}", body, headers=headers))


SCOPE = "AKID/20250101/us-east-1/sts/aws4_request"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "AWS4-HMAC-SHA256 garbage",
            "'garbage' not a valid key=value pair (missing equal-sign) in Authorization header",
        ),
        ("AWS4-HMAC-SHA256 Credential=x", "requires 'Signature' parameter. Authorization header requires 'SignedHe"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x", "exactly 5 slash-delimited elements"),
        (f"AWS4-HMAC-SHA256 Credential={SCOPE[:-1]}, SignedHeaders=h, Signature=x", "a valid terminator: 'aws4_requ"),
        (f"AWS4-HMAC-SHA256 Credential={SCOPE.replace('2025', '25')}, SignedHeaders=h, Signature=x", "YYYYMMDD"),
        (f"AWS4-HMAC-SHA1 Credential={SCOPE}", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'"),
        ("AWS nocolon", "one and only one ':'"),
        ("Digest x", "Unsupported AWS 'algorithm'"),
    ],
)
def test_malformed_authorization(header: str, words: str) -> None:
    headers = {"authorization": header, "x-amz-date": "20250101T000000Z"}
    with pytest.raises(AwsError) as caught:
        sigv4.parse_authorization(WireRequest("GET", "/", "", headers))
    assert caught.value.code == "IncompleteSignature"
    assert words in caught.value.message


def test_a_date_is_required() -> None:
    headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=h, Signature=x"}
    with pytest.raises(AwsError, match="existence of either a 'X-Amz-Date' or a 'Date' header"):
        sigv4.parse_authorization(WireRequest("GET", "/", "", headers))


def test_unsigned_and_bearer() -> None:
    assert sigv4.parse_authorization(WireRequest("GET", "/", "", {})) is None
    assert sigv4.parse_authorization(WireRequest("GET", "/", "", {"authorization": "Bearer x"})) is None


def test_region_free_signatures_are_read_but_not_verified() -> None:
    header = "AWS4-ECDSA-P256-SHA256 Credential=AKID/20250101/s3/aws4_request, SignedHeaders=host, Signature=ab"
    request = WireRequest("GET", "/", "", {"authorization": header, "x-amz-date": "20250101T000000Z"})
    credential = sigv4.parse_authorization(request)
    assert credential is not None
    assert (credential.region, credential.service) == ("*", "s3")
    assert refused(request) == "NotImplemented"


def test_account_of() -> None:
    assert sigv4.account_of("123456789012") == "123456789012"
    assert sigv4.account_of("test") == "000000000000"
    assert sigv4.account_of("AKIAIOSFODNN7EXAMPLE", default="111111111111") == "111111111111"
    assert sigv4.account_of("1234567890123") == "000000000000"
