"""Alarms with explicit names, and an anomaly detector, as stacks."""

from __future__ import annotations

from typing import Any

from tests.support.aws import Account
from tests.support.stacks import Stacks, resource


def alarm(**more: Any) -> dict[str, Any]:
    """An alarm of a queue's depth."""
    properties = {
        "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 2, "MetricName": "Depth",
        "Namespace": "Shop", "Period": 60, "Statistic": "Maximum", "Threshold": "10", **more,
    }  # fmt: skip
    return {"Deep": resource("CloudWatch::Alarm", properties)}


def test_an_alarm_of_others_fails_the_stack(account: Account) -> None:
    """PutMetricAlarm would have changed it."""
    stacks = Stacks(account)
    stacks.create("first", alarm(AlarmName="deep"))
    stacks.create("second", alarm(AlarmName="deep", Threshold=99), "ROLLBACK_COMPLETE")
    assert any("'deep' already exists" in each for each in stacks.failures("second"))
    stacks.delete("second")
    (kept,) = account.cloudwatch.describe_alarms()["MetricAlarms"]
    assert kept["Threshold"] == 10
    stacks.delete("first")


def test_another_name_is_another_alarm(account: Account) -> None:
    """The new one is there before the old one goes."""
    stacks = Stacks(account)
    stacks.create("shop", alarm(AlarmName="deep"))
    stacks.update("shop", alarm(AlarmName="deeper"))
    assert [each["AlarmName"] for each in account.cloudwatch.describe_alarms()["MetricAlarms"]] == ["deeper"]
    events = account.cloudformation.describe_stack_events(StackName="shop")["StackEvents"]
    assert any(each.get("PhysicalResourceId") == "deep" for each in events)
    stacks.delete("shop")


def test_an_anomaly_detector(account: Account) -> None:
    """Made, taught otherwise, and deleted."""
    stacks = Stacks(account)
    metric = {"Namespace": "Shop", "MetricName": "Depth", "Stat": "Average"}
    zone = {"Configuration": {"MetricTimeZone": "Europe/Berlin"}}
    stacks.create("shop", {"Usual": resource("CloudWatch::AnomalyDetector", metric | zone)})
    (shown,) = account.cloudwatch.describe_anomaly_detectors()["AnomalyDetectors"]
    assert shown["Configuration"]["MetricTimezone"] == "Europe/Berlin"
    stacks.update("shop", {"Usual": resource("CloudWatch::AnomalyDetector", metric)})
    (shown,) = account.cloudwatch.describe_anomaly_detectors()["AnomalyDetectors"]
    assert "MetricTimezone" not in shown["Configuration"]
    stacks.delete("shop")
    assert account.cloudwatch.describe_anomaly_detectors()["AnomalyDetectors"] == []
