"""Alarms on Shop/Errors: made, fed, and looked at."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.support.aws import Account

METRIC: dict[str, Any] = {
    "Namespace": "Shop",
    "MetricName": "Errors",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 2,
}


def put(account: Account, name: str = "errors", **changes: Any) -> None:
    """An alarm on Shop/Errors; what is None is left out."""
    given = {member: value for member, value in (METRIC | changes).items() if value is not None}
    account.cloudwatch.put_metric_alarm(AlarmName=name, **given)


def record(account: Account, value: float, name: str = "Errors") -> None:
    """A point, now."""
    account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": name, "Value": value}])


def alarm(account: Account, name: str = "errors") -> dict[str, Any]:
    """As described."""
    answer = account.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    (found,) = answer["MetricAlarms"] + answer["CompositeAlarms"]
    return dict(found)


def state(account: Account, name: str = "errors") -> str:
    return str(alarm(account, name)["StateValue"])


def history(account: Account, name: str, kind: str, **options: Any) -> list[str]:
    """Summaries, newest first."""
    answer = account.cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType=kind, **options)
    return [item["HistorySummary"] for item in answer["AlarmHistoryItems"]]


def events(account: Account, kind: str) -> list[dict[str, Any]]:
    """Details of CloudWatch's events, oldest first."""
    where = f"account={account.number}&region=us-east-1"
    with urllib.request.urlopen(f"{account.cloud.endpoint}/_cloudarium/events?{where}") as answer:
        found = json.load(answer)["Events"]
    return [each["detail"] for each in reversed(found) if each["detail-type"] == f"CloudWatch Alarm {kind}"]
