"""GetMetricData: many metrics and expressions in one request, in pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.paging import BadToken, position, token
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch.errors import validation

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import GetMetricDataInputTypeDef

    from cloudarium.services.cloudwatch.data.engine import Message, Series

_MAX_POINTS = 100_800


@operation(
    partial="refused: linked accounts, SERVICE_QUOTA, INSIGHT_RULE_METRIC, DB_PERF_INSIGHTS, LAMBDA, tags in SQL"
)
async def get_metric_data(ctx: Context, request: GetMetricDataInputTypeDef) -> Answer:
    """Values of up to 500 queries, newest first unless ``ScanBy`` says otherwise; others have their turn in between.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    """
    from cloudarium.services.cloudwatch.data.engine import Request, is_sql

    start, end = _seconds(request["StartTime"]), _seconds(request["EndTime"])
    if start >= end:
        raise validation("The parameter StartTime must be less than the parameter EndTime.")
    room = request.get("MaxDatapoints", _MAX_POINTS)
    if not 0 < room <= _MAX_POINTS:
        raise validation(f"The value for MaxDatapoints must be between 1 and {_MAX_POINTS}.")
    queries = request["MetricDataQueries"]
    if sum(1 for query in queries if is_sql(query.get("Expression", ""))) > 1:
        raise validation("A request can have one Metrics Insights query only.")
    zone = request.get("LabelOptions", {}).get("Timezone", "+0000")
    asked = Request(ctx.cloud, ctx.scope, queries, start, end, ctx.clock.now(), zone)
    answer: Answer = {"MetricDataResults": []}
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    number, part, offset = _position(request)
    for place, found in asked.series((number, part)):
        if place != (number, part):
            offset = 0
        if room == 0:
            answer["NextToken"] = token((*place, offset), request)
            break
        points = list(zip(found.timestamps, found.values, strict=True))
        page = (points[::-1] if newest_first else points)[offset : offset + room]
        room -= len(page)
        offset += len(page)
        whole = offset >= len(points)
        await asyncio.sleep(0)
        answer["MetricDataResults"].append(_result(found, page, whole))
        if not whole:
            answer["NextToken"] = token((*place, offset), request)
            break
    answer["Messages"] = _messages(asked.messages)
    return answer


def _result(found: Series, page: Sequence[tuple[int, float]], whole: bool) -> Answer:
    result: Answer = {
        "Id": found.id,
        "Label": found.label,
        "Timestamps": [datetime.fromtimestamp(begin, UTC) for begin, _ in page],
        "Values": [value for _, value in page],
        "StatusCode": "Complete" if whole else "PartialData",
    }
    if found.messages:
        result["Messages"] = _messages(found.messages)
    return result


def _messages(messages: Sequence[Message]) -> list[Answer]:
    return [{"Code": code, "Value": text} for code, text in messages]


def _position(request: GetMetricDataInputTypeDef) -> tuple[int, int, int]:
    """Where to go on: at which query, which series of it, after how many of its values."""
    text = request.get("NextToken")
    if text is None:
        return 0, 0, 0
    try:
        number, part, offset = position(text, request)
        if min(number, part, offset) >= 0:
            return number, part, offset
    except (BadToken, ValueError, TypeError):
        pass
    raise AwsError("InvalidNextToken", "The token is invalid or belongs to another request.", 400)


def _seconds(moment: datetime | str) -> float:
    when = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return when.timestamp()
