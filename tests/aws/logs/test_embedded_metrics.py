"""Metrics embedded in log events are there in CloudWatch, also after a kill."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until


def put(account: Account, *messages: str) -> None:
    now = int(account.now() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    account.logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)


def document(account: Account, **members: Any) -> str:
    about = {
        "Timestamp": int(account.now() * 1000),
        "CloudWatchMetrics": [
            {"Namespace": "Shop", "Dimensions": [["Service"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}
        ],
    }
    return json.dumps({"_aws": about, "Service": "web", **members})


def statistics(account: Account, namespace: str, name: str, **dimensions: str) -> tuple[float, float]:
    """The number and the sum of a metric's points."""
    now = datetime.fromtimestamp(account.now(), UTC)
    points = account.cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName=name, Statistics=["SampleCount", "Sum"], Period=60,
        StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1),
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
    )["Datapoints"]  # fmt: skip
    return sum(each["SampleCount"] for each in points), sum(each["Sum"] for each in points)


def streams(account: Account, log_class: str = "STANDARD") -> None:
    account.logs.create_log_group(logGroupName="g", logGroupClass=log_class)
    account.logs.create_log_stream(logGroupName="g", logStreamName="s")


def test_metrics_of_events_and_their_errors(account: Account) -> None:
    streams(account)
    put(account, "plain", document(account, Latency=[10, 20]), document(account, Latency="fast"), document(account))
    put(account, "plain again", document(account, Latency=5), '{"_aws": {"CloudWatchMetrics": 1}}')
    until(lambda: statistics(account, "Shop", "Latency", Service="web") == (3, 35), "the metric is there")
    until(lambda: statistics(account, "AWS/Logs", "EMFParsingErrors", LogGroupName="g")[1] == 1, "one is built wrong")
    assert statistics(account, "AWS/Logs", "EMFValidationErrors", LogGroupName="g")[1] == 2


def test_the_class_of_infrequent_access_has_none(account: Account) -> None:
    streams(account, "INFREQUENT_ACCESS")
    put(account, document(account, Latency=1))
    account.logs.create_log_group(logGroupName="other")
    account.logs.create_log_stream(logGroupName="other", logStreamName="s")
    events = [{"timestamp": int(account.now() * 1000), "message": document(account, Latency=2)}]
    account.logs.put_log_events(logGroupName="other", logStreamName="s", logEvents=events)
    until(lambda: statistics(account, "Shop", "Latency", Service="web")[0] == 1, "the other group's is there")
    assert statistics(account, "Shop", "Latency", Service="web") == (1, 2)


@pytest.mark.parametrize("pause", [False, True])
def test_a_kill_loses_none(own_cloud: RunningCloud, pause: bool) -> None:
    account = Account(own_cloud, fresh_number())
    streams(account)
    message = document(account, Latency=1)
    for number in range(5):
        put(account, *[message] * 50)
        if pause and number == 2:
            until(lambda: statistics(account, "Shop", "Latency", Service="web")[0] == 150, "some are extracted")
    os.kill(own_cloud.pids()["cloud"], signal.SIGKILL)
    until(lambda: statistics(account, "Shop", "Latency", Service="web")[0] >= 250, "all are there, once at least")
