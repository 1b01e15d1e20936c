"""What an alarm may watch instead of a metric: metrics and expressions of which one is compared with the threshold.

They are tried once when the alarm is put: an alarm that cannot be evaluated would be noticed only when it is needed.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudwatch.errors import validation

MOST_QUERIES = 20


def check(ctx: Context, queries: Sequence[Mapping[str, Any]], band: str) -> None:
    """Raises AwsError for what an alarm cannot watch; ``band`` is the id of the band it compares with, or ""."""
    if not 0 < len(queries) <= MOST_QUERIES:
        raise validation(f"Metrics must have from 1 to {MOST_QUERIES} queries.")
    ids = [query["Id"] for query in queries]
    if len(set(ids)) != len(ids):
        raise validation("The values for parameter id in Metrics are not unique.")
    if band and band not in ids:
        raise validation(f"ThresholdMetricId {band} is the Id of no query in Metrics.")
    returned = [query["Id"] for query in queries if query.get("ReturnData", True) and query["Id"] != band]
    if len(returned) != 1:
        raise validation("Exactly one element of the metrics list should return data.")
    if band and not next(query for query in queries if query["Id"] == band).get("ReturnData", True):
        raise validation("Exactly two elements of the metrics list should return data.")
    for query in queries:
        _check_expression(query, is_band=query["Id"] == band)
    if not any("MetricStat" in query or "Period" in query for query in queries):
        raise validation("Period must not be null")
    _try(ctx, queries, returned[0])


def _check_expression(query: Mapping[str, Any], *, is_band: bool) -> None:
    from cloudarium.services.cloudwatch.data.engine import is_sql
    from cloudarium.services.cloudwatch.math import MathError, parse
    from cloudarium.services.cloudwatch.sql import SqlError, parse_select

    text = query.get("Expression", "")
    calls_band = False
    try:
        if is_sql(text):
            if parse_select(text).group_by:
                raise NotThere("GROUP BY in the query of an alarm (an alarm with contributors)")
            if "Period" not in query:
                raise validation("Period must not be null")
        elif text:
            expression = parse(text)
            if expression.calls("SEARCH"):
                raise validation("SEARCH is not supported on Metric Alarms.")
            calls_band = expression.calls("ANOMALY_DETECTION_BAND")
    except (MathError, SqlError) as error:
        raise validation(f"Error in expression '{query['Id']}': {error}") from None
    if is_band and not calls_band:
        raise validation(f"ThresholdMetricId {query['Id']} must be the Id of an ANOMALY_DETECTION_BAND expression.")


def _try(ctx: Context, queries: Sequence[Mapping[str, Any]], returned: str) -> None:
    """Evaluate them over a minute: what they lack or contradict each other in shows, whatever the points are."""
    from cloudarium.services.cloudwatch.data.checks import check as check_queries
    from cloudarium.services.cloudwatch.data.engine import Engine, is_sql

    check_queries(ctx.scope, queries)
    now = ctx.clock.now()
    engine = Engine(ctx.cloud, ctx.scope, queries, now - 60, now, now)
    engine.check()
    for query in queries:
        found = engine.value(query["Id"])
        if query["Id"] == returned and isinstance(found, list) and not is_sql(query.get("Expression", "")):
            raise validation(f"Expression '{returned}' must return a single time series, not an array.")
