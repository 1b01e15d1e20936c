"""GetMetricData with expressions, searches and SQL, through boto3 (CBOR) and the AWS CLI (query); metric streams."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account

SQL = "SELECT SUM(Errors) FROM Shops GROUP BY Shop ORDER BY SUM() DESC"


def shop(account: Account) -> dict[str, Any]:
    """Orders and errors of two shops in three minutes; returns the times to ask for."""
    begin = datetime.fromtimestamp(account.now() // 60 * 60 - 600, UTC)
    data = []
    for minute in range(3):
        for name, orders, errors in (("north", 100, minute), ("south", 10, 5)):
            where = [{"Name": "Shop", "Value": name}]
            at = begin + timedelta(minutes=minute)
            data.append({"MetricName": "Orders", "Dimensions": where, "Timestamp": at, "Value": orders})
            data.append({"MetricName": "Errors", "Dimensions": where, "Timestamp": at, "Value": errors})
    account.cloudwatch.put_metric_data(Namespace="Shops", MetricData=data)
    return {"StartTime": begin, "EndTime": begin + timedelta(minutes=10), "ScanBy": "TimestampAscending"}


def metric(id_: str, name: str, shop: str, **more: Any) -> dict[str, Any]:
    described = {"Namespace": "Shops", "MetricName": name, "Dimensions": [{"Name": "Shop", "Value": shop}]}
    return {"Id": id_, "MetricStat": {"Metric": described, "Period": 60, "Stat": "Sum"}, "ReturnData": False, **more}


def test_expressions_searches_and_sql(account: Account) -> None:
    asked = shop(account)
    answer = account.cloudwatch.get_metric_data(
        MetricDataQueries=[
            metric("orders", "Orders", "north"),
            metric("errors", "Errors", "north"),
            {"Id": "rate", "Expression": "100 * errors / orders", "Label": "north ${LAST} %"},
            {"Id": "all", "Expression": "SEARCH('{Shops,Shop} MetricName=\"Orders\"', 'Sum', 60)"},
            {"Id": "sum", "Expression": "SUM(all)"},
            {"Id": "never", "Expression": "orders / (orders - 100)"},
            {
                "Id": "sql",
                "Expression": "SELECT SUM(Errors) FROM Shops GROUP BY Shop ORDER BY SUM() DESC",
                "Period": 60,
            },
        ],
        **asked,
    )
    found = [(each["Id"], each["Label"], each["Values"]) for each in answer["MetricDataResults"]]
    assert found == [
        ("rate", "north 2 %", [0, 1, 2]),
        ("all", "north", [100, 100, 100]),
        ("all", "south", [10, 10, 10]),
        ("sum", "sum", [110, 110, 110]),
        ("never", "never", []),
        ("sql", "south", [5, 5, 5]),
        ("sql", "north", [0, 1, 2]),
    ]
    told = next(each for each in answer["MetricDataResults"] if each["Id"] == "never")["Messages"]
    assert [message["Code"] for message in told] == ["ArithmeticError"]


def test_the_cli_asks_for_math(account: Account) -> None:
    asked = shop(account)
    queries = [metric("m1", "Orders", "north"), {"Id": "e1", "Expression": "RUNNING_SUM(m1)"}]
    answer = account.cli(
        "cloudwatch", "get-metric-data", "--metric-data-queries", json.dumps(queries),
        "--start-time", asked["StartTime"].isoformat(), "--end-time", asked["EndTime"].isoformat(),
    )  # fmt: skip
    assert [(each["Id"], each["Values"]) for each in answer["MetricDataResults"]] == [("e1", [300, 200, 100])]


def test_mistakes_are_told(account: Account) -> None:
    asked = shop(account)
    for text, code, words in [
        ("m1 +", "ValidationError", "Error in expression 'e1': Invalid syntax"),
        ("FOO(m1)", "ValidationError", "Function 'FOO' not found"),
        ("AVG(m1)", "ValidationError", "scalar"),
        ("SERVICE_QUOTA(m1)", "NotImplemented", "SERVICE_QUOTA"),
    ]:
        with pytest.raises(ClientError) as error:
            account.cloudwatch.get_metric_data(
                MetricDataQueries=[metric("m1", "Orders", "north"), {"Id": "e1", "Expression": text}], **asked
            )
        assert error.value.response["Error"]["Code"] == code
        assert words in error.value.response["Error"]["Message"]


def test_an_alarm_on_an_expression(account: Account) -> None:
    """It rings while the rate is too high, and is refused when it cannot be understood."""
    queries = [
        metric("o", "Orders", "north"),
        metric("e", "Errors", "north"),
        {"Id": "rate", "Expression": "100 * e / o"},
    ]
    rule = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 50}
    account.cloudwatch.put_metric_alarm(AlarmName="rate", Metrics=queries, **rule)

    account.early_in_a_minute()

    def minute(orders: float, errors: float) -> str:
        where = [{"Name": "Shop", "Value": "north"}]
        points = [("Orders", orders), ("Errors", errors)]
        account.cloudwatch.put_metric_data(
            Namespace="Shops",
            MetricData=[{"MetricName": name, "Dimensions": where, "Value": value} for name, value in points],
        )
        account.cloud.advance("65s")
        (alarm,) = account.cloudwatch.describe_alarms(AlarmNames=["rate"])["MetricAlarms"]
        return str(alarm["StateValue"])

    assert [minute(100, 1), minute(100, 80), minute(10, 1)] == ["OK", "ALARM", "OK"]
    queries[2]["Expression"] = "100 * e /"
    with pytest.raises(ClientError, match="Invalid syntax"):
        account.cloudwatch.put_metric_alarm(AlarmName="rate", Metrics=queries, **rule)


def test_metric_streams_have_nowhere_to_go(account: Account) -> None:
    with pytest.raises(ClientError, match="Firehose"):
        account.cloudwatch.put_metric_stream(
            Name="s", FirehoseArn="arn:aws:firehose:us-east-1:1:d", RoleArn="arn:aws:iam::1:role/r", OutputFormat="json"
        )
    assert account.cloudwatch.list_metric_streams()["Entries"] == []
    account.cloudwatch.delete_metric_stream(Name="s")
    with pytest.raises(ClientError, match="does not exist"):
        account.cloudwatch.get_metric_stream(Name="s")
