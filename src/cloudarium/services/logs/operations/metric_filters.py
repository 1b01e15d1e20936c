"""Metric filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.logs import tokens
from cloudarium.services.logs.errors import invalid, not_found, not_possible, too_many
from cloudarium.services.logs.filters.quotas import check_regexes, checked_pattern
from cloudarium.services.logs.lookup import group_named, owner
from cloudarium.services.logs.patterns import Pattern
from cloudarium.services.logs.patterns.values import number
from cloudarium.services.logs.resources import STANDARD, LogGroup, MetricFilter, Transformation

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteMetricFilterRequestTypeDef,
        DescribeMetricFiltersRequestTypeDef,
        PutMetricFilterRequestTypeDef,
        TestMetricFilterRequestTypeDef,
    )

_MOST = 100
"""Metric filters of a log group."""
_MOST_DIMENSIONS = 3
_SYSTEM_FIELDS = ("@aws.account", "@aws.region")


@operation(partial="applyOnTransformedLogs and fieldSelectionCriteria are refused")
def put_metric_filter(ctx: Context, request: PutMetricFilterRequestTypeDef) -> Answer:
    """Make or change a metric filter. It sees what comes in from now on."""
    group = group_named(ctx, request["logGroupName"])
    if group.log_class != STANDARD:
        raise not_possible(f"Metric filters are not supported for log groups of the class {group.log_class}.")
    for name in ("applyOnTransformedLogs", "fieldSelectionCriteria"):
        if request.get(name):
            raise NotThere(f"PutMetricFilter with {name}")
    pattern = checked_pattern(request["filterPattern"])
    transformation = _transformation(request["metricTransformations"][0], pattern)
    system = tuple(request.get("emitSystemFieldDimensions") or ())
    if any(each not in _SYSTEM_FIELDS for each in system) or len(set(system)) < len(system):
        raise invalid(f"emitSystemFieldDimensions must be among {', '.join(_SYSTEM_FIELDS)}.")
    if len(system) + len(transformation.dimensions) > _MOST_DIMENSIONS:
        raise too_many(f"A metric filter may have at most {_MOST_DIMENSIONS} dimensions.")
    table = ctx.table(MetricFilter)
    key = f"{group.uid}/{request['filterName']}"
    old = table.get(ctx.scope, key)
    if old is None and len(table.find(ctx.scope, "group", group.uid)) >= _MOST:
        raise too_many()
    check_regexes(ctx, group, key, pattern)
    made = MetricFilter(
        key=key,
        group=group.uid,
        name=request["filterName"],
        pattern=request["filterPattern"],
        transformation=transformation,
        created=old.created if old is not None else int(ctx.clock.now() * 1000),
        system_dimensions=system,
    )
    table.put(ctx.scope, made)
    return {}


def _transformation(given: Mapping[str, Any], pattern: Pattern) -> Transformation:
    """The transformation of a request, held against the pattern."""
    value, default, dimensions = given["metricValue"], given.get("defaultValue"), given.get("dimensions") or {}
    if number(value) is None and not pattern.defines(value):
        raise invalid(f"Invalid metric transformation: the metric value '{value}' is neither a number nor a field.")
    if dimensions:
        if default is not None:
            raise invalid(
                "Invalid metric transformation: dimensions and default value are mutually exclusive properties."
            )
        if pattern.kind == "terms":
            raise invalid("The specified filter pattern does not support dimensions")
        for field in dimensions.values():
            if not pattern.defines(field):
                raise invalid(f"Invalid metric transformation: the dimension value '{field}' is not a field.")
    return Transformation(
        name=given["metricName"],
        namespace=given["metricNamespace"],
        value=value,
        default=default,
        dimensions=dict(dimensions),
        unit=given.get("unit") or "None",
    )


@operation()
def delete_metric_filter(ctx: Context, request: DeleteMetricFilterRequestTypeDef) -> Answer:
    """Delete a metric filter; the metric's points stay."""
    group = group_named(ctx, request["logGroupName"])
    if ctx.table(MetricFilter).delete(ctx.scope, f"{group.uid}/{request['filterName']}") is None:
        raise not_found("The specified metric filter does not exist.")
    return {}


@operation()
def describe_metric_filters(ctx: Context, request: DescribeMetricFiltersRequestTypeDef) -> Answer:
    """List metric filters: of one group, or those that make a metric."""
    table = ctx.table(MetricFilter)
    name, namespace = request.get("metricName"), request.get("metricNamespace")
    if (name is None) != (namespace is None):
        raise invalid("metricName and metricNamespace must be specified together.")
    if (group_name := request.get("logGroupName")) is not None:
        found = table.find(ctx.scope, "group", group_named(ctx, group_name).uid)
    else:
        found = table.all(ctx.scope)
    if prefix := request.get("filterNamePrefix"):
        found = [each for each in found if each.name.startswith(prefix)]
    if name is not None:
        made = [(each, each.transformation) for each in found]
        found = [each for each, metric in made if (metric.name, metric.namespace) == (name, namespace)]
    groups = {each.group: owner(ctx, each.group) for each in found}
    by_key = {f"{where[1].name}\0{each.name}": (where[1], each) for each in found if (where := groups[each.group])}
    shown, more = tokens.page(sorted(by_key), request, 50)
    return {"metricFilters": [_view(*by_key[key]) for key in shown], **more}


def _view(group: LogGroup, made: MetricFilter) -> Answer:
    given = made.transformation
    transformation: Answer = {
        "metricName": given.name,
        "metricNamespace": given.namespace,
        "metricValue": given.value,
        "unit": given.unit,
    }
    if given.default is not None:
        transformation["defaultValue"] = given.default
    if given.dimensions:
        transformation["dimensions"] = given.dimensions
    shown: Answer = {
        "filterName": made.name,
        "filterPattern": made.pattern,
        "metricTransformations": [transformation],
        "creationTime": made.created,
        "logGroupName": group.name,
        "applyOnTransformedLogs": False,
    }
    if made.system_dimensions:
        shown["emitSystemFieldDimensions"] = list(made.system_dimensions)
    return shown


@operation()
def test_metric_filter(ctx: Context, request: TestMetricFilterRequestTypeDef) -> Answer:
    """Which of some messages match a pattern, and what the pattern takes from them."""
    pattern = checked_pattern(request["filterPattern"])
    matches = []
    for number_, message in enumerate(request["logEventMessages"], 1):
        data = message.encode(errors="replace")
        if pattern.matches(data):
            matches.append({"eventNumber": number_, "eventMessage": message, "extractedValues": pattern.extract(data)})
    return {"matches": matches}
