"""Alarms through boto3, with the clock advanced: states, history, events, actions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.alarms import alarm, events, history, put, record, state
from tests.support.aws import Account
from tests.support.cloud import until

pytestmark = pytest.mark.usefixtures("early")


def test_an_alarm_lives(account: Account, inbox: tuple[str, Any]) -> None:
    """From insufficient data to OK, to ALARM and back; each step told to SNS, EventBridge and the history."""
    topic, take = inbox
    put(account, AlarmActions=[topic], OKActions=[topic])
    created = alarm(account)
    assert (created["StateValue"], created["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    account.cloud.advance("61s")
    assert alarm(account)["StateReason"] == "Insufficient Data: 1 datapoint was unknown."
    record(account, 1)
    account.cloud.advance("65s")
    assert state(account) == "OK"
    record(account, 2)
    record(account, 5)
    account.cloud.advance("65s")
    now = alarm(account)
    assert now["StateValue"] == "ALARM"
    assert now["StateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [7.0 (")
    assert json.loads(now["StateReasonData"])["recentDatapoints"] == [7.0]
    assert history(account, "errors", "StateUpdate") == [
        "Alarm updated from OK to ALARM",
        "Alarm updated from INSUFFICIENT_DATA to OK",
    ]
    assert history(account, "errors", "ConfigurationUpdate") == ['Alarm "errors" created']
    messages: list[dict[str, Any]] = []
    until(lambda: messages.extend(take()) or len(messages) == 2, "both changes were told")
    subjects = sorted(message["Subject"] for message in messages)
    assert subjects == ['ALARM: "errors" in US East (N. Virginia)', 'OK: "errors" in US East (N. Virginia)']
    told = json.loads(next(m["Message"] for m in messages if m["Subject"].startswith("ALARM")))
    assert (told["OldStateValue"], told["NewStateValue"]) == ("OK", "ALARM")
    assert told["Trigger"]["MetricName"] == "Errors" and told["Trigger"]["Statistic"] == "SUM"
    until(
        lambda: history(account, "errors", "Action") == [f"Successfully executed action {topic}"] * 2,
        "the history has both actions",
    )


def test_missing_data_is_treated_as_told(account: Account) -> None:
    """The notebook's choice: notBreaching for errors that seldom come, breaching for what must be heard."""
    put(account, "quiet", TreatMissingData="notBreaching")
    put(account, "silent", TreatMissingData="breaching")
    put(account, "kept", TreatMissingData="ignore")
    put(account, "unsure")
    record(account, 5)
    account.cloud.advance("65s")
    assert {name: state(account, name) for name in ("quiet", "silent", "kept", "unsure")} == dict.fromkeys(
        ("quiet", "silent", "kept", "unsure"), "ALARM"
    )
    account.cloud.advance("5m")
    assert state(account, "quiet") == "OK"
    assert state(account, "silent") == "ALARM"
    assert state(account, "kept") == "ALARM"
    assert state(account, "unsure") == "INSUFFICIENT_DATA"
    reason = alarm(account, "quiet")["StateReason"]
    assert reason.endswith("1 missing datapoint was treated as [NonBreaching].")


def test_m_out_of_n(account: Account) -> None:
    """Two of three minutes."""
    put(account, EvaluationPeriods=3, DatapointsToAlarm=2)
    seen = []
    for value in (5, 1, 1, 5, 1, 5):
        record(account, value)
        account.cloud.advance("60s")
        seen.append(state(account))
    account.cloud.advance("10s")
    assert state(account) == "ALARM" and "OK" in seen


def test_percentiles_of_few_samples(account: Account) -> None:
    """Below ten samples beyond the percentile ``ignore`` keeps the state there is, ``evaluate`` does not."""
    for name in ("evaluate", "ignore"):
        put(
            account, name, Statistic=None, ExtendedStatistic="p90", EvaluateLowSampleCountPercentile=name,
            TreatMissingData="ignore",
        )  # fmt: skip
        account.cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="test")

    def minute(count: int) -> tuple[str, str]:
        datum = {"MetricName": "Errors", "Values": [5.0], "Counts": [count]}
        account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[datum])
        account.cloud.advance("65s")
        return state(account, "evaluate"), state(account, "ignore")

    assert minute(99) == ("ALARM", "OK")
    account.cloud.advance("60s")
    assert minute(100) == ("ALARM", "ALARM")


def test_only_points_in_the_alarms_unit_count(account: Account) -> None:
    put(account, "seconds", Unit="Seconds")
    put(account, "any")
    datum = {"MetricName": "Errors", "Value": 9, "Unit": "Milliseconds"}
    account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[datum])
    account.cloud.advance("65s")
    assert (state(account, "seconds"), state(account, "any")) == ("INSUFFICIENT_DATA", "ALARM")


