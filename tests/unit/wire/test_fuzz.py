"""Whatever arrives, only ``AwsError`` comes out."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wire import oracle

from cloudarium.gateway import wire
from cloudarium.gateway.detect import detect, protocol_hint
from cloudarium.gateway.sigv4 import parse_authorization
from cloudarium.gateway.wire import WireRequest, cbor, hosts
from cloudarium.kernel.errors import AwsError

INTERESTING = {
    "host": ["s3.localhost", "bucket.s3.localhost:1", ":", "..", "[::1]:80", "ec2.us-east-1.amazonaws.com"],
    "authorization": [
        "AWS4-HMAC-SHA256 Credential=a/20250101/r/s3/aws4_request, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=a/20250101/r/apigateway/aws4_request, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=a/20250101/r/ec2/aws4_request, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=/////, SignedHeaders=, Signature=",
        "AWS x:y",
        "AWS4-HMAC-SHA256",
    ],
    "x-amz-date": ["20250101T000000Z"],
    "x-amz-target": ["DynamoDB_20120810.ListTables", ".", "a.b.c", ""],
    "smithy-protocol": ["rpc-v2-cbor", "x"],
    "content-type": ["application/x-www-form-urlencoded", "application/json", "\xff"],
    "content-encoding": ["gzip"],
    "x-amz-content-sha256": ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"],
}
TEXT = st.text(st.characters(max_codepoint=255), max_size=40)
HEADERS = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) | TEXT for name, values in INTERESTING.items()}
)
PATHS = st.sampled_from(["/", "", "/b/k", "/service/GraniteServiceVersion20100801/operation/X", "//", "/%", "/%ff"])
QUERIES = st.sampled_from(["", "Action=X&Version=2016-11-15", "X-Amz-Credential=a", "AWSAccessKeyId=%ff", "acl", "%=%"])
REQUESTS = st.builds(
    WireRequest,
    st.sampled_from(["GET", "POST", "PUT", "", "get"]) | TEXT,
    PATHS | TEXT,
    QUERIES | TEXT,
    HEADERS,
    st.binary(max_size=60) | st.sampled_from([b"Action=DescribeVpcs&Version=2016-11-15", b"{}", b"\x1f\x8b\x08"]),
)


@given(REQUESTS)
@settings(max_examples=400, deadline=None)
def test_detect(request: WireRequest) -> None:
    assert protocol_hint(request) in wire.PROTOCOLS
    try:
        found = detect(request)
    except AwsError as error:
        assert error.message
        assert error.code
        return
    assert found.operation_name in wire.load(found.service).operations


@given(st.dictionaries(st.sampled_from(["authorization", "x-amz-date"]), TEXT), TEXT, st.binary(max_size=60))
@settings(max_examples=200)
def test_authorization(headers: dict[str, str], query: str, body: bytes) -> None:
    try:
        parse_authorization(WireRequest("GET", "/", query, headers, body))
    except AwsError:
        pass


@given(st.text(max_size=80))
def test_hosts(host: str) -> None:
    hosts.read_host(host)


OPERATIONS = [
    ("ec2", "ec2", "RunInstances"),
    ("elbv2", "query", "CreateRule"),
    ("dynamodb", "json", "PutItem"),
    ("lambda", "rest-json", "CreateFunction"),
    ("s3", "rest-xml", "PutBucketLifecycleConfiguration"),
    ("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData"),
]


def parse(target: tuple[str, str, str], request: WireRequest) -> None:
    try:
        wire.operation(*target).parse(request, {"Bucket": "b"})
    except AwsError as error:
        response = wire.operation(*target).serialize_error(error, "request-1")
        assert response.status == error.status


@given(st.sampled_from(OPERATIONS), st.binary(max_size=200), QUERIES | TEXT, HEADERS)
@settings(max_examples=300, deadline=None)
def test_arbitrary_bodies(target: tuple[str, str, str], body: bytes, query: str, headers: dict[str, str]) -> None:
    parse(target, WireRequest("POST", "/", query, headers, body))


@given(st.sampled_from(OPERATIONS), st.randoms(use_true_random=False), st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_bodies(target: tuple[str, str, str], source: random.Random, data: st.DataObject) -> None:
    _, request = oracle.request_for(*target, source)
    body = bytearray(request.body)
    for _ in range(data.draw(st.integers(1, 4))):
        if body:
            position = data.draw(st.integers(0, len(body) - 1))
            if data.draw(st.booleans()):
                body[position] = data.draw(st.integers(0, 255))
            else:
                del body[position : position + data.draw(st.integers(1, 9))]
    request.body = bytes(body)
    parse(target, request)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Item", "S", "M", "L", "N"]), inner),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_json_of_the_wrong_types(value: object) -> None:
    parse(("dynamodb", "json", "PutItem"), WireRequest("POST", "/", "", {}, json.dumps(value).encode()))
    body = cbor.anything({"Namespace": "n", "MetricData": value}) if _fits(value) else b"\xff"
    parse(("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData"), WireRequest("POST", "/", "", {}, body))


def _fits(value: object) -> bool:
    if isinstance(value, dict | list):
        return all(_fits(item) for item in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, int) or abs(value) < 2**63


DEEP = 100_000
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><LifecycleConfiguration>&b;</LifecycleConfiguration>'


@pytest.mark.parametrize(
    ("target", "body"),
    [
        (OPERATIONS[2], b'{"Item":' + b'{"a":{"L":[' * DEEP),
        (OPERATIONS[2], b'{"TableName":"t","Item":{"a":' + b'{"L":[' * 5000 + b'{"S":"x"}' + b"]}" * 5000 + b"}}"),
        (OPERATIONS[5], b"\x81" * DEEP),
        (OPERATIONS[5], b"\x9f" * DEEP),
        (OPERATIONS[5], b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        (OPERATIONS[5], b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        (OPERATIONS[4], b"<a>" * DEEP),
        (OPERATIONS[4], BOMB),
        (OPERATIONS[4], b"<?xml version='1.0' encoding='utf-7'?><LifecycleConfiguration/>"),
        (OPERATIONS[0], b"Filter" + b".1" * DEEP + b"=x"),
        (OPERATIONS[0], b"a=b&" * DEEP),
        (OPERATIONS[0], b"BlockDeviceMapping." + b"9" * 5000 + b".DeviceName=x"),
    ],
)
def test_bodies_made_to_hurt(target: tuple[str, str, str], body: bytes) -> None:
    with pytest.raises(AwsError) as caught:
        wire.operation(*target).parse(WireRequest("POST", "/", "lifecycle", {}, body), {"Bucket": "b"})
    assert caught.value.code != "InternalFailure"


def test_a_gzip_bomb_is_not_unpacked() -> None:
    import gzip

    bomb = gzip.compress(b"\0" * (65 * 1024 * 1024))
    request = WireRequest("POST", "/", "", {"content-encoding": "gzip"}, bomb)
    with pytest.raises(AwsError) as caught:
        wire.operation("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData").parse(request)
    assert caught.value.status == 413
