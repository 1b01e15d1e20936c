"""Which metrics there are."""

from __future__ import annotations

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
_TWO_WEEKS = 14 * 86_400
_RECENTLY = {"PT3H": 3 * 3_600}


@operation(partial="linked accounts are refused")
def list_metrics(ctx: Context, request: ListMetricsInputTypeDef) -> Answer:
    """Metrics that had data within two weeks, in order of namespace, name and dimensions.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
    """
    linked = request.get("IncludeLinkedAccounts", False)
    if linked and request.get("OwningAccount", ctx.account) != ctx.account:
        raise NotThere("metrics of linked accounts (OwningAccount)")
    recently = request.get("RecentlyActive")
    since = ctx.clock.now() - (_RECENTLY[recently] if recently is not None else _TWO_WEEKS)
    found = sorted(
        key
        for key in ctx.metrics.find(ctx.scope, request.get("Namespace"), request.get("MetricName"), since=since)
        if _has_dimensions(key.dimensions, request.get("Dimensions", ()))
    )
    if (text := request.get("NextToken")) is not None:
        after = _after(text, request)
        found = [key for key in found if key > after]
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
