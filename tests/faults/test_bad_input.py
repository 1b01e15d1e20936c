"""Bytes that no client should send: AWS's answer, at little cost, and the next caller is served as ever."""

from __future__ import annotations

import random
import socket
import ssl
import zlib
from collections.abc import Iterator

import pytest
from tests.support.cloud import RunningCloud

SIGNED = (
    "Authorization: AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/{service}/aws4_request, "
    "SignedHeaders=host, Signature=abc\r\nX-Amz-Date: 20261123T000000Z\r\n"
)
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


def send(cloud: RunningCloud, raw: bytes, *, half_close: bool = False) -> bytes:
    """Everything the cloud answers to raw bytes, until it closes or falls silent."""
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=5) as sock:
        try:
            sock.sendall(raw)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while not _whole(answer) and (piece := sock.recv(65_536)):
                answer += piece
        except (ConnectionResetError, TimeoutError):
            pass
        return answer


def _whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bool(end) and len(body) >= int(line.partition(b":")[2])
    return False


def post(cloud: RunningCloud, body: bytes, headers: str = "", path: str = "/") -> tuple[int, bytes]:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    answer = send(cloud, head.encode() + body)
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12]), answer.partition(b"\r\n\r\n")[2]


@pytest.fixture(autouse=True)
def still_serving(cloud: RunningCloud) -> Iterator[None]:
    """After each test the same cloud process answers the next caller."""
    before = cloud.pids()
    yield
    status, body = post(cloud, b"Action=GetCallerIdentity&Version=2011-06-15", FORM + SIGNED.format(service="sts"))
    assert status == 200, body
    assert cloud.pids()["cloud"] == before["cloud"]


@pytest.mark.parametrize(
    ("service", "headers", "body", "status", "code"),
    [
        ("ec2", FORM, b"Action=NoSuchThing&Version=2016-11-15", 400, b"InvalidAction"),
        ("elbv2", FORM, b"Action=NoSuchThing&Version=2015-12-01", 400, b"InvalidAction"),
        ("ec2", FORM, b"Action=DescribeVpcs&Version=2016-11-15&MaxResults=many", 400, b"InvalidParameterValue"),
        ("ec2", FORM, b"Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0/8", 400, b"InvalidVpc.Range"),
        ("ec2", FORM, b"Action=CreateSubnet&Version=2016-11-15", 400, b"MissingParameter"),
        ("ec2", FORM, b"Action=DescribeVpcs&Version=2016-11-15&Colour=red", 400, b"UnknownParameter"),
        ("ec2", FORM, b"Action=%ff%fe&Version=2016-11-15", 400, b"MalformedQueryString"),
        ("elasticloadbalancing", FORM, b"Action=CreateTargetGroup&Version=2015-12-01", 400, b"ValidationError"),
        ("monitoring", "X-Amz-Target: GraniteServiceVersion20100801.ListMetrics\r\n"
         "Content-Type: application/x-amz-json-1.0\r\n", b'{"Namespace": ', 400, b"SerializationException"),
        ("monitoring", "X-Amz-Target: GraniteServiceVersion20100801.ListMetrics\r\n"
         "Content-Type: application/x-amz-json-1.0\r\n", b'{"Namespace": 7}', 400, b"SerializationException"),
        ("monitoring", "X-Amz-Target: GraniteServiceVersion20100801.ListMetrics\r\n"
         "Content-Type: application/x-amz-json-1.0\r\n", b"[" * 100_000, 400, b"SerializationException"),
    ],
)  # fmt: skip
def test_a_request_that_makes_no_sense_gets_awss_error(
    cloud: RunningCloud, service: str, headers: str, body: bytes, status: int, code: bytes
) -> None:
    signing = "elasticloadbalancing" if service == "elbv2" else service
    answered, text = post(cloud, body, headers + SIGNED.format(service=signing))
    assert (answered, code in text) == (status, True), text


