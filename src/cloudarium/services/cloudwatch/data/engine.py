"""Metric data queries: metrics, expressions about them, searches and SQL, in the order in which they need each other.

Only what is returned, and what that needs, is computed. All expressions of a request share a budget of points.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.metrics import MetricKey
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.data.checks import check
from cloudarium.services.cloudwatch.data.labels import Labels
from cloudarium.services.cloudwatch.errors import validation
from cloudarium.services.cloudwatch.math.evaluator import evaluate as compute
from cloudarium.services.cloudwatch.math.parser import Expression, parse
from cloudarium.services.cloudwatch.math.values import (
    MOST_POINTS,
    Array,
    Environment,
    MathError,
    Origin,
    TimeSeries,
    Value,
)
from cloudarium.services.cloudwatch.periods import rounded_start
from cloudarium.services.cloudwatch.statistics import statistic

if TYPE_CHECKING:
    from cloudarium.services.cloudwatch.sql import Select

Query = Mapping[str, Any]
Message = tuple[str, str]
"""Code and text."""
Place = tuple[int, int]
"""Which query, and which series of its array."""

_DEFAULT_PERIOD = 300
_DROPPED: Message = (
    "ArithmeticError",
    "One or more data-points have been dropped due to non-numeric values (NaN, -Infinite, +Infinite)",
)


class Series(msgspec.Struct):
    """What a query returned; an array of time series is several of these with one id. ``timestamps`` ascend."""

    id: str
    label: str
    period: int
    timestamps: list[int]
    values: list[float]
    messages: list[Message]


class Result(msgspec.Struct):
    """Every series, and what is to be said about the request."""

    series: list[Series]
    messages: list[Message]


def run(
    cloud: Cloud,
    scope: Scope,
    queries: Sequence[Query],
    start: float,
    end: float,
    *,
    now: float,
    timezone: str = "+0000",
) -> Result:
    """The series of every query that returns data, over ``[start, end)`` (cloud seconds), and messages.

    ``timezone`` is for times in labels. Raises AwsError: ValidationError for what is wrong with a query, NotImplemented
    for what is not there.
    """
    request = Request(cloud, scope, queries, start, end, now, timezone)
    series = [each for _, each in request.series()]
    return Result(series, request.messages)


class Request:
    """Queries answered one after another, so that a page computes what it shows and not what comes before or after."""

    def __init__(
        self,
        cloud: Cloud,
        scope: Scope,
        queries: Sequence[Query],
        start: float,
        end: float,
        now: float,
        timezone: str = "+0000",
    ) -> None:
        check(scope, queries)
        self._queries = queries
        self._engine = Engine(cloud, scope, queries, start, end, now)
        self._labels = Labels(scope, now, timezone)
        self._engine.check()

    @property
    def messages(self) -> list[Message]:
        """What is to be said so far."""
        return self._engine.messages

    def series(self, since: Place = (0, 0)) -> Iterator[tuple[Place, Series]]:
        """Every series from a place on, with its own. Raises AwsError when a query's turn comes that is wrong."""
        for number, query in enumerate(self._queries):
            if number < since[0] or not query.get("ReturnData", True):
                continue
            value = self._engine.value(query["Id"])
            for part, (found, label) in enumerate(self._labels.of(query, value)):
                if (number, part) >= since:
                    times = sorted(found.points)
                    values = [found.points[at] for at in times]
                    messages = [_DROPPED] if found.lossy else []
                    yield (number, part), Series(query["Id"], label, found.period, times, values, messages)


