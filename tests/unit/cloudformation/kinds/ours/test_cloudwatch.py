"""AWS::CloudWatch::*: made, changed, changed back and deleted, and never taken from others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.cloudformation.kinds.ours.conftest import ACCOUNT, Api, Resource

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

ALARM = {
    "AlarmDescription": "Too many errors",
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Dimensions": [{"Name": "Where", "Value": "here"}],
    "EvaluationPeriods": 1,
    "MetricName": "Errors",
    "Namespace": "Shop",
    "Period": 300,
    "Statistic": "Sum",
    "Threshold": 1,
    "TreatMissingData": "notBreaching",
}
BODY = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "Hello"}}]})


async def alarm(api: Api, name: str) -> dict[str, Any]:
    found = await api.of(
        "cloudwatch", "describe_alarms", AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    return next(iter([*found["MetricAlarms"], *found["CompositeAlarms"]]), {})


async def tags(api: Api, arn: str) -> dict[str, str]:
    found = await api.of("cloudwatch", "list_tags_for_resource", ResourceARN=arn)
    return {each["Key"]: each["Value"] for each in found["Tags"]}


async def test_an_alarm(api: Api) -> None:
    made = await api.resource("AWS::CloudWatch::Alarm", ALARM, "Errors").make()
    assert made.ref.startswith("shop-Errors-")
    assert made.work.attributes == {"Arn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{made.ref}"}
    shown = await alarm(api, made.ref)
    assert {name: shown[name] for name in ALARM} == ALARM
    assert await made.kind.found(made.work) == made.ref

    await made.change(ALARM | {"Threshold": 5, "Period": 60}, {"team": "shop"})
    assert (await alarm(api, made.ref))["Threshold"] == 5
    assert (await tags(api, made.work.attributes["Arn"]))["team"] == "shop"
    await made.change({name: value for name, value in ALARM.items() if name != "AlarmDescription"}, {})
    shown = await alarm(api, made.ref)
    assert (shown["Threshold"], shown.get("AlarmDescription", "")) == (1, "")
    assert "team" not in await tags(api, made.work.attributes["Arn"])
    await made.remove()
    assert await alarm(api, made.ref) == {}


async def test_an_alarm_on_an_expression(api: Api) -> None:
    metric = {"Namespace": "Shop", "MetricName": "Errors"}
    queries = [
        {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "e", "Expression": "m * 2", "Label": "double"},
    ]
    names = ("ComparisonOperator", "EvaluationPeriods", "Threshold")
    wanted = {name: ALARM[name] for name in names} | {"Metrics": queries, "AlarmName": "double"}
    made = await api.resource("AWS::CloudWatch::Alarm", wanted).make()
    assert [each["Id"] for each in (await alarm(api, made.ref))["Metrics"]] == ["m", "e"]


@pytest.mark.parametrize("type_", ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"])
async def test_alarms_of_others_are_left_alone(api: Api, type_: str) -> None:
    await api.of("cloudwatch", "put_metric_alarm", **ALARM, AlarmName="theirs")
    given: dict[str, Any] = ALARM if type_.endswith("::Alarm") else {"AlarmRule": "ALARM(theirs)"}
    made = api.resource(type_, given | {"AlarmName": "theirs"})
    with pytest.raises(Failed, match=f"Resource of type '{type_}' with identifier 'theirs' already exists."):
        await made.make()
    assert await made.kind.found(made.work) == ""


async def test_a_composite_alarm(api: Api) -> None:
    child = await api.resource("AWS::CloudWatch::Alarm", ALARM, "Child").make()
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:news"
    wanted = {"AlarmRule": f'ALARM("{child.ref}")', "AlarmActions": [topic], "ActionsEnabled": False}
    suppressing = {"ActionsSuppressor": child.ref, "ActionsSuppressorWaitPeriod": 60}
    suppressing |= {"ActionsSuppressorExtensionPeriod": 120}
    made = await api.resource("AWS::CloudWatch::CompositeAlarm", wanted | suppressing, "Parent").make()
    shown = await alarm(api, made.ref)
    assert (shown["ActionsSuppressor"], shown["AlarmActions"], shown["ActionsEnabled"]) == (child.ref, [topic], False)
    await made.change(wanted)
    assert not (await alarm(api, made.ref)).get("ActionsSuppressor")
    with pytest.raises(AwsError, match="depending on it"):
        await child.remove()
    await made.remove()
    await child.remove()


async def test_only_services_set_and_remove_the_tags_of_aws(api: Api) -> None:
    made = await api.resource("AWS::CloudWatch::Alarm", ALARM).make()
    arn = made.work.attributes["Arn"]
    pair = {"Key": "aws:cloudformation:stack-id", "Value": "mine"}
    for change in (
        api.of("cloudwatch", "tag_resource", ResourceARN=arn, Tags=[pair]),
        api.of("cloudwatch", "untag_resource", ResourceARN=arn, TagKeys=[pair["Key"]]),
        api.of("cloudwatch", "put_dashboard", DashboardName="d", DashboardBody=BODY, Tags=[pair]),
    ):
        with pytest.raises(AwsError, match="reserved for system use"):
            await change


async def test_a_dashboard(api: Api) -> None:
    made = await api.resource("AWS::CloudWatch::Dashboard", {"DashboardBody": BODY}, "Board").make()
    assert await made.kind.found(made.work) == made.ref
    shown = await api.of("cloudwatch", "get_dashboard", DashboardName=made.ref)
    assert shown["DashboardBody"] == BODY
    other = json.dumps({"widgets": []})
    await made.change({"DashboardBody": other}, {"team": "shop"})
    assert (await api.of("cloudwatch", "get_dashboard", DashboardName=made.ref))["DashboardBody"] == other
    assert (await tags(api, shown["DashboardArn"]))["team"] == "shop"
    await made.change({"DashboardBody": BODY}, {})
    assert len(await tags(api, shown["DashboardArn"])) == 3
    second = Resource(api, "AWS::CloudWatch::Dashboard", "Second", {"DashboardName": made.ref, "DashboardBody": BODY})
    with pytest.raises(Failed, match="already exists"):
        await second.make()
    assert await second.kind.found(second.work) == ""
    await made.remove()
    with pytest.raises(AwsError, match="does not exist"):
        await api.of("cloudwatch", "get_dashboard", DashboardName=made.ref)


async def detectors(api: Api, kind: str = "SINGLE_METRIC") -> list[dict[str, Any]]:
    found = await api.of("cloudwatch", "describe_anomaly_detectors", AnomalyDetectorTypes=[kind])
    return list(found["AnomalyDetectors"])


@pytest.mark.parametrize("nested", [False, True])
async def test_an_anomaly_detector(api: Api, *, nested: bool) -> None:
    metric: dict[str, Any] = {"Namespace": "Shop", "MetricName": "Errors", "Stat": "Sum"}
    metric["Dimensions"] = [{"Name": "Where", "Value": "here"}]
    wanted = {"SingleMetricAnomalyDetector": metric} if nested else metric
    excluded = {"StartTime": "2026-07-01T00:00:00", "EndTime": "2026-07-01T23:59:59"}
    configuration = {"MetricTimeZone": "Europe/Berlin", "ExcludedTimeRanges": [excluded]}
    made = await api.resource("AWS::CloudWatch::AnomalyDetector", wanted | {"Configuration": configuration}).make()
    shown = (await detectors(api))[0]
    assert (shown["AnomalyDetectorId"], made.work.attributes) == (made.ref, {"Id": made.ref})
    assert shown["Configuration"]["MetricTimezone"] == "Europe/Berlin"
    assert shown["Configuration"]["ExcludedTimeRanges"][0]["StartTime"] == datetime(2026, 7, 1, tzinfo=UTC)
    assert await made.kind.found(made.work) == made.ref
    with pytest.raises(Failed, match="already exists"):
        await api.resource("AWS::CloudWatch::AnomalyDetector", wanted).make()
    await made.change(wanted)
    assert (await detectors(api))[0]["Configuration"] == {}
    other = api.resource("AWS::CloudWatch::AnomalyDetector", metric | {"Stat": "Average"})
    assert await other.kind.found(other.work) == ""
    await made.remove()
    assert await detectors(api) == []


async def test_an_anomaly_detector_of_an_expression(api: Api) -> None:
    metric = {"Metric": {"Namespace": "Shop", "MetricName": "Errors"}, "Period": 300, "Stat": "Sum"}
    queries = [
        {"Id": "m", "MetricStat": metric, "ReturnData": False},
        {"Id": "e", "Expression": "m * 2", "ReturnData": True},
    ]
    wanted = {"MetricMathAnomalyDetector": {"MetricDataQueries": queries}}
    made = await api.resource("AWS::CloudWatch::AnomalyDetector", wanted).make()
    assert await made.kind.found(made.work) == made.ref
    assert len(await detectors(api, "METRIC_MATH")) == 1
    await made.remove()
    assert await detectors(api, "METRIC_MATH") == []
