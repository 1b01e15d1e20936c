"""PutMetricData through boto3 (CBOR), the AWS CLI (query), and what comes back."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until


def now(account: Account) -> datetime:
    """The cloud's time."""
    return datetime.fromtimestamp(account.now(), UTC)


def data(account: Account, name: str, stat: str, period: int = 60, back: float = 3600.0, **metric: Any) -> list[float]:
    """Values of the last hour or so, oldest first."""
    query = {
        "Id": "q",
        "MetricStat": {"Metric": {"Namespace": "Shop", "MetricName": name, **metric}, "Period": period, "Stat": stat},
    }
    end = now(account) + timedelta(hours=1)
    answer = account.cloudwatch.get_metric_data(
        MetricDataQueries=[query],
        StartTime=end - timedelta(seconds=back + 3600),
        EndTime=end,
        ScanBy="TimestampAscending",
    )
    return list(answer["MetricDataResults"][0]["Values"])


def test_every_form_of_points(account: Account) -> None:
    """Values, values with counts, statistic sets, dimensions, units, high resolution."""
    put = account.cloudwatch.put_metric_data
    put(Namespace="Shop", MetricData=[{"MetricName": "Orders", "Value": 3.5}])
    put(Namespace="Shop", MetricData=[{"MetricName": "Latency", "Values": [1.0, 2.0, 10.0], "Counts": [50, 49, 1]}])
    sets = {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 5}
    put(Namespace="Shop", MetricData=[{"MetricName": "Sizes", "StatisticValues": sets}])
    assert data(account, "Orders", "Sum") == [3.5]
    assert data(account, "Latency", "p50") == [1.0] and data(account, "Latency", "p99.5") == [10.0]
    assert data(account, "Latency", "SampleCount") == [100]
    assert data(account, "Sizes", "Average") == [2.5] and data(account, "Sizes", "Maximum") == [5]
    assert data(account, "Sizes", "p50") == [], "nobody knows the values of a statistic set"
    dimensions = [{"Name": "Shop", "Value": "north"}]
    put(Namespace="Shop", MetricData=[{"MetricName": "Orders", "Value": 1, "Dimensions": dimensions, "Unit": "Count"}])
    assert data(account, "Orders", "Sum", Dimensions=dimensions) == [1]
    assert data(account, "Orders", "Sum") == [3.5]
    begin = now(account).replace(microsecond=0)
    for second in range(3):
        at = begin + timedelta(seconds=second)
        put(
            Namespace="Shop",
            MetricData=[{"MetricName": "Fine", "Value": second, "StorageResolution": 1, "Timestamp": at}],
        )
    assert data(account, "Fine", "Sum", period=1) == [0, 1, 2]
    listed = account.cloudwatch.list_metrics(Namespace="Shop")["Metrics"]
    assert {metric["MetricName"] for metric in listed} == {"Orders", "Latency", "Sizes", "Fine"}
    assert len(listed) == 5


def test_the_cli_puts_points(account: Account) -> None:
    """The query protocol, and shorthand."""
    arguments = [
        "--namespace",
        "Shop",
        "--metric-name",
        "Visits",
        "--value",
        "7",
        "--unit",
        "Count",
        "--dimensions",
        "Page=home",
    ]
    account.cli("cloudwatch", "put-metric-data", "--namespace", "Shop", *arguments)
    found = account.cli("cloudwatch", "list-metrics", "--namespace", "Shop")["Metrics"]
    assert found == [{"Namespace": "Shop", "MetricName": "Visits", "Dimensions": [{"Name": "Page", "Value": "home"}]}]
    assert data(account, "Visits", "Sum", Dimensions=[{"Name": "Page", "Value": "home"}]) == [7]


