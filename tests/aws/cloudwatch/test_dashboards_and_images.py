"""Dashboards put, listed, deleted; graphs as images."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account, client

BODY = json.dumps(
    {
        "widgets": [
            {"type": "text", "x": 0, "y": 0, "width": 6, "height": 2, "properties": {"markdown": "# Shop"}},
            {"type": "metric", "properties": {"metrics": [["Shop", "Orders"]], "region": "us-east-1"}},
        ]
    },
    indent=1,
)


def test_dashboards_live(account: Account) -> None:
    cloudwatch = account.cloudwatch
    for name in ("shop-b", "shop-a", "other"):
        assert cloudwatch.put_dashboard(DashboardName=name, DashboardBody=BODY)["DashboardValidationMessages"] == []
    found = cloudwatch.get_dashboard(DashboardName="shop-a")
    assert found["DashboardBody"] == BODY, "to the letter"
    assert found["DashboardArn"] == f"arn:aws:cloudwatch::{account.number}:dashboard/shop-a"
    listed = cloudwatch.list_dashboards(DashboardNamePrefix="shop")["DashboardEntries"]
    assert [(each["DashboardName"], each["Size"]) for each in listed] == [("shop-a", len(BODY)), ("shop-b", len(BODY))]
    elsewhere = client("cloudwatch", account.cloud.endpoint, "eu-west-1", account.number)
    assert len(elsewhere.list_dashboards()["DashboardEntries"]) == 3, "dashboards belong to no region"
    with pytest.raises(ClientError, match="Dashboard nothing does not exist"):
        cloudwatch.delete_dashboards(DashboardNames=["shop-a", "nothing"])
    cloudwatch.delete_dashboards(DashboardNames=["shop-a", "other"])
    assert [each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]] == ["shop-b"]
    with pytest.raises(ClientError) as error:
        cloudwatch.get_dashboard(DashboardName="shop-a")
    assert error.value.response["Error"]["Code"] in ("ResourceNotFound", "DashboardNotFoundError")


def test_a_body_that_is_none_is_refused(account: Account) -> None:
    bad = json.dumps({"widgets": [{"type": "metric", "properties": {"metrics": [["A", 3]], "region": "r"}}]})
    for name, body, words in [
        ("d", "{", "must be a valid JSON object"),
        ("d", bad, 'Invalid metric field type, only \\"String\\" type is allowed'),
        ("d", bad, "The dashboard body is invalid, there are 1 validation errors:"),
        ("a b", BODY, "invalid characters"),
    ]:
        with pytest.raises(ClientError) as error:
            account.cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)
        assert error.value.response["Error"]["Code"] in ("InvalidParameterInput", "DashboardInvalidInputError")
        assert words in error.value.response["Error"]["Message"]
        found = error.value.response.get("dashboardValidationMessages", [])
        assert [each["DataPath"] for each in found] == (["/widgets/0/properties/metrics/0/1"] if body == bad else [])
    assert account.cloudwatch.list_dashboards()["DashboardEntries"] == []
    warned = account.cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": [], "x": 1}')
    assert [each["DataPath"] for each in warned["DashboardValidationMessages"]] == ["/x"]


def image(account: Account, **widget: Any) -> bytes:
    widget = {"metrics": [["Shop", "Orders", {"stat": "Sum"}]], "period": 60} | widget
    answer = account.cloudwatch.get_metric_widget_image(MetricWidget=json.dumps(widget))
    return bytes(answer["MetricWidgetImage"])


def test_a_graph_is_drawn(account: Account) -> None:
    empty = image(account, title="Orders", width=500, height=300)
    account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Orders", "Value": 5}])
    account.cloud.advance("61s")
    drawn = image(account, title="Orders", width=500, height=300)
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", drawn[16:24]) == (500, 300)
    assert drawn != empty
    math = image(account, metrics=[["Shop", "Orders", {"id": "m1", "visible": False}], [{"expression": "m1 * 2"}]])
    assert math[:4] == b"\x89PNG"
    with pytest.raises(ClientError, match="Error in expression"):
        image(account, metrics=[[{"expression": "m1 * 2 +"}]])
    with pytest.raises(ClientError, match="the view table"):
        image(account, view="table")


def test_a_graph_of_an_alarm(account: Account) -> None:
    """Its metric and its threshold, without a metric being named."""
    alarm = {"MetricName": "Orders", "Namespace": "Shop", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    account.cloudwatch.put_metric_alarm(
        AlarmName="many", Threshold=3, ComparisonOperator="GreaterThanThreshold", **alarm
    )
    arn = account.cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]

    def drawn(**given: Any) -> bytes:
        asked = {"title": "Orders", "annotations": {"alarms": [arn]}, **given}
        return bytes(account.cloudwatch.get_metric_widget_image(MetricWidget=json.dumps(asked))["MetricWidgetImage"])

    empty = drawn()
    account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Orders", "Value": 5}])
    account.cloud.advance("61s")
    assert drawn()[:4] == b"\x89PNG" and drawn() != empty
    assert drawn(metrics=[["Shop", "Orders"]]) != drawn(metrics=[["Shop", "Orders"]], annotations={})
    with pytest.raises(ClientError, match="does not exist"):
        drawn(annotations={"alarms": [arn + "x"]})
