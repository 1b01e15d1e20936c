"""Logs through ``kill -9``: what PutLogEvents answered is there, what a subscription owes is delivered."""

from __future__ import annotations

import gzip
import json
import os
import signal
from typing import Any

from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until


def kill(cloud: RunningCloud) -> None:
    """Kill the cloud's process; init starts it again, and clients wait meanwhile."""
    pid = cloud.pids()["cloud"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: cloud.pids().get("cloud") not in (None, pid), "the cloud is back")


def every(logs: Any, group: str) -> list[str]:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event["message"] for page in pages for event in page["events"]]


def test_nothing_that_was_answered_is_lost(own_cloud: RunningCloud) -> None:
    """Enough for sealed files and a growing one, killed between calls and again while files are sealed."""
    account = Account(own_cloud, "111122223333")
    logs = account.logs
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_retention_policy(logGroupName="g", retentionInDays=3)
    logs.put_metric_filter(
        logGroupName="g", filterName="f", filterPattern="x",
        metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
    )  # fmt: skip
    now = int(account.now() * 1000)
    padding = "p" * 900
    expected: list[str] = []
    for batch in range(24):
        messages = [f"{batch}/{number} {padding}" for number in range(1000)]
        events = [{"timestamp": now - 60_000 + batch, "message": message} for message in messages]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
        expected += messages
        if batch in (5, 19):
            kill(own_cloud)
    kill(own_cloud)
    logs = Account(own_cloud, "111122223333").logs
    assert every(logs, "g") == expected
    (stream,) = logs.describe_log_streams(logGroupName="g")["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (now - 60_000, now - 60_000 + 23)
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 3
    assert len(logs.describe_metric_filters(logGroupName="g")["metricFilters"]) == 1
    assert list((own_cloud.folder / "data" / "logs").glob("*/*.seg")), "some files were sealed"


def test_a_deleted_group_leaves_no_file(own_cloud: RunningCloud) -> None:
    account = Account(own_cloud, "111122223333")
    account.logs.create_log_group(logGroupName="g")
    account.logs.create_log_stream(logGroupName="g", logStreamName="s")
    events = [{"timestamp": int(account.now() * 1000), "message": "x"}]
    account.logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    folder = own_cloud.folder / "data" / "logs"
    assert [path for path in folder.iterdir() if path.is_dir()]
    account.logs.delete_log_group(logGroupName="g")
    kill(own_cloud)
    account.logs.create_log_group(logGroupName="g")
    until(lambda: not [path for path in folder.iterdir() if path.is_dir()], "its folder is gone")
    assert account.logs.describe_log_streams(logGroupName="g")["logStreams"] == []


def test_a_subscription_goes_on_where_it_was(own_cloud: RunningCloud) -> None:
    """At least once, and in order; a destination that is away for a while gets everything when it is back."""
    account = Account(own_cloud, "111122223333")
    logs, kinesis = account.logs, account.kinesis
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    kinesis.create_stream(StreamName="k", ShardCount=1)
    arn = "arn:aws:kinesis:us-east-1:111122223333:stream/k"
    logs.put_subscription_filter(
        logGroupName="g", filterName="f", filterPattern="", destinationArn=arn, roleArn="arn:aws:iam::1:role/r"
    )

    def put(message: str) -> None:
        events = [{"timestamp": int(account.now() * 1000), "message": message}]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)

    def delivered() -> list[str]:
        shard = kinesis.get_shard_iterator(
            StreamName="k", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]  # fmt: skip
        found = [json.loads(gzip.decompress(r["Data"])) for r in kinesis.get_records(ShardIterator=shard)["Records"]]
        data = [each for each in found if each["messageType"] == "DATA_MESSAGE"]
        return [event["message"] for each in data for event in each["logEvents"]]

    put("one")
    until(lambda: delivered() == ["one"], "the first event is delivered")
    kinesis.delete_stream(StreamName="k")
    put("two")
    kill(own_cloud)
    put("three")
    kinesis.create_stream(StreamName="k", ShardCount=1)
    own_cloud.advance("60s")
    until(lambda: "three" in delivered(), "what waited is delivered")
    assert list(dict.fromkeys(delivered())) == ["two", "three"]
