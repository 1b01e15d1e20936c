"""GetMetricData: many metrics in one request, in pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.metrics import MetricKey
from cloudarium.kernel.paging import BadToken, position, token
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch.errors import validation
from cloudarium.services.cloudwatch.periods import is_period, rounded_start
from cloudarium.services.cloudwatch.statistics import statistic

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import GetMetricDataInputTypeDef, MetricDataQueryUnionTypeDef

_MAX_QUERIES = 500
_MAX_POINTS = 100_800
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


class _Points(NamedTuple):
    id: str
    label: str
    values: Sequence[tuple[int, float]]


@operation(partial="no metric math, Metrics Insights, dynamic labels")
def get_metric_data(ctx: Context, request: GetMetricDataInputTypeDef) -> Answer:
    """Values of up to 500 metrics, newest first unless ``ScanBy`` says otherwise.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    """
    start, end = _seconds(request["StartTime"]), _seconds(request["EndTime"])
    if start >= end:
        raise validation("The parameter StartTime must be less than the parameter EndTime.")
    queries = request["MetricDataQueries"]
    _check(ctx, queries)
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    room = request.get("MaxDatapoints", _MAX_POINTS)
    if not 0 < room <= _MAX_POINTS:
        raise validation(f"The value for MaxDatapoints must be between 1 and {_MAX_POINTS}.")
    shown = [query for query in queries if query.get("ReturnData", True)]
    index, offset = _position(request, len(shown))
    answer: Answer = {"MetricDataResults": [], "Messages": []}
    while index < len(shown):
        if room == 0:
            answer["NextToken"] = token((index, offset), request)
            break
        found = _points(ctx, shown[index], start, end, newest_first)
        page = found.values[offset : offset + room]
        room -= len(page)
        offset += len(page)
        whole = offset >= len(found.values)
        answer["MetricDataResults"].append(_result(found, page, whole))
        if whole:
            index, offset = index + 1, 0
    return answer


def _result(found: _Points, page: Sequence[tuple[int, float]], whole: bool) -> Answer:
    return {
        "Id": found.id,
        "Label": found.label,
        "Timestamps": [datetime.fromtimestamp(begin, UTC) for begin, _ in page],
        "Values": [value for _, value in page],
        "StatusCode": "Complete" if whole else "PartialData",
    }


def _points(ctx: Context, query: MetricDataQueryUnionTypeDef, start: float, end: float, newest_first: bool) -> _Points:
    stat = query["MetricStat"]
    metric, period = stat["Metric"], stat["Period"]
    dimensions = tuple(sorted((each["Name"], each["Value"]) for each in metric.get("Dimensions", ())))
    label = query.get("Label") or metric["MetricName"]
    key = MetricKey(metric["Namespace"], metric["MetricName"], dimensions)
    compute = statistic(stat["Stat"])
    if compute is None:
        return _Points(query["Id"], label, ())
    begin = rounded_start(start, period, ctx.clock.now())
    values = [
        (at, value)
        for at, _, bucket in ctx.metrics.read(ctx.scope, key, begin, end, period, stat.get("Unit"))
        if (value := compute(bucket)) is not None
    ]
    return _Points(query["Id"], label, values[::-1] if newest_first else values)


def _check(ctx: Context, queries: Sequence[MetricDataQueryUnionTypeDef]) -> None:
    if not queries:
        raise validation("The parameter MetricDataQueries must contain at least one query.")
    if len(queries) > _MAX_QUERIES:
        raise validation(f"The collection MetricDataQueries must not have a size greater than {_MAX_QUERIES}.")
    seen: set[str] = set()
    for query in queries:
        name = query["Id"]
        if _ID.fullmatch(name) is None:
            raise validation(f'The value "{name}" for Id must match the expression "^[a-z][a-zA-Z0-9_]*$".')
        if name in seen:
            raise validation(f'The values for parameter Id in MetricDataQueries are not unique: "{name}".')
        seen.add(name)
        _check_query(ctx, query)
    if not any(query.get("ReturnData", True) for query in queries):
        raise validation("At least one of the MetricDataQueries must have ReturnData true.")


def _check_query(ctx: Context, query: MetricDataQueryUnionTypeDef) -> None:
    name = query["Id"]
    if ("Expression" in query) == ("MetricStat" in query):
        raise validation(f'Exactly one of MetricStat and Expression must be given for query "{name}".')
    if "Expression" in query:
        raise NotThere("metric math and Metrics Insights (Expression) in cloudwatch:GetMetricData")
    if query.get("AccountId", ctx.account) != ctx.account:
        raise NotThere("metrics of linked accounts (AccountId) in cloudwatch:GetMetricData")
    if "${" in query.get("Label", ""):
        raise NotThere("dynamic labels (${…}) in cloudwatch:GetMetricData")
    stat = query["MetricStat"]
    if "Namespace" not in stat["Metric"] or "MetricName" not in stat["Metric"]:
        raise validation(f'The metric of query "{name}" must have a Namespace and a MetricName.')
    if not is_period(stat["Period"]):
        raise validation(f'The Period of query "{name}" must be 1, 5, 10, 20, 30 or a multiple of 60.')
    if statistic(stat["Stat"]) is None:
        raise validation(f'The value "{stat["Stat"]}" for Stat of query "{name}" is not a statistic.')


def _position(request: GetMetricDataInputTypeDef, queries: int) -> tuple[int, int]:
    """Where to go on: at which query, after how many of its values."""
    text = request.get("NextToken")
    if text is None:
        return 0, 0
    try:
        index, offset = position(text, request)
        if 0 <= index < queries and offset >= 0:
            return index, offset
    except (BadToken, ValueError, TypeError):
        pass
    raise AwsError("InvalidNextToken", "The token is invalid or belongs to another request.", 400)


def _seconds(moment: datetime | str) -> float:
    when = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return when.timestamp()
