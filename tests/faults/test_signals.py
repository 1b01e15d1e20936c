"""Metrics, alarms and logs through a full disk, a kill at the worst moment, and patterns made to hang."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import fresh_number, life
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until

MIB = 1024 * 1024


def kill(cloud: RunningCloud) -> None:
    """Kill the cloud's process; init starts it again, and clients wait meanwhile."""
    pid = cloud.pids()["cloud"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: cloud.pids().get("cloud") not in (None, pid), "the cloud is back")


# -- a disk that is full -----------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[tuple[RunningCloud, Path]]:
    """A cloud whose data is on a small disk, and where to put what fills it."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can only be mounted by root")
    made = RunningCloud(ephemeral=False)
    data = made.folder / "data"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", "tmpfs", str(data)], check=True)
    try:
        for cloud in life(made):
            yield cloud, data / "ballast"
    finally:
        subprocess.run(["umount", "-l", str(data)], check=False)


def fill(ballast: Path) -> None:
    """Take all room there is, also while the cloud takes some."""
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response: Any = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_nothing_counts_that_a_full_disk_refused(small_disk: tuple[RunningCloud, Path]) -> None:
    """Log events, points and alarms: each call says so, the cloud goes on, and all that was answered is there."""
    cloud, ballast = small_disk
    account = Account(cloud, fresh_number())
    logs, cloudwatch = account.logs, account.cloudwatch
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    kept: list[str] = []
    points = 0

    def say(size: int) -> None:
        message = f"{len(kept)} " + os.urandom(size // 2).hex()
        events = [{"timestamp": int(account.now() * 1000), "message": message}]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
        kept.append(message)

    def count() -> None:
        nonlocal points
        cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "M", "Value": 1}])
        points += 1

    def there() -> tuple[list[str], float]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName="g")
        end = account.now() + 60
        found = cloudwatch.get_metric_statistics(
            Namespace="N", MetricName="M", StartTime=end - 7_200, EndTime=end, Period=60, Statistics=["Sum"]
        )
        messages = [event["message"] for page in pages for event in page["events"]]
        return messages, sum(each["Sum"] for each in found["Datapoints"])

    for _ in range(20):
        say(50_000)
        count()
    fill(ballast)
    with pytest.raises(ClientError) as error:
        for _ in range(200):
            say(200_000)
    assert code_of(error) == ("ServiceUnavailableException", 503)
    with pytest.raises(ClientError) as error:
        for _ in range(2_000):
            count()
    assert code_of(error) == ("InternalServiceError", 500)
    with pytest.raises(ClientError) as error:
        for number in range(500):
            logs.create_log_group(logGroupName=f"group-{number}-" + "x" * 400)
    assert code_of(error)[1] == 503
    assert there() == (kept, points)
    ballast.unlink()
    say(100)
    count()
    logs.create_log_group(logGroupName="after")
    kill(cloud)
    assert there() == (kept, points)
    assert logs.describe_log_groups(logGroupNamePrefix="after")["logGroups"]


# -- a kill between an alarm and its action ----------------------------------------------------------------------------


def test_an_alarm_that_was_set_acts_whoever_is_killed(own_cloud: RunningCloud) -> None:
    """SetAlarmState is answered before its action is done: killed at that moment, the next cloud does it."""
    account = Account(own_cloud, "111122223333")
    topic = account.sns.create_topic(Name="alerts")["TopicArn"]
    queue = account.sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    account.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    told: set[str] = set()

    def heard() -> set[str]:
        found = account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            body = json.loads(json.loads(message["Body"])["Message"])
            told.add(f"{body['AlarmName']} {body['NewStateValue']}")
            account.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return told

    expected: set[str] = set()
    for number in range(4):
        name = f"alarm-{number}"
        account.cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore", AlarmActions=[topic],
        )  # fmt: skip
        account.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
        kill(own_cloud)
        expected.add(f"{name} ALARM")
        state = account.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]
        assert state == "ALARM"
    until(lambda: heard() >= expected, "every action is done")


# -- patterns made to hang ---------------------------------------------------------------------------------------------


def test_hostile_patterns_hang_nobody(account: Account) -> None:
    """What takes for ever in an engine that tries every way, in each place that takes an expression."""
    logs = account.logs
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now = int(account.now() * 1000)
    hostile, plain = "a" * 5_000 + "!", "aaaa"
    events = [{"timestamp": now, "message": message} for message in (hostile, plain)]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    found = logs.filter_log_events(logGroupName="g", filterPattern="%^" + "a*" * 12 + "$%")["events"]
    assert [event["message"] for event in found] == [plain]
    tried = logs.test_metric_filter(filterPattern="%^" + "a+a*" * 4 + "$%", logEventMessages=[hostile, plain])[
        "matches"
    ]
    assert [match["eventMessage"] for match in tried] == [plain]
    json_event = [json.dumps({"a": hostile}), json.dumps({"a": plain})]
    tried = logs.test_metric_filter(filterPattern="{ $.a = %^" + "a*" * 12 + "$% }", logEventMessages=json_event)[
        "matches"
    ]
    assert len(tried) == 1
    started = logs.start_query(
        logGroupName="g", startTime=now // 1000 - 60, endTime=now // 1000 + 60,
        queryString=r"fields @message | filter @message like /^(a+)+$/ | parse @message /^(?<x>(a|a?)+)$/ | limit 5",
    )["queryId"]  # fmt: skip

    def answer() -> Any:
        result = logs.get_query_results(queryId=started)
        return result if result["status"] not in ("Running", "Scheduled") else None

    result = until(answer, "the query ends")
    assert result["status"] == "Complete"
    (row,) = result["results"]
    assert next(cell["value"] for cell in row if cell["field"] == "@message") == plain
