"""Alarms through boto3, with the clock advanced: states, history, events, actions, composites."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import until

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


@pytest.fixture
def inbox(account: Account) -> tuple[str, Any]:
    """A topic, and a function that takes the messages which reached a queue behind it."""
    topic = account.sns.create_topic(Name="alerts")["TopicArn"]
    queue = account.sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    account.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def take() -> list[dict[str, Any]]:
        found = account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            account.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    return str(topic), take


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


def test_a_composite_alarm_set_by_hand(account: Account) -> None:
    """It stays so until one of its children changes."""
    put(account, "child", TreatMissingData="ignore")
    account.cloudwatch.set_alarm_state(AlarmName="child", StateValue="OK", StateReason="test")
    account.cloudwatch.put_composite_alarm(AlarmName="parent", AlarmRule="ALARM(child)")
    until(lambda: state(account, "parent") == "OK", "it was evaluated")
    account.cloudwatch.set_alarm_state(AlarmName="parent", StateValue="ALARM", StateReason="by hand")
    account.cloud.advance("65s")
    assert (state(account, "parent"), alarm(account, "parent")["StateReason"]) == ("ALARM", "by hand")
    account.cloudwatch.set_alarm_state(AlarmName="child", StateValue="INSUFFICIENT_DATA", StateReason="test")
    until(lambda: state(account, "parent") == "OK", "the rule decides again")


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


def test_a_composite_alarm(account: Account, inbox: tuple[str, Any]) -> None:
    """It follows its children, and its suppressor holds its actions back."""
    topic, take = inbox
    for name in ("one", "two", "maintenance"):
        put(account, name, MetricName=name, TreatMissingData="ignore")
    account.cloudwatch.put_composite_alarm(
        AlarmName="both",
        AlarmRule='ALARM("one") AND ALARM(two)',
        AlarmActions=[topic],
        ActionsSuppressor="maintenance",
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=120,
    )
    until(lambda: state(account, "both") == "OK", "it was evaluated")

    def set_to(name: str, value: str) -> None:
        account.cloudwatch.set_alarm_state(AlarmName=name, StateValue=value, StateReason="test")

    for name in ("maintenance", "one", "two"):
        set_to(name, "ALARM")
    until(lambda: alarm(account, "both").get("ActionsSuppressedBy") == "Alarm", "its actions are suppressed")
    assert state(account, "both") == "ALARM" and take() == []
    change = [each for each in events(account, "State Change") if each["alarmName"] == "both"][-1]
    assert change["state"]["actionsSuppressedBy"] == "Alarm", "there was nothing to wait for"
    set_to("maintenance", "OK")
    until(lambda: alarm(account, "both").get("ActionsSuppressedBy") == "ExtensionPeriod", "for a while yet")
    account.cloud.advance("100s")
    assert take() == []
    account.cloud.advance("25s")
    (told,) = until(take, "then the action is done")
    message = json.loads(told["Message"])
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert [child["Arn"].rpartition(":")[2] for child in message["TriggeringChildren"]] == ["two"]
    parents = account.cloudwatch.describe_alarms(ParentsOfAlarmName="one")["CompositeAlarms"]
    assert [parent["AlarmName"] for parent in parents] == ["both"]
    children = account.cloudwatch.describe_alarms(ChildrenOfAlarmName="both")["MetricAlarms"]
    assert {child["AlarmName"] for child in children} == {"one", "two"}
    with pytest.raises(ClientError) as error:
        account.cloudwatch.delete_alarms(AlarmNames=["one"])
    told = error.value.response["Error"]
    assert told["Code"] == "ValidationError"
    assert told["Message"] == "Cannot delete one as there are composite alarm(s) depending on it."
    account.cloudwatch.delete_alarms(AlarmNames=["one", "both", "two"])
    assert history(account, "both", "ConfigurationUpdate", AlarmTypes=["CompositeAlarm"])[0] == 'Alarm "both" deleted'


def test_changing_a_composite_alarm_keeps_the_actions_that_are_held_back(
    account: Account, inbox: tuple[str, Any]
) -> None:
    """Only without a suppressor nothing holds them any more."""
    topic, take = inbox
    for name in ("child", "maintenance"):
        put(account, name, MetricName=name, TreatMissingData="ignore")
        account.cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="test")
    parent: dict[str, Any] = {"AlarmName": "parent", "AlarmRule": "ALARM(child)", "AlarmActions": [topic]}
    held = {"ActionsSuppressor": "maintenance", "ActionsSuppressorWaitPeriod": 5, "ActionsSuppressorExtensionPeriod": 5}
    account.cloudwatch.put_composite_alarm(**parent, **held)
    until(lambda: state(account, "parent") == "OK", "it was evaluated")
    for name in ("maintenance", "child"):
        account.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    until(lambda: alarm(account, "parent").get("ActionsSuppressedBy") == "Alarm", "its actions are suppressed")
    account.cloudwatch.put_composite_alarm(**parent, **held, AlarmDescription="another")
    account.cloud.advance("30s")
    assert alarm(account, "parent").get("ActionsSuppressedBy") == "Alarm" and take() == []
    account.cloudwatch.put_composite_alarm(**parent)
    (told,) = until(take, "what was held back is done")
    assert told["Subject"].startswith('ALARM: "parent"')
    assert "ActionsSuppressedBy" not in alarm(account, "parent")


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


def events(account: Account, kind: str) -> list[dict[str, Any]]:
    """Details of CloudWatch's events, oldest first."""
    where = f"account={account.number}&region=us-east-1"
    with urllib.request.urlopen(f"{account.cloud.endpoint}/_cloudarium/events?{where}") as answer:
        found = json.load(answer)["Events"]
    return [each["detail"] for each in reversed(found) if each["detail-type"] == f"CloudWatch Alarm {kind}"]


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


