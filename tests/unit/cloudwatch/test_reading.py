"""ListMetrics, GetMetricStatistics and GetMetricData over recorded points."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import root
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.cloudwatch import SERVICE

T0 = 1_700_000_040  # a whole minute, and 5 minutes past no hour
SCOPE = Scope("111122223333", "eu-west-1")
NAMESPACE = "AWS/ApplicationELB"
LB = {"LoadBalancer": "app/web/1"}
DIMENSIONS = [{"Name": "LoadBalancer", "Value": "app/web/1"}]


class World:
    def __init__(self) -> None:
        self.cloud = Cloud(clock=Clock(ClockState(0.0, float(T0), 0.0)), store=Store(None), port=0)

    def record(self, value: float, after: float = 0, *, name: str = "RequestCount", unit: str = "Count",
               dimensions: dict[str, str] | None = None, count: float = 1) -> None:  # fmt: skip
        where = LB if dimensions is None else dimensions
        self.cloud.metrics.record(SCOPE, NAMESPACE, name, where, value, unit, count=count, at=T0 + after)

    def call(self, operation: str, scope: Scope = SCOPE, **request: Any) -> Any:
        context = Context(self.cloud, scope, root(scope.account))
        return SERVICE.operations()[operation].function(context, request)

    async def listed(self, scope: Scope = SCOPE, **request: Any) -> Any:
        return await self.call("list_metrics", scope, **request)

    def statistics(self, start: float, end: float, period: int, *names: str, **more: Any) -> Any:
        asked = {"Statistics": list(names)} if names else {}
        request = {"Namespace": NAMESPACE, "MetricName": "RequestCount", "Dimensions": DIMENSIONS} | asked | more
        return self.call("get_metric_statistics", StartTime=at(start), EndTime=at(end), Period=period, **request)

    def data(self, *queries: dict[str, Any], start: float = 0, end: float = 3600, **more: Any) -> Any:
        times = {"StartTime": at(start), "EndTime": at(end)}
        return finished(self.call("get_metric_data", MetricDataQueries=list(queries), **times, **more))


def finished(answer: Coroutine[Any, Any, Any]) -> Any:
    """What an operation answers that only lets others have their turn."""
    try:
        while True:
            answer.send(None)
    except StopIteration as done:
        return done.value


def at(after: float) -> datetime:
    return datetime.fromtimestamp(T0 + after, UTC)


def query(
    name: str = "q", stat: str = "Sum", metric: str = "RequestCount", period: int = 60, **more: Any
) -> dict[str, Any]:
    described = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": DIMENSIONS}
    return {"Id": name, "MetricStat": {"Metric": described, "Period": period, "Stat": stat}, **more}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    yield World()


async def test_minutes_add_up_to_periods(world: World) -> None:
    for minute in range(10):
        world.record(minute + 1, minute * 60 + 3)
    answer = world.statistics(0, 600, 300, "Sum", "SampleCount", "Average", "Minimum", "Maximum")
    assert answer["Label"] == "RequestCount"
    assert answer["Datapoints"] == [
        {"Timestamp": at(0), "Unit": "Count", "Sum": 15, "SampleCount": 5, "Average": 3, "Minimum": 1, "Maximum": 5},
        {"Timestamp": at(300), "Unit": "Count", "Sum": 40, "SampleCount": 5, "Average": 8, "Minimum": 6, "Maximum": 10},
    ]


async def test_the_start_is_in_and_the_end_is_out(world: World) -> None:
    for minute in range(4):
        world.record(1, minute * 60)
    stamps = [point["Timestamp"] for point in world.statistics(65, 180, 60, "Sum")["Datapoints"]]
    assert stamps == [at(60), at(120)]


async def test_seconds(world: World) -> None:
    for second in range(20):
        world.record(second, second)
    points = world.statistics(0, 20, 5, "Sum", "Maximum")["Datapoints"]
    assert [(p["Timestamp"], p["Sum"], p["Maximum"]) for p in points] == [
        (at(0), 10, 4), (at(5), 35, 9), (at(10), 60, 14), (at(15), 85, 19),
    ]  # fmt: skip


async def test_percentiles(world: World) -> None:
    for value in range(1, 101):
        world.record(value / 100, name="TargetResponseTime", unit="Seconds")
    answer = world.statistics(0, 60, 60, MetricName="TargetResponseTime", ExtendedStatistics=["p90", "p99.9", "tm90"])
    assert answer["Datapoints"][0]["ExtendedStatistics"] == pytest.approx({"p90": 0.9, "p99.9": 1.0, "tm90": 0.455})


async def test_units_are_not_converted(world: World) -> None:
    world.record(1)
    assert world.statistics(0, 60, 60, "Sum", Unit="Count")["Datapoints"]
    assert not world.statistics(0, 60, 60, "Sum", Unit="Bytes")["Datapoints"]


async def test_dimensions_must_be_exactly_those(world: World) -> None:
    world.record(1)
    assert not world.statistics(0, 60, 60, "Sum", Dimensions=[])["Datapoints"]
    world.record(2, dimensions={"LoadBalancer": "app/web/1", "AvailabilityZone": "a"})
    both = [{"Name": "LoadBalancer", "Value": "app/web/1"}, {"Name": "AvailabilityZone", "Value": "a"}]
    assert world.statistics(0, 60, 60, "Sum", Dimensions=both)["Datapoints"][0]["Sum"] == 2


async def test_accounts_and_regions_are_apart(world: World) -> None:
    world.record(1)
    other = Scope(SCOPE.account, "us-east-1")
    assert (await world.listed(other))["Metrics"] == []


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"Statistics": []}, "MissingParameter", "ExtendedStatistics"),
        ({"ExtendedStatistics": ["p50"]}, "InvalidParameterCombination", "not both"),
        ({"EndTime": at(0)}, "InvalidParameterValue", "StartTime must be less than the parameter EndTime"),
        ({"Period": 45}, "InvalidParameterValue", "Period"),
        ({"Period": 0}, "InvalidParameterValue", "Period"),
        ({"EndTime": at(86_460)}, "InvalidParameterCombination", "up to 1,441 datapoints, which exceeds"),
        ({"Statistics": [], "ExtendedStatistics": ["p50", "x"]}, "InvalidParameterValue", "The value x"),
    ],
)  # fmt: skip
async def test_mistakes(world: World, change: dict[str, Any], code: str, words: str) -> None:
    request: dict[str, Any] = {
        "Namespace": NAMESPACE, "MetricName": "M", "StartTime": at(0), "EndTime": at(60), "Period": 60,
        "Statistics": ["Sum"],
    }  # fmt: skip
    with pytest.raises(AwsError) as error:
        world.call("get_metric_statistics", **(request | change))
    assert error.value.code == code
    assert words in error.value.message


async def test_listing(world: World) -> None:
    world.record(1)
    world.record(1, name="ActiveConnectionCount")
    world.record(1, dimensions={"LoadBalancer": "app/web/1", "AvailabilityZone": "a"})
    names = [(m["MetricName"], len(m["Dimensions"])) for m in (await world.listed())["Metrics"]]
    assert names == [("ActiveConnectionCount", 1), ("RequestCount", 2), ("RequestCount", 1)]
    assert len((await world.listed(MetricName="RequestCount"))["Metrics"]) == 2
    assert len((await world.listed(Dimensions=[{"Name": "AvailabilityZone"}]))["Metrics"]) == 1
    assert not (await world.listed(Dimensions=[{"Name": "AvailabilityZone", "Value": "b"}]))["Metrics"]
    assert not (await world.listed(Namespace="AWS/EC2"))["Metrics"]


async def test_only_recent_metrics_are_listed(world: World) -> None:
    world.record(1)
    await world.cloud.clock.advance(3 * 3600 + 60)
    assert (await world.listed())["Metrics"]
    assert not (await world.listed(RecentlyActive="PT3H"))["Metrics"]
    await world.cloud.clock.advance(14 * 86_400)
    assert not (await world.listed())["Metrics"]


async def test_listing_in_pages(world: World) -> None:
    for number in range(1203):
        world.record(1, dimensions={"N": f"{number:05d}"})
    seen, token = [], {}
    for size in (500, 500, 203):
        answer = await world.listed(**token)
        assert len(answer["Metrics"]) == size
        seen += [m["Dimensions"][0]["Value"] for m in answer["Metrics"]]
        token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    assert seen == [f"{number:05d}" for number in range(1203)]
    assert not token
    for bad in ("nonsense", "", "bm9uc2Vuc2U="):
        with pytest.raises(AwsError):
            await world.listed(NextToken=bad)


async def test_data_comes_newest_first_unless_asked_otherwise(world: World) -> None:
    for minute in range(3):
        world.record(minute + 1, minute * 60)
    result = world.data(query())["MetricDataResults"][0]
    assert result == {
        "Id": "q", "Label": "RequestCount", "Timestamps": [at(120), at(60), at(0)], "Values": [3, 2, 1],
        "StatusCode": "Complete",
    }  # fmt: skip
    assert world.data(query(), ScanBy="TimestampAscending")["MetricDataResults"][0]["Values"] == [1, 2, 3]


async def test_data_of_several_metrics(world: World) -> None:
    world.record(4)
    world.record(6)
    answer = world.data(query("a"), query("b", "Average"), query("c", metric="Nothing"), query("d", ReturnData=False))
    results = {r["Id"]: r["Values"] for r in answer["MetricDataResults"]}
    assert results == {"a": [10], "b": [5], "c": []}
    assert "NextToken" not in answer


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 20])
async def test_pages_put_together_are_everything_once(world: World, size: int) -> None:
    for minute in range(5):
        world.record(minute, minute * 60)
        world.record(minute, minute * 60, name="Other")
    queries = [query("a"), query("none", metric="Nothing"), query("b", metric="Other"), query("last", metric="Nothing")]
    whole = {r["Id"]: r["Values"] for r in world.data(*queries)["MetricDataResults"]}
    gathered: dict[str, list[float]] = {}
    statuses: dict[str, str] = {}
    token: dict[str, Any] = {}
    for _ in range(20):
        answer = world.data(*queries, MaxDatapoints=size, **token)
        assert sum(len(r["Values"]) for r in answer["MetricDataResults"]) <= size
        for result in answer["MetricDataResults"]:
            gathered.setdefault(result["Id"], []).extend(result["Values"])
            statuses[result["Id"]] = result["StatusCode"]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert gathered == whole
    assert set(statuses.values()) == {"Complete"}


async def test_a_token_is_good_for_its_request_only(world: World) -> None:
    for minute in range(3):
        world.record(1, minute * 60)
    token = world.data(query(), MaxDatapoints=1)["NextToken"]
    for queries, given in (([query(stat="Average")], token), ([query()], "nonsense"), ([query()], "W10=")):
        with pytest.raises(AwsError) as error:
            world.data(*queries, MaxDatapoints=1, NextToken=given)
        assert error.value.code == "InvalidNextToken"


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        ([], "at least one"),
        ([query("Upper")], 'The value "Upper" for Id'),
        ([query(), query()], "not unique"),
        ([{"Id": "q"}], "Exactly one"),
        ([query(Expression="1")], "Exactly one"),
        ([query(period=61)], "Period"),
        ([query(stat="p101")], "p101"),
        ([query(ReturnData=False)], "ReturnData"),
        ([query(f"q{n}") for n in range(501)], "500"),
    ],
)
async def test_mistakes_in_queries(world: World, queries: list[Any], words: str) -> None:
    with pytest.raises(AwsError) as error:
        world.data(*queries)
    assert error.value.code == "ValidationError"
    assert words in error.value.message


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"Id": "e", "Expression": "SERVICE_QUOTA(m1)"}, "SERVICE_QUOTA"),
        (query(AccountId="999999999999"), "AccountId"),
    ],
)
async def test_what_is_not_there_is_refused_by_name(world: World, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError) as error:
        world.data(asked)
    assert error.value.status == 501
    assert words in error.value.message
