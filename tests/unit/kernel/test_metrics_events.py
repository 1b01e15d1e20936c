from pathlib import Path

from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.events import Events
from cloudarium.kernel.metrics import MetricKey, Metrics
from cloudarium.kernel.service import snake_case
from cloudarium.kernel.store import Scope, Store

HERE = Scope("000000000000", "us-east-1")


async def test_buckets_by_minute_and_second_with_distribution() -> None:
    clock = Clock(ClockState(0, 120, 0))
    metrics = Metrics(clock, Store(None))
    for second, value in ((0, 1.0), (0, 3.0), (59, 8.0), (60, 5.0)):
        metrics.record(HERE, "N", "M", {"b": "2", "a": "1"}, value, "Count", at=120 + second)
    series = metrics.series(HERE, MetricKey("N", "M", (("a", "1"), ("b", "2"))))
    assert series is not None
    minute = series.minutes[120]
    assert (minute.total, minute.count, minute.minimum, minute.maximum) == (12.0, 3.0, 1.0, 8.0)
    assert minute.values == {1.0: 1.0, 3.0: 1.0, 8.0: 1.0}
    assert series.seconds[120].count == 2
    assert series.minutes[180].total == 5.0


async def test_points_survive_a_restart_and_age_out(tmp_path: Path) -> None:
    clock = Clock(ClockState(0, 7200, 0))
    store = Store(tmp_path / "s")
    metrics = Metrics(clock, store)
    metrics.record(HERE, "N", "M", {}, 2.0, "Count", count=5)
    await clock.advance(60)
    store.close()
    store = Store(tmp_path / "s")
    metrics = Metrics(clock, store)
    series = metrics.series(HERE, MetricKey("N", "M", ()))
    assert series is not None
    assert series.minutes[7200].total == 10.0
    metrics.record(HERE, "N", "Other", {}, 1.0)
    await clock.advance(16 * 86_400)
    assert metrics.series(HERE, MetricKey("N", "M", ())) is None


async def test_events_are_kept_and_heard() -> None:
    clock = Clock(ClockState(0, 1_600_000_000, 0))
    events = Events(clock, Store(None))
    heard: list[str] = []
    events.listen("aws.ec2", "X", lambda event: heard.append(event.id))
    event = events.emit(HERE, "aws.ec2", "X", {"state": "on"}, ["arn:aws:ec2:::x"])
    events.emit(HERE, "aws.ec2", "Y", {})
    assert heard == [event.id]
    assert [e.detail_type for e in events.recent(HERE)] == ["Y", "X"]
    assert events.recent(HERE)[1].time == "2020-09-13T12:26:40Z"


def test_names_become_what_botocore_calls_them() -> None:
    from botocore import xform_name

    for name in ("DescribeVpcs", "DescribeSSLPolicies", "CreateNetworkAclEntry", "AssumeRoleWithSAML", "ListMFADevices",
                 "GetMetricData", "DescribeIpv6Pools", "DescribeDBClusters", "GetEbsEncryptionByDefault"):  # fmt: skip
        assert snake_case(name) == xform_name(name)
