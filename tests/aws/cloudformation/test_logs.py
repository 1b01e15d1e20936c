"""A log group, a metric filter, an alarm and a dashboard as one stack: made, changed, rolled back and deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.aws import Account
from tests.support.stacks import Stacks, resource

SUB = "Fn::Sub"


def watched(days: int, threshold: int, **group: Any) -> dict[str, Any]:
    """Errors in a log that ring an alarm, and a page that shows them."""
    metric = {"MetricName": "Errors", "MetricNamespace": "Shop", "MetricValue": "1", "DefaultValue": 0}
    body = {
        "widgets": [
            {
                "type": "log", "x": 0, "y": 0, "width": 12, "height": 6,
                "properties": {
                    "region": "${AWS::Region}", "query": "SOURCE '${Log}' | fields @message", "title": "Errors"
                },
            }
        ]
    }  # fmt: skip
    return {
        "Log": resource("Logs::LogGroup", {"RetentionInDays": days, **group}),
        "Filter": resource(
            "Logs::MetricFilter",
            {"LogGroupName": {"Ref": "Log"}, "FilterPattern": "ERROR", "MetricTransformations": [metric]},
        ),
        "Alarm": resource(
            "CloudWatch::Alarm",
            {
                "ComparisonOperator": "GreaterThanOrEqualToThreshold", "EvaluationPeriods": 1, "MetricName": "Errors",
                "Namespace": "Shop", "Period": 60, "Statistic": "Sum", "Threshold": threshold,
                "Tags": [{"Key": "of", "Value": "shop"}],
            },
        ),
        "Board": resource("CloudWatch::Dashboard", {"DashboardBody": {SUB: json.dumps(body)}}),
        "Query": resource("Logs::QueryDefinition", {"Name": "errors", "QueryString": "fields @message"}),
        "Both": resource("CloudWatch::CompositeAlarm", {"AlarmRule": {SUB: 'ALARM("${Alarm}")'}}),
    }  # fmt: skip


OUTPUTS = {"Log": {"Fn::GetAtt": ["Log", "Arn"]}, "Alarm": {"Fn::GetAtt": ["Alarm", "Arn"]}}


def test_what_watches_a_log(account: Account) -> None:
    """What is written rings the alarm; a change that fails is undone; nothing stays."""
    stacks = Stacks(account)
    stacks.create("shop", watched(7, 1), outputs=OUTPUTS)
    ids, outputs = stacks.ids("shop"), stacks.outputs("shop")
    assert outputs["Log"].endswith(f":log-group:{ids['Log']}:*")
    assert ids["Log"].startswith("shop-Log-") and ids["Alarm"].startswith("shop-Alarm-")
    stream = {"logGroupName": ids["Log"], "logStreamName": "one"}
    account.logs.create_log_stream(**stream)
    now = int(account.now() * 1000)
    account.logs.put_log_events(**stream, logEvents=[{"timestamp": now, "message": "ERROR: sold out"}])
    account.cloud.advance("2m")
    rung = account.cloudwatch.describe_alarms(AlarmNames=[ids["Alarm"]])["MetricAlarms"][0]
    history = account.cloudwatch.describe_alarm_history(AlarmName=ids["Alarm"], HistoryItemType="StateUpdate")
    assert any("to ALARM" in each["HistorySummary"] for each in history["AlarmHistoryItems"]), rung
    tags = account.cloudwatch.list_tags_for_resource(ResourceARN=outputs["Alarm"])["Tags"]
    assert {each["Key"] for each in tags} == {
        "of", "aws:cloudformation:stack-name", "aws:cloudformation:stack-id", "aws:cloudformation:logical-id"
    }  # fmt: skip

    stacks.update("shop", watched(14, 3), outputs=OUTPUTS)
    group = account.logs.describe_log_groups(logGroupNamePrefix=ids["Log"])["logGroups"][0]
    assert group["retentionInDays"] == 14
    assert account.cloudwatch.describe_alarms(AlarmNames=[ids["Alarm"]])["MetricAlarms"][0]["Threshold"] == 3

    broken = watched(30, 5)
    broken["Filter"]["Properties"]["FilterPattern"] = "{ not a pattern"
    stacks.update("shop", broken, "UPDATE_ROLLBACK_COMPLETE", outputs=OUTPUTS)
    assert any(each.startswith("Filter ") for each in stacks.failures("shop"))
    group = account.logs.describe_log_groups(logGroupNamePrefix=ids["Log"])["logGroups"][0]
    assert group["retentionInDays"] == 14
    assert account.cloudwatch.describe_alarms(AlarmNames=[ids["Alarm"]])["MetricAlarms"][0]["Threshold"] == 3
    assert stacks.ids("shop") == ids

    stacks.delete("shop")
    assert account.logs.describe_log_groups()["logGroups"] == []
    found = account.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert found["MetricAlarms"] == found["CompositeAlarms"] == []
    assert account.cloudwatch.list_dashboards()["DashboardEntries"] == []
    assert account.logs.describe_query_definitions()["queryDefinitions"] == []


@pytest.mark.parametrize("name", ["theirs"])
def test_a_group_of_others_fails_the_stack(account: Account, name: str) -> None:
    """And is still there when the stack has gone."""
    stacks = Stacks(account)
    account.logs.create_log_group(logGroupName=name)
    stacks.create("shop", watched(7, 1, LogGroupName=name), "ROLLBACK_COMPLETE")
    assert any(each.startswith("Log ") and "already exists" in each for each in stacks.failures("shop"))
    stacks.delete("shop")
    assert [each["logGroupName"] for each in account.logs.describe_log_groups()["logGroups"]] == [name]


def test_what_has_no_effect_yet_is_refused_by_name(account: Account) -> None:
    """Before anything is made."""
    stacks = Stacks(account)
    group = {"Log": resource("Logs::LogGroup", {"BearerTokenAuthenticationEnabled": True})}
    with pytest.raises(account.cloudformation.exceptions.ClientError, match="BearerTokenAuthenticationEnabled"):
        stacks.create("shop", group)
