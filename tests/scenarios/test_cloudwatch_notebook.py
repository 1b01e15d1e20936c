"""Logs become a metric, the metric an alarm: the way from a word in a log to a message, with what is missing treated
as good or as bad."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.aws import Account
from tests.support.cloud import until

LEVELS = ("WARNING", "Warning", "ERROR", "Error", "CRITICAL", "Critical", "EMERGENCY", "Emergency", "ALERT", "Alert")
EITHER = " ".join(f'?"{level}:"' for level in LEVELS)
EITHER_MESSAGE = " ".join(f'?"{level} message"' for level in LEVELS)
EXCLUDING = '"ERROR:" -MethodNotAllowedHttpException'

LINES = {
    "ERROR: something broke": {EITHER, EXCLUDING},
    "Warning: disk is filling": {EITHER},
    "ERROR: MethodNotAllowedHttpException at /": {EITHER},
    "production.ERROR message of the day": {EITHER_MESSAGE},
    "Alert message: wake up": {EITHER_MESSAGE},
    "error: in lower case": set(),
    "ErrorHandler.php line 3": set(),
    "all is well": set(),
}
"""Lines, and the patterns that match them."""


@pytest.mark.parametrize("pattern", [EITHER, EITHER_MESSAGE, EXCLUDING])
def test_patterns_match_what_they_should(account: Account, pattern: str) -> None:
    """TestMetricFilter and FilterLogEvents agree, line by line."""
    found = account.logs.test_metric_filter(filterPattern=pattern, logEventMessages=list(LINES))["matches"]
    expected = {line for line, patterns in LINES.items() if pattern in patterns}
    assert {match["eventMessage"] for match in found} == expected
    write(account, *LINES)
    filtered = account.logs.filter_log_events(logGroupName="app", filterPattern=pattern)["events"]
    assert {event["message"] for event in filtered} == expected


def test_or_is_not_heard_beside_an_exclusion(account: Account) -> None:
    """The notebook's remark: mixed with an exclusion, the optional terms do not count."""
    lines = ["nothing to see", "ERROR: one", "ERROR: MethodNotAllowedHttpException"]
    mixed = '?"ERROR:" ?"Error:" -MethodNotAllowedHttpException'
    found = account.logs.test_metric_filter(filterPattern=mixed, logEventMessages=lines)["matches"]
    assert {match["eventMessage"] for match in found} == {"nothing to see", "ERROR: one"}


def write(account: Account, *lines: str) -> None:
    """Put lines into the log, now."""
    logs = account.logs
    if not logs.describe_log_groups(logGroupNamePrefix="app")["logGroups"]:
        logs.create_log_group(logGroupName="app")
        logs.create_log_stream(logGroupName="app", logStreamName="one")
    at = int(account.now() * 1000)
    logs.put_log_events(
        logGroupName="app", logStreamName="one", logEvents=[{"timestamp": at, "message": line} for line in lines]
    )


def test_from_a_log_line_to_a_message(account: Account) -> None:
    """A metric filter that counts, two alarms on the count that differ in how they treat silence, and SNS."""
    topic = account.sns.create_topic(Name="alerts")["TopicArn"]
    queue = account.sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    account.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    write(account, "all is well")
    transformation = {"metricName": "Errors", "metricNamespace": "App", "metricValue": "1"}
    account.logs.put_metric_filter(
        logGroupName="app", filterName="errors", filterPattern=EXCLUDING, metricTransformations=[transformation]
    )
    for name, treatment in (("errors", "notBreaching"), ("silence", "breaching")):
        account.cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="App", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData=treatment,
            AlarmActions=[topic],
        )  # fmt: skip

    def states() -> dict[str, str]:
        alarms = account.cloudwatch.describe_alarms()["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    account.cloud.advance("3m")
    account.early_in_a_minute()
    assert states() == {"errors": "OK", "silence": "ALARM"}
    write(account, "ERROR: one", "ERROR: two", "ERROR: MethodNotAllowedHttpException", "fine")
    account.cloud.advance("65s")
    assert states() == {"errors": "ALARM", "silence": "ALARM"}
    told: list[dict[str, Any]] = []

    def hear() -> bool:
        for message in account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            account.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            told.append(json.loads(json.loads(message["Body"])["Message"]))
        return {each["AlarmName"] for each in told} == {"errors", "silence"}

    until(hear, "both alarms were told")
    (errors,) = [each for each in told if each["AlarmName"] == "errors"]
    assert errors["NewStateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [2.0 (")
    (silence,) = [each for each in told if each["AlarmName"] == "silence"]
    assert silence["NewStateReason"] == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[Breaching]."
    )
    account.cloud.advance("3m")
    assert states() == {"errors": "OK", "silence": "ALARM"}