def test_longer_periods_slide_by_the_minute(account: Account) -> None:
    """Five minutes add up whenever they began, and are evaluated every minute."""
    put(account, Period=300, Threshold=4, TreatMissingData="notBreaching")
    account.cloud.advance("65s")
    seen = []
    for value in (2, 2, 2, 0, 0, 0, 0, 0):
        record(account, value)
        account.cloud.advance("60s")
        seen.append(state(account))
    assert seen[:2] == ["OK", "OK"] and seen[-1] == "OK"
    assert "ALARM" in seen[2:6], seen


def test_missing_data_of_an_expression(account: Account) -> None:
    """A sum has no point where one of its metrics has none; FILL gives it one."""

    def queries(expression: str) -> list[dict[str, Any]]:
        stat = {"Period": 60, "Stat": "Sum"}
        metrics = [
            {
                "Id": name,
                "MetricStat": {**stat, "Metric": {"Namespace": "Shop", "MetricName": name}},
                "ReturnData": False,
            }
            for name in ("a", "b")
        ]
        return [*metrics, {"Id": "e", "Expression": expression, "ReturnData": True}]

    plain = {name: None for name in ("Namespace", "MetricName", "Statistic", "Period")}
    put(account, "sum", **plain, Metrics=queries("a + b"), TreatMissingData="notBreaching")
    put(account, "filled", **plain, Metrics=queries("a + FILL(b, 5)"), TreatMissingData="notBreaching")
    record(account, 1, "a")
    account.cloud.advance("65s")
    assert (state(account, "sum"), state(account, "filled")) == ("OK", "ALARM")
    for name in ("a", "b"):
        record(account, 2, name)
    account.cloud.advance("60s")
    assert (state(account, "sum"), state(account, "filled")) == ("ALARM", "ALARM")


def test_set_state_lasts_until_the_next_evaluation(account: Account) -> None:
    """Also with actions disabled, which then are not done."""
    put(account, AlarmActions=["arn:aws:sns:us-east-1:000000000000:nowhere"], ActionsEnabled=False)
    account.cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="testing")
    assert state(account) == "ALARM" and alarm(account)["StateReason"] == "testing"
    assert history(account, "errors", "Action") == []
    account.cloudwatch.enable_alarm_actions(AlarmNames=["errors"])
    assert alarm(account)["ActionsEnabled"]
    record(account, 1)
    account.cloud.advance("65s")
    assert state(account) == "OK"
    account.cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="again")
    until(lambda: history(account, "errors", "Action"), "the action was tried")
    (entry,) = history(account, "errors", "Action")
    assert entry.startswith("Failed to execute action arn:aws:sns:us-east-1:000000000000:nowhere.")


def test_history_is_json_however_long_it_is(account: Account) -> None:
    """Reasons by hand may have 1,023 characters, and data 4,000; AWS shows 4,095 of both states together."""
    put(account, EvaluationPeriods=1_000, DatapointsToAlarm=1, TreatMissingData="breaching")
    long = json.dumps({"why": "x" * 3_900})
    for value in ("ALARM", "OK"):
        account.cloudwatch.set_alarm_state(
            AlarmName="errors", StateValue=value, StateReason='"' * 1_000, StateReasonData=long
        )
    account.cloud.advance("65s")
    data = alarm(account)["StateReasonData"]
    assert len(data) <= 4_000 and len(json.loads(data)["evaluatedDatapoints"]) > 1
    items = account.cloudwatch.describe_alarm_history(AlarmName="errors")["AlarmHistoryItems"]
    assert {item["HistoryItemType"] for item in items} == {"StateUpdate", "ConfigurationUpdate"}
    for item in items:
        assert len(item["HistoryData"]) <= 4_095 and json.loads(item["HistoryData"])["version"] == "1.0"


def test_high_resolution(account: Account) -> None:
    """A period of ten seconds is evaluated every ten seconds."""
    put(account, Period=10)
    point = {"MetricName": "Errors", "Value": 9, "StorageResolution": 1}
    account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[point])
    account.cloud.advance("12s")
    assert state(account) == "ALARM"


