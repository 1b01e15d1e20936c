"""The rest of AWS through real clients: account, region, both ways in, waiting, errors."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.unit.moto.rig import ACCOUNT, Rig

from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import root
from cloudarium.kernel.principals import known_principal, principal_of
from cloudarium.kernel.store import Scope
from cloudarium.substrate.moto import ledger


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    made = Rig(None)
    yield made
    made.close()


def test_the_wire_and_the_internal_client_see_the_same(rig: Rig) -> None:
    rig.client("ssm").put_parameter(Name="shared", Value="1", Type="String")
    assert rig.call("ssm", "get_parameter", Name="shared")["Parameter"]["Value"] == "1"
    rig.call("s3", "create_bucket", Bucket="shared", region="us-east-1")
    rig.call("s3", "put_object", Bucket="shared", Key="k", Body=b"\x00\xff", region="us-east-1")
    assert rig.client("s3", region="us-east-1").get_object(Bucket="shared", Key="k")["Body"].read() == b"\x00\xff"
    got = rig.call("s3", "get_object", Bucket="shared", Key="k", region="us-east-1")
    assert got["Body"] == b"\x00\xff"
    assert isinstance(got["LastModified"], datetime) and got["LastModified"].tzinfo is not None


def test_an_internal_call_is_made_once(rig: Rig) -> None:
    queue = rig.call("sqs", "create_queue", QueueName="once")["QueueUrl"]
    rig.call("sqs", "send_message", QueueUrl=queue, MessageBody="x")
    attributes = rig.call("sqs", "get_queue_attributes", QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "1"
    assert "QueueUrls" not in rig.call("sqs", "list_queues", account="123456789012")


def test_accounts_and_regions_are_apart(rig: Rig) -> None:
    for account, region in (
        ("999900000001", "eu-west-1"),
        ("999900000001", "us-west-2"),
        ("999900000002", "eu-west-1"),
    ):
        sns = rig.client("sns", account=account, region=region)
        assert sns.list_topics()["Topics"] == []
        arn = sns.create_topic(Name="t")["TopicArn"]
        assert arn == f"arn:aws:sns:{region}:{account}:t"
        assert rig.call("sns", "list_topics", account=account, region=region)["Topics"] == [{"TopicArn": arn}]


def test_a_global_service_is_reached_from_the_global_region(rig: Rig) -> None:
    rig.client("iam", region="us-east-1").create_user(UserName="global")
    scope = Scope(ACCOUNT, "aws-global")
    got = rig.run(rig.bridge.call("iam", "get_user", scope, root(ACCOUNT), {"UserName": "global"}))
    assert got["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/global"


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("virtual.host.s3.amazonaws.com", "/a%20key"),
        ("virtual.host.s3.us-east-1.amazonaws.com", "/a%20key"),
        ("virtual.host.s3.localhost:4566", "/a%20key"),
        ("virtual.host.localhost:4566", "/a%20key"),
        ("s3.us-east-1.amazonaws.com", "/virtual.host/a%20key"),
        ("127.0.0.1:4566", "/virtual.host/a%20key"),
        ("s3.localhost:4566", "/virtual.host/a%20key"),
    ],
)
def test_s3_hosts(rig: Rig, host: str, target: str) -> None:
    s3 = rig.client("s3", region="us-east-1")
    s3.create_bucket(Bucket="virtual.host")
    s3.put_object(Bucket="virtual.host", Key="a key", Body=b"found", ACL="public-read")
    status, _, body = rig.run(
        rig.bridge.forward("GET", target, [("Host", host)], b"", ACCOUNT, "us-east-1", service="s3", operation="")
    )
    assert (status, body) == (200, b"found")


def test_a_presigned_url_works(rig: Rig) -> None:
    s3 = rig.client("s3", region="us-east-1")
    s3.create_bucket(Bucket="presigned")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "presigned", "Key": "k"})
    with urllib.request.urlopen(
        urllib.request.Request(url, b"signed", {"Content-Type": "text/plain"}, method="PUT")
    ) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(
        s3.generate_presigned_url("get_object", Params={"Bucket": "presigned", "Key": "k"})
    ) as a:
        assert a.read() == b"signed"


def test_a_head_tells_the_length(rig: Rig) -> None:
    s3 = rig.client("s3", region="us-east-1")
    s3.create_bucket(Bucket="heads")
    s3.put_object(Bucket="heads", Key="k", Body=b"12345")
    assert s3.head_object(Bucket="heads", Key="k")["ContentLength"] == 5


def test_a_queues_url_leads_back_here(rig: Rig) -> None:
    queue = rig.client("sqs").create_queue(QueueName="here")["QueueUrl"]
    assert queue == f"http://127.0.0.1:{rig.port}/{ACCOUNT}/here"


def test_errors_are_as_moto_words_them(rig: Rig) -> None:
    with pytest.raises(ClientError) as wire:
        rig.client("s3", region="us-east-1").get_object(Bucket="no-such-bucket", Key="k")
    assert wire.value.response["Error"]["Code"] == "NoSuchBucket"
    with pytest.raises(AwsError) as internal:
        rig.call("iam", "get_role", RoleName="nobody")
    assert (internal.value.code, internal.value.status) == ("NoSuchEntity", 404)


def test_a_wrong_parameter_of_an_internal_call_is_named(rig: Rig) -> None:
    with pytest.raises(AwsError) as error:
        rig.call("iam", "get_role", Role="x")
    assert error.value.code == "ValidationException"
    assert "RoleName" in error.value.message


@pytest.mark.parametrize(("service", "operation"), [("s3", "fold_bucket"), ("nonsense", "list_things"), ("../x", "y")])
def test_what_nobody_has_is_refused_by_name(rig: Rig, service: str, operation: str) -> None:
    with pytest.raises(AwsError) as error:
        rig.call(service, operation)
    assert service in error.value.message
    assert operation in error.value.message


def test_what_moto_lacks_is_refused_by_name(rig: Rig) -> None:
    missing = next(name for name, there in ledger.operations("sqs").items() if not there)
    headers = [
        ("Host", "127.0.0.1"),
        ("X-Amz-Target", f"AmazonSQS.{missing}"),
        ("Content-Type", "application/x-amz-json-1.0"),
    ]
    with pytest.raises(AwsError) as error:
        rig.run(rig.bridge.forward("POST", "/", headers, b"{}", ACCOUNT, "eu-west-1", service="sqs"))
    assert error.value.status == 501


async def _poll(rig: Rig, queue: str, wait: int) -> tuple[dict[str, Any], float]:
    began = rig.cloud.clock.now()
    scope = Scope(ACCOUNT, "eu-west-1")
    got = await rig.bridge.call(
        "sqs", "receive_message", scope, root(ACCOUNT), {"QueueUrl": queue, "WaitTimeSeconds": wait}
    )
    return got, rig.cloud.clock.now() - began


def test_a_long_poll_holds_up_nobody_and_ends_with_the_message(rig: Rig) -> None:
    queue = rig.call("sqs", "create_queue", QueueName="slow")["QueueUrl"]
    polling = asyncio.run_coroutine_threadsafe(_poll(rig, queue, 20), rig._loop)
    for _ in range(3):
        assert rig.call("sqs", "list_queues")["QueueUrls"]
    assert not polling.done()
    rig.call("sqs", "send_message", QueueUrl=queue, MessageBody="at last")
    got, _ = polling.result(15)
    assert got["Messages"][0]["Body"] == "at last"


def test_a_long_poll_waits_on_the_clouds_clock(rig: Rig) -> None:
    queue = rig.call("sqs", "create_queue", QueueName="clock")["QueueUrl"]
    polling = asyncio.run_coroutine_threadsafe(_poll(rig, queue, 20), rig._loop)
    rig.call("sqs", "list_queues")
    rig.run(rig.cloud.clock.advance(21))
    got, took = polling.result(15)
    assert "Messages" not in got
    assert took >= 20


def test_moto_lives_in_the_clouds_time(rig: Rig) -> None:
    rig.run(rig.cloud.clock.advance(86_400 * 40))
    made = rig.call("sns", "create_topic", Name="dated")  # any call tells the child the time
    assert made["TopicArn"]
    user = rig.call("iam", "create_user", UserName="late")["User"]
    assert abs(user["CreateDate"].timestamp() - rig.cloud.clock.now()) < 60
    assert (user["CreateDate"] - datetime.fromtimestamp(time.time(), UTC)).days >= 39


def test_messages_become_visible_as_the_clock_says(rig: Rig) -> None:
    queue = rig.call("sqs", "create_queue", QueueName="visible")["QueueUrl"]
    rig.call("sqs", "send_message", QueueUrl=queue, MessageBody="again")
    assert rig.call("sqs", "receive_message", QueueUrl=queue, VisibilityTimeout=3600)["Messages"]
    assert "Messages" not in rig.call("sqs", "receive_message", QueueUrl=queue)
    rig.run(rig.cloud.clock.advance(3601))
    assert rig.call("sqs", "receive_message", QueueUrl=queue)["Messages"][0]["Body"] == "again"


def test_iam_users_are_known_by_their_keys(rig: Rig) -> None:
    iam = rig.client("iam", account="444455556666", region="us-east-1")
    iam.create_user(UserName="grace")
    key = iam.create_access_key(UserName="grace")["AccessKey"]["AccessKeyId"]
    assert known_principal(rig.cloud, key) is None
    principal = rig.run(principal_of(rig.cloud, key))
    assert (principal.kind, principal.account, principal.user_name) == ("IAMUser", "444455556666", "grace")
    assert principal.arn == "arn:aws:iam::444455556666:user/grace"
    assert known_principal(rig.cloud, key) == principal
    iam.update_access_key(UserName="grace", AccessKeyId=key, Status="Inactive")
    assert rig.run(principal_of(rig.cloud, key)).kind == "Root"


def test_a_killed_child_is_replaced(rig: Rig) -> None:
    rig.call("sqs", "list_queues")
    assert rig.bridge.running is not None
    first = rig.bridge.running.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(AwsError) as error:
        for _ in range(1000):
            rig.call("sqs", "list_queues")
            if rig.bridge.running is not None and rig.bridge.running.pid != first:
                raise AwsError("ServiceUnavailable", "it was replaced before a call noticed", 503)
    assert error.value.status == 503
    rig.call("sqs", "list_queues")
    assert rig.bridge.running.pid != first


def test_the_ledger_needs_no_child(rig: Rig) -> None:
    operations = rig.bridge.coverage("sqs")
    assert operations["SendMessage"] is True
    assert rig.bridge.coverage("lambda")["CreateFunction"] is True
    assert rig.bridge.coverage("s3")["PutObject"] is True
    assert not any(rig.bridge.coverage("polly-ng"))
    assert rig.bridge.owns("lambda") and rig.bridge.owns("acm-pca") and not rig.bridge.owns("core")
    assert rig.bridge.name.startswith("moto 5")
