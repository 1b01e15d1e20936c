"""Which metrics there are."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.metrics import Dimensions, MetricKey
from cloudarium.kernel.paging import BadToken, position, token
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch.errors import invalid_value

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import DimensionFilterTypeDef, ListMetricsInputTypeDef

_PAGE = 500
_AT_ONCE = 10_000
"""Metrics looked at before others have their turn: a page costs a look at all metrics of the names that are on it."""
_TWO_WEEKS = 14 * 86_400
_RECENTLY = {"PT3H": 3 * 3_600}


@operation(partial="linked accounts are refused")
async def list_metrics(ctx: Context, request: ListMetricsInputTypeDef) -> Answer:
    """Metrics that had data within two weeks, in order of namespace, name and dimensions.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
    """
    linked = request.get("IncludeLinkedAccounts", False)
    if request.get("OwningAccount", ctx.account) != ctx.account:
        raise NotThere("metrics of linked accounts (OwningAccount)")
    recently = request.get("RecentlyActive")
    since = ctx.clock.now() - (_RECENTLY[recently] if recently is not None else _TWO_WEEKS)
    after = _after(text, request) if (text := request.get("NextToken")) is not None else None
    filters = request.get("Dimensions", ())
    start = after[:2] if after is not None else ("", "")
    keys = ctx.metrics.find(ctx.scope, request.get("Namespace"), request.get("MetricName"), since=since, after=start)
    looked = 0
    found: list[MetricKey] = []
    for _, same_name in itertools.groupby(keys, lambda key: key[:2]):
        chosen: list[MetricKey] = []
        while some := list(itertools.islice(same_name, _AT_ONCE)):
            fit = (key for key in some if (after is None or key > after) and _has_dimensions(key.dimensions, filters))
            chosen = heapq.nsmallest(_PAGE + 1 - len(found), itertools.chain(chosen, fit))
            looked += len(some)
            if looked >= _AT_ONCE:
                looked = 0
                await asyncio.sleep(0)
        found += chosen
        if len(found) > _PAGE:
            break
    answer: Answer = {"Metrics": [_shown(key) for key in found[:_PAGE]]}
    if linked:
        answer["OwningAccounts"] = [ctx.account] * len(answer["Metrics"])
    if len(found) > _PAGE:
        answer["NextToken"] = token(found[_PAGE - 1], request)
    return answer


def _after(text: str, request: ListMetricsInputTypeDef) -> MetricKey:
    try:
        namespace, name, dimensions = position(text, request)
    except (BadToken, ValueError):
        raise invalid_value("Request parameter NextToken is invalid") from None
    return MetricKey(namespace, name, tuple((n, v) for n, v in dimensions))


def _has_dimensions(dimensions: Dimensions, filters: Sequence[DimensionFilterTypeDef]) -> bool:
    have = dict(dimensions)
    return all(each["Name"] in have and each.get("Value", have[each["Name"]]) == have[each["Name"]] for each in filters)


def _shown(key: MetricKey) -> Answer:
    return {
        "Namespace": key.namespace,
        "MetricName": key.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
    }
