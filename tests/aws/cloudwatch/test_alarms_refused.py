"""Alarms that cannot be, and what AWS says of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.alarms import alarm, put, state
from tests.support.aws import Account


def test_an_arn_means_its_own_region_and_account(account: Account) -> None:
    """As a child, as a suppressor, and for tags."""
    put(account)
    here = alarm(account)["AlarmArn"]
    there = here.replace("us-east-1", "eu-west-1")
    make = account.cloudwatch.put_composite_alarm
    periods = {"ActionsSuppressorWaitPeriod": 1, "ActionsSuppressorExtensionPeriod": 1}
    with pytest.raises(ClientError, match="do not exist"):
        make(AlarmName="c", AlarmRule=f'ALARM("{there}")')
    with pytest.raises(ClientError, match="does not exist"):
        make(AlarmName="c", AlarmRule="ALARM(errors)", ActionsSuppressor=there, **periods)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        account.cloudwatch.tag_resource(ResourceARN=there, Tags=[{"Key": "a", "Value": "b"}])
    with pytest.raises(ClientError, match="ActionsSuppressorWaitPeriod must not be negative"):
        make(
            AlarmName="c",
            AlarmRule="ALARM(errors)",
            ActionsSuppressor=here,
            **(periods | {"ActionsSuppressorWaitPeriod": -1}),
        )
    make(AlarmName="c", AlarmRule=f'ALARM("{here}")', ActionsSuppressor=here, **periods)


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        ([{"Id": "e", "Expression": "SUM(SEARCH('{Shop} Errors', 'Sum', 60))"}], "SEARCH is not supported on Metric"),
        ([{"Id": "e", "Expression": "SELECT SUM(Errors) FROM Shop"}], "Period must not be null"),
        ([{"Id": "e", "Expression": "TIME_SERIES(5)"}], "Period must not be null"),
        ([{"Id": "e", "Expression": "SELECT SUM(Errors) FROM", "Period": 60}], "Invalid syntax"),
        ([{"Id": "e", "Expression": "SELECT SUM(a) FROM b GROUP BY c", "Period": 60}], "GROUP BY in the query of an"),
        ([{"Id": "e", "Expression": "m1 + m9"}], "'m9' not found"),
        ([{"Id": "e", "Expression": "SUM(m1)"}], "scalar"),
        ([{"Id": "e", "Expression": "[m1, m1]"}], "not an array"),
        ([{"Id": "e", "Expression": "m1 + f"}, {"Id": "f", "Expression": "e", "ReturnData": False}], "Circular refer"),
        ([{"Id": "E", "Expression": "m1"}], "must match the expression"),
        ([{"Id": "e", "Expression": "m1", "AccountId": "111111111111"}], "linked accounts"),
    ],
)
def test_queries_that_no_alarm_can_watch_are_refused(account: Account, queries: list[Any], words: str) -> None:
    """When the alarm is put, and not at every evaluation."""
    metric = {"Metric": {"Namespace": "Shop", "MetricName": "Errors"}, "Period": 60, "Stat": "Sum"}
    if "m1" in json.dumps(queries):
        queries = [{"Id": "m1", "MetricStat": metric, "ReturnData": False}, *queries]
    plain = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    with pytest.raises(ClientError, match=words):
        put(account, Metrics=queries, **plain)
    with pytest.raises(ClientError, match="is not a statistic"):
        put(account, Metrics=[{"Id": "m1", "MetricStat": metric | {"Stat": "p200"}}], **plain)
    assert account.cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_an_alarm_on_more_than_can_be_looked_at_says_so(account: Account) -> None:
    """A Metrics Insights query looks at 10,000 metrics; the state is by those."""
    plain = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    put(account, Metrics=[{"Id": "q", "Expression": "SELECT SUM(Errors) FROM Many", "Period": 60}], **plain)
    assert "EvaluationState" not in alarm(account)
    for first in range(0, 10_001, 1_000):
        data = [
            {"MetricName": "Errors", "Value": 1, "Dimensions": [{"Name": "Id", "Value": str(number)}]}
            for number in range(first, min(first + 1_000, 10_001))
        ]
        account.cloudwatch.put_metric_data(Namespace="Many", MetricData=data)
    account.cloud.advance("65s")
    assert (state(account), alarm(account)["EvaluationState"]) == ("ALARM", "PARTIAL_DATA")


def test_alarms_on_metrics_insights_are_few(account: Account) -> None:
    """200 of them, as each looks at up to 10,000 metrics every minute; changing one takes no more room."""
    plain = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    query = [{"Id": "q", "Expression": "SELECT SUM(Errors) FROM Shop", "Period": 60}]
    for number in range(200):
        put(account, f"a{number}", Metrics=query, **plain)
    with pytest.raises(ClientError, match=r"\(LimitExceeded\).*200 alarms on Metrics Insights"):
        put(account, "one-more", Metrics=query, **plain)
    put(account, "a0", Metrics=query, Threshold=7, **plain)
    put(account, "plain")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be less than or equal to EvaluationPeriods"),
        (
            {"Period": 60, "EvaluationPeriods": 1_441},
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) "
            "for alarms using period < 3600",
        ),
        (
            {"Period": 86_400, "EvaluationPeriods": 8},
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) "
            "for alarms using period >= 3600",
        ),
    ],
)
def test_what_is_wrong_is_told_in_awss_words(account: Account, changes: dict[str, Any], words: str) -> None:
    """As people have met them."""
    with pytest.raises(ClientError) as error:
        put(account, **changes)
    assert (error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]) == (
        "ValidationError",
        words,
    )


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("arn:aws:sns:eu-west-1:1:t", "Invalid region eu-west-1 specified. Only us-east-1 is supported."),
        ("arn:aws-cn:sns:us-east-1:1:t", "Invalid partition aws-cn specified. Only aws is supported."),
        ("arn:aws:sqs:us-east-1:1:q", "Unsupported action"),
        ("arn:aws:automate:us-east-1:ec2:explode", "Unsupported action"),
        ("arn:aws:ssm:us-east-1:1:opsitem:9", "Unsupported action"),
        ("arn:aws:sns:us-east-1:1:t:with:more", "Unsupported action"),
    ],
)
def test_actions_that_cannot_be_are_refused(account: Account, action: str, words: str) -> None:
    """By what is wrong with their ARN."""
    with pytest.raises(ClientError, match=words):
        put(account, AlarmActions=[action])


@pytest.mark.parametrize(
    "changes",
    [
        {"Threshold": float("nan")},
        {"Threshold": float("inf")},
        {"Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]},
        {"Tags": [{"Key": "aws:mine", "Value": ""}]},
        {"Tags": [{"Key": "k", "Value": "a"}, {"Key": "k", "Value": "b"}]},
        {"Period": 45},
        {"Period": 3600, "EvaluationPeriods": 200},
        {"Statistic": "Sum", "ExtendedStatistic": "p99"},
        {"DatapointsToAlarm": 2},
        {"TreatMissingData": "hope"},
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"AlarmActions": ["not-an-arn"]},
        {"AlarmActions": [f"arn:aws:sns:us-east-1:1:t{n}" for n in range(6)]},
    ],
)
def test_bad_alarms_are_refused(account: Account, changes: dict[str, Any]) -> None:
    """And nothing is made."""
    with pytest.raises(ClientError):
        put(account, **changes)
    assert account.cloudwatch.describe_alarms()["MetricAlarms"] == []