@pytest.mark.parametrize(
    ("datum", "code"),
    [
        ({}, "MissingParameter"),
        ({"Value": 1, "Values": [1]}, "InvalidParameterCombination"),
        ({"Value": float("nan")}, "InvalidParameterValue"),
        ({"Value": 2.0**361}, "InvalidParameterValue"),
        ({"Values": [1.0] * 151}, "InvalidParameterValue"),
        ({"Values": [1.0], "Counts": [1, 2]}, "InvalidParameterValue"),
        ({"Value": 1, "StorageResolution": 5}, "InvalidParameterValue"),
        ({"Value": 1, "Timestamp": -15 * 86_400}, "InvalidParameterValue"),
        ({"Value": 1, "Timestamp": 3 * 3_600}, "InvalidParameterValue"),
        ({"StatisticValues": {"SampleCount": 0, "Sum": 1, "Minimum": 1, "Maximum": 1}}, "InvalidParameterValue"),
        (
            {"Value": 1, "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]},
            "InvalidParameterValue",
        ),
    ],
)
def test_bad_points_are_refused(account: Account, datum: dict[str, Any], code: str) -> None:
    """With AWS's error codes; and nothing of the request is taken."""
    if "Timestamp" in datum:
        datum = datum | {"Timestamp": now(account) + timedelta(seconds=datum["Timestamp"])}
    with pytest.raises(ClientError) as error:
        account.cloudwatch.put_metric_data(
            Namespace="Shop", MetricData=[{"MetricName": "Good", "Value": 1}, {"MetricName": "Bad", **datum}]
        )
    assert error.value.response["Error"]["Code"] in (code, f"{code}Exception", "ValidationError")
    assert not account.cloudwatch.list_metrics(Namespace="Shop")["Metrics"]


def test_what_a_request_may_not_be(account: Account) -> None:
    """In AWS's words: namespaces of AWS's own, and more than a thousand metrics."""
    put = account.cloudwatch.put_metric_data
    with pytest.raises(
        ClientError, match=r"\(InvalidParameterValue\).* The value AWS/ for parameter Namespace is invalid.$"
    ):
        put(Namespace="AWS/EC2", MetricData=[{"MetricName": "M", "Value": 1}])
    size = r"\(InvalidParameterValue\).* The collection MetricData must not have a size greater than 1000.$"
    with pytest.raises(ClientError, match=size):
        put(Namespace="Shop", MetricData=[{"MetricName": "M", "Value": 1}] * 1_001)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"Type": "Service", "Name": "shop", "Environment": "live"}, ""),
        ({"Type": "AWS::Resource", "ResourceType": "AWS::EC2::Instance", "Identifier": "i-1"}, ""),
        ({"Name": "shop", "Environment": "live"}, "Type is missing"),
        ({"Type": "Shop", "Name": "shop"}, "Type Shop is not known"),
        ({"Type": "Service", "Name": "shop"}, "Environment is missing"),
        ({"Type": "Service", "Name": "shop", "Environment": "live", "Team": "a"}, "Team is not known"),
    ],
)
def test_faulty_entities_matter_where_asked(account: Account, keys: dict[str, str], problem: str) -> None:
    """Otherwise the points are taken without them."""
    data = [{"Entity": {"KeyAttributes": keys}, "MetricData": [{"MetricName": "M", "Value": 1}]}]
    put = account.cloudwatch.put_metric_data
    if problem:
        with pytest.raises(ClientError, match=rf"EntityMetricData.member.1.Entity is invalid: .*{problem}"):
            put(Namespace="Strict", EntityMetricData=data, StrictEntityValidation=True)
    else:
        put(Namespace="Strict", EntityMetricData=data, StrictEntityValidation=True)
    put(Namespace="Lenient", EntityMetricData=data)
    found = {metric["Namespace"] for metric in account.cloudwatch.list_metrics()["Metrics"]} - {"AWS/Usage"}
    assert found == ({"Lenient"} if problem else {"Lenient", "Strict"})


def test_points_survive_kill_9(own_cloud: RunningCloud) -> None:
    """What was answered is there after the cloud's death."""
    account = Account(own_cloud, "123412341234")
    for value in range(5):
        account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Orders", "Value": value}])
    victim = own_cloud.pids()["cloud"]
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in own_cloud.processes(), "it is gone")
    assert sum(data(account, "Orders", "Sum")) == 10


def test_large_requests_come_compressed(account: Account) -> None:
    """SDKs gzip bodies above 10 KB, in every protocol."""
    points = [{"MetricName": f"m{number}", "Value": number} for number in range(600)]
    account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=points)
    pages = account.cloudwatch.get_paginator("list_metrics").paginate(Namespace="Shop")
    assert sum(len(page["Metrics"]) for page in pages) == 600


def test_points_are_not_on_the_record(account: Account) -> None:
    """CloudTrail has the call, not its data."""
    account.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "secret", "Value": 1}])
    found = account.cloudtrail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutMetricData"}]
    )["Events"]
    assert len(found) == 1 and "secret" not in found[0]["CloudTrailEvent"]
    assert '"namespace":"Shop"' in found[0]["CloudTrailEvent"].replace(": ", ":")
