"""What a Metrics Insights query matches, added up in groups.

It sees two weeks of data in minutes, the first 10,000 metrics that match, and returns up to 500 time series.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-limits.html
"""

from __future__ import annotations

import math
from itertools import islice
from typing import NamedTuple

from cloudarium.kernel.metrics import Bucket, MetricKey, Metrics
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.math.values import Array, TimeSeries
from cloudarium.services.cloudwatch.periods import rounded_start
from cloudarium.services.cloudwatch.sql.grammar import FUNCTIONS, MOST_SERIES, Select, SqlError
from cloudarium.services.cloudwatch.statistics import statistic

_TWO_WEEKS = 14 * 86_400
_MOST_METRICS = 10_000
_MOST_BUCKETS = 500_000
_OTHER = "Other"


class Found(NamedTuple):
    """Time series in the query's order, and messages as (code, text)."""

    series: Array
    messages: list[tuple[str, str]]


def select(metrics: Metrics, scope: Scope, query: Select, start: float, end: float, period: int, now: float) -> Found:
    """Run a query over ``[start, end)`` (cloud seconds). Raises SqlError."""
    messages = []
    if start < now - _TWO_WEEKS - 60:
        messages.append(("MaxQueryTimeRangeExceeded", "Max time window exceeded for query"))
        start = now - _TWO_WEEKS
    # High resolution is not seen: points are of a minute at least.
    period = max(60, period)
    begin = rounded_start(start, period, now)
    keys, more = _matching(metrics, scope, query, begin)
    if more:
        messages.append(
            (
                "MaxMatchingResultsExceeded",
                f"The query matched more than {_MOST_METRICS:,} metrics, results might not be accurate.",
            )
        )
    groups: dict[tuple[str, ...], dict[int, Bucket]] = {}
    left = _MOST_BUCKETS
    for key in keys:
        labels = dict(key.dimensions)
        group = groups.setdefault(tuple(labels.get(name, _OTHER) for name in query.group_by), {})
        for at, _, bucket in metrics.read(scope, key, begin, end, period):
            group.setdefault(at, Bucket(opaque=True)).add_set(
                bucket.total, bucket.count, bucket.minimum, bucket.maximum
            )
            left -= 1
        if left < 0:
            raise SqlError(f"The query matches more than {_MOST_BUCKETS:,} data points; use a longer period")
    series = [_series(query, labels, buckets, period) for labels, buckets in sorted(groups.items())]
    if query.order_by:
        series.sort(key=lambda each: _rank(query, each))
    if len(series) > MOST_SERIES and query.limit == MOST_SERIES:
        messages.append(
            ("MaxQueryResultsExceeded", f"Only the first {MOST_SERIES} time series can be returned by a query.")
        )
    return Found(series[: query.limit], messages)


def _matching(metrics: Metrics, scope: Scope, query: Select, since: float) -> tuple[list[MetricKey], bool]:
    matching = (
        key
        for key in metrics.find(scope, query.namespace, query.metric, since=since)
        if (query.schema is None or {name for name, _ in key.dimensions} == query.schema)
        and (query.where is None or query.where.matches(key))
    )
    keys = list(islice(matching, _MOST_METRICS))
    return keys, next(matching, None) is not None


def _series(query: Select, labels: tuple[str, ...], buckets: dict[int, Bucket], period: int) -> TimeSeries:
    value_of = statistic(FUNCTIONS[query.function])
    assert value_of is not None
    points = {at: value for at, bucket in buckets.items() if (value := value_of(bucket)) is not None}
    return TimeSeries("", " ".join(labels) or query.metric, period, points)


def _rank(query: Select, series: TimeSeries) -> tuple[bool, float]:
    values = list(series.points.values())
    if not values:
        return True, 0.0
    rank = {
        "AVG": lambda: math.fsum(values) / len(values),
        "COUNT": lambda: float(len(values)),
        "MAX": lambda: max(values),
        "MIN": lambda: min(values),
        "SUM": lambda: math.fsum(values),
    }[query.order_by]()
    return False, -rank if query.descending else rank
