"""Metric data queries that lean on each other, their labels, searches and bands."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
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
from cloudarium.services.cloudwatch.data.engine import Result, run

T0 = 1_700_000_040
SCOPE = Scope("111122223333", "eu-west-1")


class World:
    def __init__(self) -> None:
        self.cloud = Cloud(clock=Clock(ClockState(0.0, float(T0 + 600), 0.0)), store=Store(None), port=0)

    def record(self, name: str, *values: float, **dimensions: str) -> None:
        for place, value in enumerate(values):
            self.cloud.metrics.record(SCOPE, "Shop", name, dimensions, value, at=T0 + 60 * place)

    def run(self, *queries: dict[str, Any], **more: Any) -> Result:
        return run(self.cloud, SCOPE, queries, T0, T0 + 600, now=self.cloud.clock.now(), **more)

    def values(self, *queries: dict[str, Any]) -> dict[str, list[float]]:
        return {series.id: series.values for series in self.run(*queries).series}

    def labels(self, *queries: dict[str, Any], **more: Any) -> list[str]:
        return [series.label for series in self.run(*queries, **more).series]

    def call(self, operation: str, **request: Any) -> Any:
        context = Context(self.cloud, SCOPE, root(SCOPE.account))
        return SERVICE.operations()[operation].function(context, request)


def metric(id_: str, name: str = "Orders", stat: str = "Sum", period: int = 60, **more: Any) -> dict[str, Any]:
    dimensions = [{"Name": key, "Value": value} for key, value in more.pop("where", {}).items()]
    described = {"Namespace": "Shop", "MetricName": name, "Dimensions": dimensions}
    return {"Id": id_, "MetricStat": {"Metric": described, "Period": period, "Stat": stat}, **more}


def expression(id_: str, text: str, **more: Any) -> dict[str, Any]:
    return {"Id": id_, "Expression": text, **more}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    world.record("Orders", 1, 2, 3)
    world.record("Errors", 1, 1, 0)
    yield world


async def test_in_any_order(world: World) -> None:
    found = world.values(
        expression("rate", "100 * errors / orders"),
        expression("errors", "FILL(e, 0)", ReturnData=False),
        metric("orders", ReturnData=False),
        metric("e", "Errors", ReturnData=False),
    )
    assert found == {"rate": [100, 50, 0]}


async def test_a_chain_of_hundreds(world: World) -> None:
    chain = [expression(f"e{place}", f"e{place - 1} + 1", ReturnData=False) for place in range(1, 480)]
    found = world.values(expression("all", "e479"), *reversed(chain), metric("e0", ReturnData=False))
    assert found == {"all": [480, 481, 482]}


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        ([expression("a", "b"), expression("b", "a + 1")], "Circular reference"),
        ([expression("a", "a")], "Circular reference"),
        ([expression("a", "m +")], "Error in expression 'a': Invalid syntax"),
        ([expression("a", "zz * 2")], "Error in expression 'a': Metric or expression 'zz' not found"),
        ([expression("a", "AVG(m)"), metric("m")], "returns a scalar"),
        ([expression("a", "SELECT AVG(x)")], "Error in expression 'a': Invalid syntax at position"),
        ([expression("a", "SEARCH('', 'Sum')")], "search query"),
        ([expression("a", "SEARCH('x', 'Mode')")], "statistic 'Mode'"),
        ([expression("a", "SEARCH('x', 'Sum', 61)")], "period"),
        ([expression("a", "SEARCH('x', 'Sum', 1e400)")], "Unsupported operand"),
        ([expression("a", "ANOMALY_DETECTION_BAND(m * 2)"), metric("m")], "needs the id of a metric or an expression"),
        ([metric("m", Period=60)], "within its MetricStat"),
        ([expression("a", "TIME_SERIES(1)", Period=7)], "Period"),
        ([metric("m", Label="${LABEL} ${LABEL}")], "only once"),
        ([metric("m", Label="${MAX}" * 7)], "dynamic values"),
    ],
)
async def test_mistakes(world: World, queries: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(AwsError) as error:
        world.run(*queries)
    assert error.value.code == "ValidationError"
    assert words in error.value.message


async def test_labels(world: World) -> None:
    world.record("Visits", 5, 7, Page="home")
    home = {"where": {"Page": "home"}}
    assert world.labels(metric("m", Label="all: ${LABEL}")) == ["all: Orders"]
    assert world.labels(metric("m", Label="${MIN} to ${MAX}, ${AVG} of ${DATAPOINT_COUNT}, ${SUM}")) == [
        "1 to 3, 2 of 3, 6"
    ]
    assert world.labels(metric("m", Label="${FIRST} ${LAST} ${FIRST_LAST_RANGE} ${MIN_MAX_TIME_RANGE}")) == ["1 3 2 2m"]
    assert world.labels(metric("m", Label="${LAST_TIME_RELATIVE} ago")) == ["8m ago"]
    named = "${PROP('Namespace')}/${PROP('MetricName')} ${PROP('Dim.Page')} ${PROP('Stat')} ${PROP(\"Period\")}"
    assert world.labels(metric("m", "Visits", Label=named, **home)) == ["Shop/Visits home Sum 60"]
    assert world.labels(metric("m", Label="${PROP('Region')} ${PROP('AccountId')}")) == ["eu-west-1 111122223333"]
    assert world.labels(metric("m", "Nothing", Label="${MAX} ${WHAT}")) == ["-- ${WHAT}"]
    assert world.labels(expression("e", "m * 2"), metric("m", ReturnData=False)) == ["e"]
    assert world.labels(expression("e", "[m, n]", Label="Filled"), metric("m", ReturnData=False),
                        metric("n", "Errors", ReturnData=False)) == ["Filled Orders", "Filled Errors"]  # fmt: skip
    moment = datetime.fromtimestamp(T0 + 120, UTC)
    assert world.labels(metric("m", Label="${MAX_TIME}")) == [f"{moment:%Y-%m-%d %H:%M:%S}"]
    east = world.labels(metric("m", Label="${MAX_TIME}"), timezone="+0130")
    assert east == [f"{datetime.fromtimestamp(T0 + 120 + 5400, UTC):%Y-%m-%d %H:%M:%S}"]
    with pytest.raises(AwsError, match="Timezone"):
        world.run(metric("m"), timezone="Berlin")


async def test_searches(world: World) -> None:
    for number in range(3):
        world.record("Visits", number, Page=f"page-{number}")
    search = "SEARCH('{Shop,Page} MetricName=\"Visits\" NOT page-1', 'Sum', 60)"
    found = world.run(expression("s", search), expression("total", "SUM(s)"))
    assert [(each.id, each.label, each.values) for each in found.series] == [
        ("s", "page-0", [0]), ("s", "page-2", [2]), ("total", "total", [2]),
    ]  # fmt: skip
    assert found.messages == []
    await world.cloud.clock.advance(15 * 86_400)
    assert world.run(expression("s", search)).series == []


async def test_a_search_finds_five_hundred(world: World) -> None:
    for number in range(530):
        world.record("Visits", number, Page=f"page-{number:03d}")
    found = world.run(expression("s", "SEARCH('{Shop,Page}', 'Sum', 60)"))
    assert len(found.series) == 500
    assert [code for code, _ in found.messages] == ["MaxMetricsExceeded"]


async def test_searches_share_what_they_may_look_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudarium.services.cloudwatch.search.MOST_LOOKED_AT", 15)
    for number in range(10):
        world.record("Visits", number, Page=f"page-{number:03d}")
    searches = [expression(f"s{number}", "SEARCH('{Shop,Page}', 'Sum', 60)") for number in range(3)]
    found = world.run(*searches)
    count = Counter(series.id for series in found.series)
    assert count["s0"] == 10 and 0 < count["s1"] < 10 and count["s2"] == 0
    assert [code for code, _ in found.messages] == ["MaxMetricsExceeded"]


async def test_sql_beside_math(world: World) -> None:
    world.record("Visits", 5, 7, Page="a")
    world.record("Visits", 1, 1, Page="b")
    found = world.values(
        expression("q", "SELECT SUM(Visits) FROM SCHEMA(Shop, Page) GROUP BY Page", Period=60, ReturnData=False),
        expression("top", "FIRST(q) - LAST(q)"),
    )
    assert found == {"top": [4, 6]}


async def test_what_is_dropped_is_told(world: World) -> None:
    (series,) = world.run(
        expression("e", "m / n"), metric("m", ReturnData=False), metric("n", "Errors", ReturnData=False)
    ).series
    assert series.values == [1, 2]
    assert [code for code, _ in series.messages] == ["ArithmeticError"]


async def test_too_many_points_are_refused_and_cost_little(world: World) -> None:
    with pytest.raises(AwsError, match="data points at most"):
        run(world.cloud, SCOPE, [expression("e", "TIME_SERIES(1)", Period=1)], 0, T0, now=float(T0))


async def test_a_band_has_no_points_without_a_detector(world: World) -> None:
    found = world.run(metric("m"), expression("b", "ANOMALY_DETECTION_BAND(m)"))
    assert [(each.id, each.values) for each in found.series] == [("m", [1, 2, 3]), ("b", []), ("b", [])]


async def test_pages_of_an_array(world: World) -> None:
    for number in range(5):
        world.record("Visits", number, number, Page=f"page-{number}")
    asked = {
        "MetricDataQueries": [expression("s", "SEARCH('{Shop,Page}', 'Sum', 60)")],
        "StartTime": datetime.fromtimestamp(T0, UTC), "EndTime": datetime.fromtimestamp(T0 + 600, UTC),
        "MaxDatapoints": 3,
    }  # fmt: skip
    gathered: list[tuple[str, float]] = []
    token: dict[str, Any] = {}
    pages = 0
    while pages < 10:
        pages += 1
        answer = await world.call("get_metric_data", **asked, **token)
        for result in answer["MetricDataResults"]:
            gathered += [(result["Label"], value) for value in result["Values"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert pages == 4
    assert gathered == [(f"page-{number}", number) for number in range(5) for _ in range(2)]
    with pytest.raises(AwsError, match="one Metrics Insights query"):
        sql = [expression(name, "SELECT AVG(Visits) FROM Shop") for name in ("a", "b")]
        await world.call("get_metric_data", **(asked | {"MetricDataQueries": sql}))


async def test_hidden_mistakes_are_mistakes_and_pages_compute_only_what_they_show(world: World) -> None:
    asked = {
        "StartTime": datetime.fromtimestamp(T0 - 14 * 86_400, UTC), "EndTime": datetime.fromtimestamp(T0 + 600, UTC),
    }  # fmt: skip
    with pytest.raises(AwsError, match="Error in expression 'late'"):
        late = [metric("m"), expression("late", "m +", ReturnData=False)]
        await world.call("get_metric_data", MetricDataQueries=late, MaxDatapoints=1, **asked)
    # Each of these is all right by itself, all of them together are more than a request may compute.
    many = [expression(f"e{place}", f"TIME_SERIES({place})", Period=60) for place in range(120)]
    answer = await world.call("get_metric_data", MetricDataQueries=many, MaxDatapoints=30_000, **asked)
    assert [len(result["Values"]) for result in answer["MetricDataResults"]] == [20_170, 9_830]
    assert "NextToken" in answer
    with pytest.raises(AwsError, match="data points at most"):
        run(world.cloud, SCOPE, many, T0 - 14 * 86_400, T0 + 600, now=float(T0 + 600))


async def test_others_have_their_turn_between_queries(world: World) -> None:
    turns: list[int] = []

    async def other() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    times = {"StartTime": datetime.fromtimestamp(T0, UTC), "EndTime": datetime.fromtimestamp(T0 + 600, UTC)}
    await world.call("get_metric_data", MetricDataQueries=[metric(f"m{place}") for place in range(20)], **times)
    waiting.cancel()
    assert len(turns) >= 20
