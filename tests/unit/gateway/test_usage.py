"""AWS/Usage: calls are counted per account, region and operation, and published by the minute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudarium.gateway import usage
from cloudarium.gateway.usage import Usage, dimensions
from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.metrics import MetricKey
from cloudarium.kernel.store import Scope, Store

HERE, THERE = Scope("111122223333", "eu-west-1"), Scope("111122223333", "us-east-1")
START = 1_700_000_010.0
"""Thirty seconds before a minute is over."""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    made = Cloud(clock=Clock(ClockState(0, START, 0)), store=Store(tmp_path / "state.db"), port=0)
    yield made
    made.metrics.close()
    made.store.close()


def calls(cloud: Cloud, scope: Scope, service: str, operation: str) -> list[tuple[int, float]]:
    """Start of the minute and number of calls."""
    found = dimensions(service, operation)
    assert found is not None
    key = MetricKey("AWS/Usage", "CallCount", tuple(sorted(found.items())))
    points = cloud.metrics.read(scope, key, int(START) // 60 * 60 - 3600, START + 3600, 60)
    assert {unit for _, unit, _ in points} <= {"None"}
    return [(start, bucket.total) for start, _, bucket in points]


async def test_calls_are_published_when_their_minute_is_over(cloud: Cloud) -> None:
    counter = Usage(cloud)
    for _ in range(3):
        counter.count(HERE, "sns", "Publish")
    counter.count(THERE, "sns", "Publish")
    counter.count(HERE, "nobody-knows", "Publish")
    await cloud.clock.advance(29)
    assert calls(cloud, HERE, "sns", "Publish") == []
    await cloud.clock.advance(1)
    minute = int(START) // 60 * 60
    assert calls(cloud, HERE, "sns", "Publish") == [(minute, 3.0)]
    assert calls(cloud, THERE, "sns", "Publish") == [(minute, 1.0)]
    assert [key.name for key in cloud.metrics.find(HERE)] == ["CallCount"]
    await cloud.clock.advance(600)
    counter.count(HERE, "sns", "Publish")
    await cloud.clock.advance(60)
    assert calls(cloud, HERE, "sns", "Publish") == [(minute, 3.0), (minute + 660, 1.0)]


async def test_no_timer_waits_while_nobody_calls(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    timers = []
    call_later = cloud.clock.call_later

    def noted(delay: float, callback: Any, *arguments: object) -> Any:
        timers.append((delay, callback))
        return call_later(delay, callback, *arguments)

    monkeypatch.setattr(cloud.clock, "call_later", noted)
    counter = Usage(cloud)
    await cloud.clock.advance(300)
    assert timers == []
    counter.count(HERE, "sns", "Publish")
    await cloud.clock.advance(300)
    assert len([each for each in timers if each[1] == counter._tick]) == 1


async def test_counters_are_bounded(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_MOST", 2)
    counter = Usage(cloud)
    for operation in ("Publish", "Subscribe", "CreateTopic"):
        counter.count(HERE, "sns", operation)
    assert len(counter._counts) == 1
    assert calls(cloud, HERE, "sns", "Publish") and calls(cloud, HERE, "sns", "Subscribe")


async def test_a_new_beginning_forgets_what_was_counted(cloud: Cloud) -> None:
    counter = Usage(cloud)
    counter.count(HERE, "sns", "Publish")
    await cloud.stop_services()
    await cloud.clock.advance(60)
    assert calls(cloud, HERE, "sns", "Publish") == []
    counter.count(HERE, "sns", "Publish")
    await cloud.clock.advance(60)
    assert [number for _, number in calls(cloud, HERE, "sns", "Publish")] == [1.0]


def test_dimensions_are_those_aws_documents() -> None:
    assert dimensions("elbv2", "CreateRule") == {
        "Service": "Elastic Load Balancing", "Type": "API", "Resource": "CreateRule", "Class": "None",
    }  # fmt: skip
    assert dimensions("ecr", "PutImage") == {"Service": "ECR", "Type": "API", "Resource": "PutImage"}
    assert dimensions("ecr", "DescribeImages") is None and dimensions("ec2", "DescribeVpcs") is None