def test_events_of_a_composite_alarm(account: Account) -> None:
    """Which child it was, in spoken time and as data; the period that holds actions back is told at once."""
    for name in ("one", "two", "maintenance"):
        put(account, name, TreatMissingData="ignore")
        account.cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="test")
    account.cloudwatch.put_composite_alarm(
        AlarmName="any",
        AlarmRule="ALARM(one) OR ALARM(two)",
        ActionsSuppressor="maintenance",
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=60,
    )
    until(lambda: state(account, "any") == "OK", "it was evaluated")
    account.cloud.advance("60s")
    account.cloudwatch.set_alarm_state(AlarmName="two", StateValue="ALARM", StateReason="test")
    until(lambda: state(account, "any") == "ALARM", "its child counts")
    first, second = (each for each in events(account, "State Change") if each["alarmName"] == "any")
    arn = f"arn:aws:cloudwatch:us-east-1:{account.number}:alarm:"
    assert first["state"]["reason"] == f"{arn}any was created and its alarm rule evaluates to OK"
    children = json.loads(first["state"]["reasonData"])["triggeringAlarms"]
    assert [(child["arn"], child["state"]["value"]) for child in children] == [(f"{arn}one", "OK"), (f"{arn}two", "OK")]
    assert re.fullmatch(
        re.escape(f"{arn}two transitioned to ALARM at ") + r"\w+day \d\d \w+, \d{4} \d\d:\d\d:\d\d UTC",
        second["state"]["reason"],
    )
    assert [child["arn"] for child in json.loads(second["state"]["reasonData"])["triggeringAlarms"]] == [f"{arn}two"]
    assert second["state"]["actionsSuppressedBy"] == "WaitPeriod"
    (noted, *_) = account.cloudwatch.describe_alarm_history(
        AlarmName="any", AlarmTypes=["CompositeAlarm"], HistoryItemType="StateUpdate"
    )["AlarmHistoryItems"]
    assert json.loads(noted["HistoryData"])["newState"]["actionsSuppressedBy"] == "WaitPeriod"
    account.cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule="ALARM(one)")
    until(lambda: state(account, "any") == "OK", "another rule decides otherwise")
    assert alarm(account, "any")["StateReason"] == f"{arn}any was updated and its alarm rule evaluates to OK"


def test_alarms_in_a_circle_are_not_evaluated(account: Account) -> None:
    """They can be made, none of them can be deleted, and a rule that breaks the circle has them evaluated again."""
    put(account, TreatMissingData="ignore")
    make = account.cloudwatch.put_composite_alarm
    make(AlarmName="a", AlarmRule="ALARM(errors)")
    make(AlarmName="b", AlarmRule="NOT ALARM(a)")
    until(lambda: (state(account, "a"), state(account, "b")) == ("OK", "ALARM"), "they were evaluated")
    make(AlarmName="a", AlarmRule="ALARM(b) OR ALARM(errors)")
    for value in ("ALARM", "OK"):
        account.cloudwatch.set_alarm_state(AlarmName="errors", StateValue=value, StateReason="test")
    account.cloud.advance("61s")
    assert (state(account, "a"), state(account, "b")) == ("OK", "ALARM")
    for name in ("a", "b"):
        with pytest.raises(ClientError, match="as there are composite alarm"):
            account.cloudwatch.delete_alarms(AlarmNames=[name])
    make(AlarmName="a", AlarmRule="TRUE")
    until(lambda: (state(account, "a"), state(account, "b")) == ("ALARM", "OK"), "the circle is broken")
    account.cloudwatch.delete_alarms(AlarmNames=["b"])


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


def test_relatives_come_in_pages_and_alone(account: Account) -> None:
    """Beside whose relatives are wanted, only the size of a page can be given."""
    for number in range(5):
        put(account, f"c{number}")
    rule = " OR ".join(f"ALARM(c{number})" for number in range(5))
    account.cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule=rule)
    asked: dict[str, Any] = {"ChildrenOfAlarmName": "any", "MaxRecords": 3}
    page = account.cloudwatch.describe_alarms(**asked)
    rest = account.cloudwatch.describe_alarms(**asked, NextToken=page["NextToken"])
    assert [len(each["MetricAlarms"]) for each in (page, rest)] == [3, 2] and "NextToken" not in rest
    with pytest.raises(ClientError, match="ChildrenOfAlarmName and StateValue cannot both be given"):
        account.cloudwatch.describe_alarms(**asked, StateValue="OK")


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


def test_rules_begin_and_end_with_words(account: Account) -> None:
    """As AWS has it of texts that come from a template."""
    put(account)
    with pytest.raises(ClientError, match="must not contain leading or trailing whitespace"):
        account.cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(errors)\n")
    with pytest.raises(ClientError, match=r"as alarms \[x, y\] in the alarm rule do not exist"):
        account.cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(x) OR ALARM(errors) OR ALARM(y)")
    account.cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(errors)\n  OR\n  FALSE")


def test_a_composite_alarm_touches_no_instance(account: Account) -> None:
    """Actions of EC2 and Auto Scaling are for metric alarms."""
    stop = "arn:aws:automate:us-east-1:ec2:stop"
    put(account, AlarmActions=[stop])
    with pytest.raises(ClientError, match="not supported for composite alarms"):
        account.cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(errors)", AlarmActions=[stop])


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
