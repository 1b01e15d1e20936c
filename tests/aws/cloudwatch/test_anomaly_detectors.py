"""Anomaly detectors: learned from two weeks, asked for bands, watched by alarms, kept over kill -9."""

from __future__ import annotations

import math
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until

SINGLE = {"Namespace": "Shop", "MetricName": "Visits", "Stat": "Average"}
MATH = [
    {
        "Id": "m1",
        "MetricStat": {"Metric": {"Namespace": "Shop", "MetricName": "Visits"}, "Period": 300, "Stat": "Average"},
        "ReturnData": False,
    },
    {"Id": "e1", "Expression": "m1 * 10"},
]


CODES = {
    # The query protocol's words, and the shapes' names that other protocols send.
    "MissingParameter": ("MissingParameter", "MissingRequiredParameterException"),
    "InvalidParameterValue": ("InvalidParameterValue", "InvalidParameterValueException"),
    "InvalidParameterCombination": ("InvalidParameterCombination", "InvalidParameterCombinationException"),
    "NotImplemented": ("NotImplemented",),
}


def usual(at: float) -> float:
    """The metric by time of day, a little off every time."""
    return 100 + 40 * math.sin(at % 86_400 / 86_400 * math.tau) + math.sin(at / 7) * 2


def two_weeks(account: Account) -> None:
    """A point every ten minutes."""
    now = int(account.now()) // 600 * 600
    times = range(now - 13 * 86_400, now, 600)
    data = [{"MetricName": "Visits", "Timestamp": datetime.fromtimestamp(at, UTC), "Value": usual(at)} for at in times]
    for first in range(0, len(data), 100):
        account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=data[first : first + 100])


def detectors(account: Account, **asked: Any) -> list[dict[str, Any]]:
    return list(account.cloudwatch.describe_anomaly_detectors(**asked)["AnomalyDetectors"])


def trained(account: Account, count: int = 1) -> bool:
    kinds = ["SINGLE_METRIC", "METRIC_MATH"]
    return [each["StateValue"] for each in detectors(account, AnomalyDetectorTypes=kinds)] == ["TRAINED"] * count


def band(account: Account, *queries: dict[str, Any], of: str = "m1", period: int = 300) -> list[dict[int, float]]:
    """The upper and the lower bound of the last hour."""
    begin = datetime.fromtimestamp(int(account.now()) // period * period, UTC) - timedelta(hours=1)
    hidden = [{**query, "ReturnData": False} for query in queries or MATH[:1]]
    hidden.append({"Id": "band", "Expression": f"ANOMALY_DETECTION_BAND({of}, 3)"})
    answer = account.cloudwatch.get_metric_data(
        MetricDataQueries=hidden, StartTime=begin, EndTime=begin + timedelta(hours=1)
    )
    return [
        {int(at.timestamp()): value for at, value in zip(each["Timestamps"], each["Values"], strict=True)}
        for each in answer["MetricDataResults"]
    ]


def test_a_detector_learns(account: Account) -> None:
    two_weeks(account)
    assert band(account) == [{}, {}]
    excluded = [{"StartTime": datetime(2020, 1, 1, tzinfo=UTC), "EndTime": datetime(2020, 1, 2, tzinfo=UTC)}]
    configuration = {"ExcludedTimeRanges": excluded, "MetricTimezone": "Europe/Berlin"}
    made = account.cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=SINGLE, Configuration=configuration)
    until(lambda: trained(account), "it has learned")
    (found,) = detectors(account, Namespace="Shop")
    assert found["AnomalyDetectorId"] == made["AnomalyDetectorId"]
    assert found["Configuration"] == configuration
    assert (found["Stat"], found["SingleMetricAnomalyDetector"]["MetricName"]) == ("Average", "Visits")
    upper, lower = band(account)
    assert len(upper) == len(lower) == 12
    assert all(lower[at] <= usual(at) <= upper[at] and upper[at] - lower[at] < 40 for at in upper)
    account.cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=SINGLE)
    assert detectors(account) == []
    with pytest.raises(ClientError) as error:
        account.cloudwatch.delete_anomaly_detector(AnomalyDetectorId=made["AnomalyDetectorId"])
    assert error.value.response["Error"]["Code"].startswith("ResourceNotFound")


