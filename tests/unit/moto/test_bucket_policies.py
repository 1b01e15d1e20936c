"""Bucket policies with conditions: a statement whose condition does not hold says nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.unit.moto.rig import Rig

from cloudarium.substrate.moto.buckets import told

BUCKET = "shop"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    rig = Rig(None)
    client = rig.client("s3", region="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield client
    rig.close()


def statement(**more: Any) -> dict[str, Any]:
    everything = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    return {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": everything, **more}


def put(s3: Any, *statements: dict[str, Any]) -> None:
    policy = {"Version": "2012-10-17", "Statement": statements}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


def test_what_is_denied_without_tls_is_not_denied(s3: Any) -> None:
    put(s3, statement(Condition={"Bool": {"aws:SecureTransport": "false"}}))
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"1"
    assert s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "a"}]})["Deleted"] == [{"Key": "a"}]


@pytest.mark.parametrize("more", [{}, {"Condition": {"Bool": {"aws:SecureTransport": [True]}}}])
def test_what_is_denied_is_denied(s3: Any, more: dict[str, Any]) -> None:
    put(s3, statement(**more), statement(Condition={"StringEquals": {"aws:PrincipalTag/team": "x"}}))
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
    s3.delete_bucket_policy(Bucket=BUCKET)


@pytest.mark.parametrize(("condition", "stays"), [
    ({}, True),
    ({"BoolIfExists": {"AWS:securetransport": "True"}}, True),
    ({"Bool": {"aws:SecureTransport": "false"}}, False),
    ({"Bool": {"aws:SecureTransport": "true", "aws:ViaAWSService": "true"}}, False),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
    ({"Bool": "true"}, False),
    ("Bool", False),
])  # fmt: skip
def test_which_statements_count(condition: Any, stays: bool) -> None:
    one = statement(Condition=condition)
    assert told({"Statement": one}) == {"Statement": [statement()] if stays else []}