class Engine:
    """One evaluation: values by query id, each computed once, when it is first asked for."""

    def __init__(
        self, cloud: Cloud, scope: Scope, queries: Sequence[Query], start: float, end: float, now: float
    ) -> None:
        self._cloud = cloud
        self._scope = scope
        self._queries = {query["Id"]: query for query in queries}
        self._start, self._end, self._now = start, end, now
        self._values: dict[str, TimeSeries | Array] = {}
        self._left = [MOST_POINTS]
        self._searchable: list[int] | None = None
        """How many metrics searches may still look at."""
        self.messages: list[Message] = []

    def value(self, id_: str) -> TimeSeries | Array:
        """What the query with this id stands for."""
        open_: list[str] = [id_]
        while open_:
            each = open_[-1]
            needed = [] if each in self._values else [name for name in self._needs(each) if name not in self._values]
            # Not by recursion: queries may lean on each other hundreds deep.
            if (circle := next((name for name in needed if name in open_), None)) is not None:
                raise validation(f"Error in expression '{each}': Circular reference to '{circle}'")
            if needed:
                open_.append(needed[0])
                continue
            if each not in self._values:
                self._values[each] = self._compute(self._queries[each])
            open_.pop()
        return self._values[id_]

    def check(self) -> None:
        """Whether every expression can be understood, also those that nobody needs. Raises AwsError."""
        for id_, query in self._queries.items():
            if is_sql(query.get("Expression", "")):
                self._select(query)
            else:
                self._needs(id_)

    def _needs(self, id_: str) -> list[str]:
        query = self._queries[id_]
        if "Expression" not in query or is_sql(query["Expression"]):
            return []
        try:
            return sorted(parse(query["Expression"]).names() & self._queries.keys())
        except MathError as error:
            raise _mistake(id_, error) from None

    def _compute(self, query: Query) -> TimeSeries | Array:
        if "MetricStat" in query:
            return self._metric(query)
        return self._sql(query) if is_sql(query["Expression"]) else self._expression(query)

    def series(self, id_: str, origin: Origin, period: int, label: str = "") -> TimeSeries:
        """A metric's points. Raises MathError when they are too many."""
        begin = rounded_start(self._start, period, self._now)
        key = MetricKey(origin.namespace, origin.name, origin.dimensions)
        value_of = statistic(origin.stat)
        assert value_of is not None
        points = {
            at: value
            for at, _, bucket in self._cloud.metrics.read(self._scope, key, begin, self._end, period, origin.unit)
            if (value := value_of(bucket)) is not None
        }
        self._left[0] -= len(points)
        if self._left[0] < 0:
            raise MathError(f"A request may read {MOST_POINTS} data points at most")
        return TimeSeries(id_, label or origin.name, period, points, origin)

    def _metric(self, query: Query) -> TimeSeries:
        stat = query["MetricStat"]
        metric = stat["Metric"]
        dimensions = tuple(sorted((each["Name"], each["Value"]) for each in metric.get("Dimensions", ())))
        origin = Origin(metric["Namespace"], metric["MetricName"], dimensions, stat["Stat"], stat.get("Unit"))
        try:
            return self.series(query["Id"], origin, stat["Period"])
        except MathError as error:
            raise validation(error.message) from None

    def _expression(self, query: Query) -> TimeSeries | Array:
        id_ = query["Id"]
        try:
            expression = parse(query["Expression"])
            named: dict[str, Value] = {name: self._values[name] for name in self._needs(id_)}
            env = self._environment(query, expression, list(named.values()))
            found = compute(expression, named, env)
        except MathError as error:
            raise _mistake(id_, error) from None
        # A bare id gives the very series; a label of this query must not reach into the other.
        if isinstance(found, TimeSeries):
            return msgspec.structs.replace(found, id=id_, label=id_)
        return found

    def _environment(self, query: Query, expression: Expression, values: Sequence[Value]) -> Environment:
        metrics: Array = []
        if expression.calls("METRICS"):
            for id_, each in self._queries.items():
                if "MetricStat" in each:
                    found = self.value(id_)
                    assert isinstance(found, TimeSeries)
                    metrics.append(found)
        operands = [value for value in values if isinstance(value, TimeSeries)]
        operands += [series for value in values if isinstance(value, list) for series in value] + metrics
        period = query.get("Period") or max((each.period for each in operands), default=_DEFAULT_PERIOD)
        return Environment(
            start=rounded_start(self._start, period, self._now),
            # Nothing is known of times to come, not even that there is nothing.
            end=min(self._end, self._now),
            period=period,
            metrics=metrics,
            search=self._search,
            band=self._band,
            left=self._left,
        )

    def _search(self, text: str, stat: str, period: int) -> Array:
        from cloudarium.services.cloudwatch.search import MOST_LOOKED_AT, find

        if self._searchable is None:
            self._searchable = [MOST_LOOKED_AT]
        found, more = find(self._cloud.metrics, self._scope, text, stat, period, self._now, self._searchable)
        if more:
            self._say("MaxMetricsExceeded", "Maximum number of allowed metrics exceeded")
        return [self.series("", origin, period, label) for origin, label in found]

    def _band(self, series: TimeSeries, width: float) -> Array:
        from cloudarium.services.cloudwatch.anomaly.bands import band

        if series.origin is None and series.id not in self._queries:
            raise MathError("Function 'ANOMALY_DETECTION_BAND' needs the id of a metric or an expression")
        grid = range(rounded_start(self._start, series.period, self._now), int(-(-self._end // 1)), series.period)
        self._left[0] -= 2 * len(grid)
        if self._left[0] < 0:
            raise MathError(f"The expressions of a request may compute {MOST_POINTS} data points at most")
        return band(self._cloud, self._scope, self._queries, series, grid, width, self._now)

    def _sql(self, query: Query) -> Array:
        from cloudarium.services.cloudwatch.sql import SqlError, select

        period = query.get("Period", _DEFAULT_PERIOD)
        try:
            found = select(
                self._cloud.metrics, self._scope, self._select(query), self._start, self._end, period, self._now
            )
        except SqlError as error:
            raise validation(f"Error in expression '{query['Id']}': {error}") from None
        for code, text in found.messages:
            self._say(code, text)
        return found.series

    def _select(self, query: Query) -> Select:
        from cloudarium.services.cloudwatch.sql import SqlError, parse_select

        try:
            return parse_select(query["Expression"])
        except SqlError as error:
            raise validation(f"Error in expression '{query['Id']}': {error}") from None

    def _say(self, code: str, text: str) -> None:
        if (code, text) not in self.messages:
            self.messages.append((code, text))


def _mistake(id_: str, error: MathError) -> AwsError:
    return validation(f"Error in expression '{id_}': {error.message}")


def is_sql(expression: str) -> bool:
    """Whether an expression is a Metrics Insights query."""
    return expression.lstrip()[:7].upper().rstrip() == "SELECT"