def test_a_detector_of_an_expression(account: Account) -> None:
    two_weeks(account)
    account.cloudwatch.put_anomaly_detector(MetricMathAnomalyDetector={"MetricDataQueries": MATH})
    until(lambda: trained(account), "it has learned")
    assert detectors(account) == [], "only those of single metrics unless asked for"
    (found,) = detectors(account, AnomalyDetectorTypes=["METRIC_MATH"])
    assert found["MetricMathAnomalyDetector"]["MetricDataQueries"] == MATH
    upper, lower = band(account, *MATH, of="e1")
    assert len(upper) == 12
    assert all(lower[at] <= 10 * usual(at) <= upper[at] for at in upper)


def test_too_little_to_learn_from(account: Account) -> None:
    account.cloudwatch.put_anomaly_detector(**SINGLE)
    until(lambda: detectors(account)[0]["StateValue"] == "TRAINED_INSUFFICIENT_DATA", "it has tried")
    two_weeks(account)
    account.cloud.advance("10m")
    until(lambda: trained(account), "it has learned since")


def test_an_alarm_on_a_band_has_a_detector_made(account: Account) -> None:
    """Nobody put a detector: the alarm is enough. What is normal is OK, ten times as much is not."""
    two_weeks(account)
    queries = [
        {**MATH[0], "ReturnData": True, "MetricStat": {**MATH[0]["MetricStat"], "Period": 60}},  # type: ignore[dict-item]
        {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)"},
    ]
    account.cloudwatch.put_metric_alarm(
        AlarmName="odd",
        Metrics=queries,
        ThresholdMetricId="ad1",
        ComparisonOperator="GreaterThanUpperThreshold",
        EvaluationPeriods=1,
    )
    until(lambda: trained(account), "it has learned")

    account.early_in_a_minute()

    def minute(factor: float) -> str:
        value = usual(account.now()) * factor
        account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Visits", "Value": value}])
        account.cloud.advance("65s")
        (alarm,) = account.cloudwatch.describe_alarms(AlarmNames=["odd"])["MetricAlarms"]
        return str(alarm["StateValue"])

    assert [minute(1), minute(10), minute(1)] == ["OK", "ALARM", "OK"]


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({}, "MissingParameter", "must be given"),
        ({"SingleMetricAnomalyDetector": {"Namespace": "N"}}, "MissingParameter", "MetricName"),
        ({**SINGLE, "SingleMetricAnomalyDetector": SINGLE}, "InvalidParameterCombination", "Only one"),
        (
            {"SingleMetricAnomalyDetector": SINGLE, "Configuration": {"MetricTimezone": "Mars"}},
            "InvalidParameterValue",
            "Mars",
        ),
        (
            {"MetricMathAnomalyDetector": {"MetricDataQueries": [{"Id": "e1", "Expression": "SUM(METRICS())"}]}},
            "InvalidParameterValue",
            "METRICS",
        ),
        ({"MetricMathAnomalyDetector": {"MetricDataQueries": MATH[:1]}}, "InvalidParameterValue", "ReturnData"),
        (
            {"SingleMetricAnomalyDetector": SINGLE, "Configuration": {"AdaptationSpeed": "FAST"}},
            "NotImplemented",
            "AdaptationSpeed",
        ),
    ],
)  # fmt: skip
def test_mistakes(account: Account, asked: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ClientError) as error:
        account.cloudwatch.put_anomaly_detector(**asked)
    found = error.value.response["Error"]
    assert found["Code"] in CODES[code]
    assert words in found["Message"]


def test_what_was_learned_survives_kill_9(own_cloud: RunningCloud) -> None:
    account = Account(own_cloud, "111122223333")
    two_weeks(account)
    account.cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=SINGLE)
    account.cloudwatch.put_dashboard(DashboardName="kept", DashboardBody='{"widgets": []}')
    until(lambda: trained(account), "it has learned")
    victim = own_cloud.pids()["cloud"]
    os.kill(victim, signal.SIGKILL)
    until(lambda: own_cloud.pids().get("cloud") not in (None, victim), "the cloud came back")
    again = Account(own_cloud, "111122223333")
    until(lambda: trained(again), "it is still trained")
    upper, _ = band(again)
    assert len(upper) == 12
    assert again.cloudwatch.get_dashboard(DashboardName="kept")["DashboardBody"] == '{"widgets": []}'