def test_cbor_that_lies_about_its_size(cloud: RunningCloud) -> None:
    headers = "Smithy-Protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n" + SIGNED.format(service="monitoring")
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    for body in (b"\xbf", b"\xa1", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
                 b"\x81" * 200_000, b"\xff", b"\xa1\x69Namespace\x01"):  # fmt: skip
        status, text = post(cloud, body, headers, path)
        assert status == 400, text


def test_a_signature_that_cannot_be_read(cloud: RunningCloud) -> None:
    for authorization in ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=, Signature=",
                          "AWS4-HMAC-SHA256 " + "," * 4000, "AWS4-HMAC-SHA256 Credential=\x80"):  # fmt: skip
        status, text = post(
            cloud, b"Action=DescribeVpcs&Version=2016-11-15", f"{FORM}Authorization: {authorization}\r\n"
        )
        assert status in (400, 403), text
        assert b"IncompleteSignature" in text or b"InvalidSignature" in text or b"Bad Request" in text, text


def test_xml_with_entities_is_refused_before_it_grows(cloud: RunningCloud) -> None:
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
        + b"]><Delete><Object><Key>&j;</Key></Object></Delete>"
    )
    status, text = post(cloud, bomb, SIGNED.format(service="s3"), "/bucket?delete")
    assert status >= 400, text
    assert len(text) < 10_000


@pytest.mark.parametrize(
    "head",
    [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x H\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        "GARBAGE\r\n\r\n",
        "\x00\x01\x02\x03\r\n\r\n",
        "GET /" + "a" * 100_000 + " HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 50_000 + "\r\n",
    ],
)
def test_broken_http_is_answered_or_cut_off(cloud: RunningCloud, head: str) -> None:
    answer = send(cloud, head.encode("latin-1"))
    assert answer == b"" or 400 <= int(answer[9:12]) < 600, answer[:200]
    assert answer.count(b"HTTP/1.1 ") <= 1, "nothing smuggled behind it is served"


def test_a_client_that_speaks_tls_is_told_at_once(cloud: RunningCloud) -> None:
    """It waits for an answer and says no more: skopeo and its kin try TLS first, and plain HTTP after it failed."""
    with (
        socket.create_connection(("127.0.0.1", cloud.port), timeout=8) as sock,
        pytest.raises(ssl.SSLError, match=r"WRONG_VERSION_NUMBER|HTTP_REQUEST"),
    ):
        ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")


def test_a_body_larger_than_allowed_is_refused_by_its_length_alone(cloud: RunningCloud) -> None:
    answer = send(cloud, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413"), answer


def test_a_compressed_body_that_explodes_is_refused(cloud: RunningCloud) -> None:
    compressor = zlib.compressobj(9, wbits=31)
    bomb = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(200)) + compressor.flush()
    headers = FORM + "Content-Encoding: gzip\r\n" + SIGNED.format(service="monitoring")
    status, text = post(cloud, bomb, headers)
    assert status in (400, 413), text


def test_a_peer_that_leaves_in_the_middle_costs_nothing(cloud: RunningCloud) -> None:
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nAction=Desc"
    for cut in range(1, len(request), 7):
        with socket.create_connection(("127.0.0.1", cloud.port), timeout=5) as sock:
            sock.sendall(request[:cut])
    assert not send(cloud, request, half_close=True).startswith(b"HTTP/1.1 2")


def test_any_bytes_at_all(cloud: RunningCloud) -> None:
    chance = random.Random(4566)
    for _ in range(200):
        body = chance.randbytes(chance.randrange(400))
        service = chance.choice(["ec2", "sts", "s3", "monitoring", "elasticloadbalancing", "nonsense"])
        kind = chance.choice([FORM, "Content-Type: application/cbor\r\n", "X-Amz-Target: a.b\r\n", ""])
        status, text = post(cloud, body, kind + SIGNED.format(service=service))
        assert 200 <= status < 600 and status != 500, (body, text)
