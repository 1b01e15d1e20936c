"""Composite alarms through boto3: rules, suppressors, events, relatives."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.alarms import alarm, events, history, put, state
from tests.support.aws import Account
from tests.support.cloud import until

pytestmark = pytest.mark.usefixtures("early")


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