def test_describing(account: Account) -> None:
    """By prefix, state, action, metric; in pages; tags."""
    for number in range(3):
        put(account, f"a{number}", AlarmActions=[f"arn:aws:sns:us-east-1:{account.number}:t{number}"])
    put(account, "b", Statistic="Average", Tags=[{"Key": "team", "Value": "one"}])
    cloudwatch = account.cloudwatch
    names = [found["AlarmName"] for found in cloudwatch.describe_alarms(AlarmNamePrefix="a")["MetricAlarms"]]
    assert names == ["a0", "a1", "a2"]
    paged = cloudwatch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 2})
    assert [found["AlarmName"] for page in paged for found in page["MetricAlarms"]] == ["a0", "a1", "a2", "b"]
    by_action = cloudwatch.describe_alarms(ActionPrefix=f"arn:aws:sns:us-east-1:{account.number}:t1")["MetricAlarms"]
    assert [found["AlarmName"] for found in by_action] == ["a1"]
    assert cloudwatch.describe_alarms(StateValue="OK")["MetricAlarms"] == []
    on_metric = cloudwatch.describe_alarms_for_metric(MetricName="Errors", Namespace="Shop", Statistic="Average")
    assert [found["AlarmName"] for found in on_metric["MetricAlarms"]] == ["b"]
    arn = alarm(account, "b")["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "x", "Value": "y"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "x", "Value": "y"}]


def test_events_of_configurations(account: Account) -> None:
    """The state by its value alone, the whole configuration, and what it was before an update."""
    put(account, TreatMissingData="ignore")
    put(account, TreatMissingData="ignore", Threshold=3)
    account.cloudwatch.delete_alarms(AlarmNames=["errors"])
    created, updated, deleted = events(account, "Configuration Change")
    assert [each["operation"] for each in (created, updated, deleted)] == ["create", "update", "delete"]
    assert created["state"].keys() == {"value", "timestamp"} and "previousConfiguration" not in created
    assert created["configuration"].keys() == {
        *("evaluationPeriods", "threshold", "comparisonOperator", "treatMissingData", "metrics", "alarmName"),
        *("actionsEnabled", "timestamp", "okActions", "alarmActions", "insufficientDataActions"),
    }
    assert updated["configuration"]["threshold"] == 3.0
    assert updated["previousConfiguration"]["threshold"] == 2.0


def test_names_may_be_of_any_letters(account: Account, inbox: tuple[str, Any]) -> None:
    """A subject of SNS may not: there they become an underscore."""
    topic, take = inbox
    put(account, "エラー数 prod", AlarmActions=[topic])
    account.cloudwatch.set_alarm_state(AlarmName="エラー数 prod", StateValue="ALARM", StateReason="試験")
    (told,) = until(take, "it was told")
    assert told["Subject"] == 'ALARM: "_ prod" in US East (N. Virginia)'
    message = json.loads(told["Message"])
    assert (message["AlarmName"], message["NewStateReason"]) == ("エラー数 prod", "試験")
    with pytest.raises(ClientError, match="control characters"):
        put(account, "a\tb")


def test_what_the_history_has_of_configurations_and_actions(account: Account, inbox: tuple[str, Any]) -> None:
    """In AWS's members; of an update also what was before; of an action also the message that went out."""
    topic, take = inbox
    put(account, Dimensions=[{"Name": "Page", "Value": "/"}])
    put(account, Dimensions=[{"Name": "Page", "Value": "/"}], Threshold=3, AlarmActions=[topic])
    account.cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    (told,) = until(take, "it was told")
    until(lambda: history(account, "errors", "Action"), "and noted")
    account.cloudwatch.delete_alarms(AlarmNames=["errors"])
    items = account.cloudwatch.describe_alarm_history(AlarmName="errors", ScanBy="TimestampAscending")
    created, updated, _, action, deleted = (json.loads(item["HistoryData"]) for item in items["AlarmHistoryItems"])
    shown = created["createdAlarm"]
    assert shown["dimensions"] == [{"name": "Page", "value": "/"}] and shown["okactions"] == []
    assert (shown["statistic"], shown["threshold"], shown["stateValue"]) == ("Sum", 2.0, "INSUFFICIENT_DATA")
    assert updated["updatedAlarm"]["threshold"] == 3.0
    before = updated["originalUpdatedFields"]
    assert before.keys() == {"threshold", "alarmActions", "alarmConfigurationUpdatedTimestamp"}
    assert (before["threshold"], before["alarmActions"]) == (2.0, [])
    assert action["publishedMessage"] == told["Message"] and action["error"] is None
    assert deleted["deletedAlarm"]["alarmName"] == "errors"


def test_an_action_that_keeps_failing_is_given_up(account: Account) -> None:
    """A service that breaks is tried again, and not for ever: the failure is in the history."""
    policy = f"arn:aws:autoscaling:us-east-1:{account.number}:scalingPolicy:u:autoScalingGroupName/g:policyName/p"
    put(account, AlarmActions=[policy])
    account.cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")

    def noted() -> list[str]:
        account.cloud.advance("5s")
        return history(account, "errors", "Action")

    (entry,) = until(noted, "it was given up")
    assert entry.startswith(f"Failed to execute action {policy}.")
