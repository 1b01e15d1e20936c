"""PutMetricAlarm and PutCompositeAlarm."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch import tagging
from cloudarium.services.cloudwatch.alarms import arns, changes, composite, queries
from cloudarium.services.cloudwatch.alarms.composites import COMPOSITES, above, find
from cloudarium.services.cloudwatch.alarms.evaluator import BAND_COMPARISONS, TREATMENTS
from cloudarium.services.cloudwatch.alarms.resources import (
    INSUFFICIENT,
    Alarm,
    AlarmState,
    CompositeAlarm,
    MetricAlarm,
    metric_key,
)
from cloudarium.services.cloudwatch.errors import invalid_combination, missing, validation
from cloudarium.services.cloudwatch.statistics import statistic

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import PutCompositeAlarmInputTypeDef, PutMetricAlarmInputTypeDef

_MOST_ALARMS = 5_000
_MOST_SELECTING = 200
_MOST_ACTIONS = 5
_FINE_PERIODS = (10, 20, 30)
_HOUR, _DAY, _WEEK = 3_600, 86_400, 7 * 86_400
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_REFUSED = (
    "EvaluationCriteria",
    "EvaluationWindow",
    "WarmUpConfiguration",
    "EvaluationInterval",
    "ActionConfiguration",
)


@operation(
    partial="refused: PromQL, GROUP BY (alarms with contributors), evaluation windows, warm-up, ActionConfiguration"
)
def put_metric_alarm(ctx: Context, request: PutMetricAlarmInputTypeDef) -> Answer:
    """Make or change an alarm on a metric or on a metric math expression.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    for name in _REFUSED:
        if name in request:
            raise NotThere(f"{name} in cloudwatch:PutMetricAlarm")
    given: Mapping[str, Any] = request
    name = _checked_name(given)
    there = ctx.table(MetricAlarm).get(ctx.scope, name)
    if there is None:
        _check_room(ctx, name, ctx.table(CompositeAlarm).get(ctx.scope, name))
    common = _common(ctx, given, there)
    watched = _watched_queries(ctx, given) if "Metrics" in given else _watched_metric(given)
    if _selects(watched) and (there is None or not _selects({"queries": there.queries})):
        _check_room_for_queries(ctx)
    periods = given.get("EvaluationPeriods")
    if periods is None:
        raise missing("The parameter EvaluationPeriods is required.")
    datapoints = given.get("DatapointsToAlarm")
    if datapoints is not None and datapoints > periods:
        raise validation("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    _check_span(watched["period"], periods)
    alarm = MetricAlarm(
        **common,
        **watched,
        **_threshold(given),
        evaluation_periods=periods,
        datapoints_to_alarm=datapoints,
        treat_missing=_one_of(given, "TreatMissingData", TREATMENTS),
        low_samples=_one_of(given, "EvaluateLowSampleCountPercentile", ("evaluate", "ignore")),
    )
    ctx.table(MetricAlarm).put(ctx.scope, alarm)
    changes.note_configuration(ctx.cloud, ctx.scope, alarm, "Update" if there is not None else "Create", there)
    return {}


@operation(partial="ActionConfiguration is refused")
def put_composite_alarm(ctx: Context, request: PutCompositeAlarmInputTypeDef) -> Answer:
    """Make or change an alarm on other alarms.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
    """
    if "ActionConfiguration" in request:
        raise NotThere("ActionConfiguration in cloudwatch:PutCompositeAlarm")
    given: Mapping[str, Any] = request
    name = _checked_name(given)
    there = ctx.table(CompositeAlarm).get(ctx.scope, name)
    if there is None:
        _check_room(ctx, name, ctx.table(MetricAlarm).get(ctx.scope, name))
    if request["AlarmRule"].strip() != request["AlarmRule"]:
        raise validation("AlarmRule must not contain leading or trailing whitespace or be null")
    try:
        rule = composite.parse(request["AlarmRule"])
    except composite.RuleError as error:
        raise validation(f"AlarmRule is invalid: {error}.") from None
    _check_children(ctx, rule.children)
    suppressor = request.get("ActionsSuppressor", "")
    if suppressor and (
        "ActionsSuppressorWaitPeriod" not in request or "ActionsSuppressorExtensionPeriod" not in request
    ):
        raise validation(
            "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod are required with ActionsSuppressor."
        )
    for period in ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"):
        if given.get(period, 0) < 0:
            raise validation(f"The parameter {period} must not be negative.")
    if suppressor and find(ctx.cloud, ctx.scope, suppressor) is None:
        raise validation(f"ActionsSuppressor {suppressor} does not exist.")
    alarm = CompositeAlarm(
        **_common(ctx, given, there),
        rule=request["AlarmRule"],
        children=rule.children,
        suppressor=suppressor,
        wait_period=request.get("ActionsSuppressorWaitPeriod", 0),
        extension_period=request.get("ActionsSuppressorExtensionPeriod", 0),
        **(_held_back(there, suppressor) if there is not None else {}),
    )
    ctx.table(CompositeAlarm).put(ctx.scope, alarm)
    changes.note_configuration(ctx.cloud, ctx.scope, alarm, "Update" if there is not None else "Create", there)
    for each in (name, *above(ctx.cloud, ctx.scope, alarm)):
        ctx.cloud.enqueue(COMPOSITES, (ctx.scope, each))
    return {}


def _held_back(there: CompositeAlarm, suppressor: str) -> dict[str, Any]:
    """What stays of actions that the suppressor holds back; without a suppressor they are due now."""
    held: dict[str, Any] = {"pending_action": there.pending_action, "pending_from": there.pending_from}
    if suppressor:
        for name in ("suppressed_by", "suppressed_reason", "suppressed_until"):
            held[name] = getattr(there, name)
    return held


def _checked_name(given: Mapping[str, Any]) -> str:
    name: str = given["AlarmName"]
    if _CONTROL.search(name) is not None:
        raise validation("AlarmName must not contain ASCII control characters.")
    return name


def _check_room(ctx: Context, name: str, other: Alarm | None) -> None:
    if other is not None:
        raise validation(f"An alarm of another type has the name {name} already.")
    if ctx.table(MetricAlarm).count(ctx.scope) + ctx.table(CompositeAlarm).count(ctx.scope) >= _MOST_ALARMS:
        raise AwsError("LimitExceeded", f"The limit of {_MOST_ALARMS} alarms per Region is reached.", 400)


def _selects(watched: Mapping[str, Any]) -> bool:
    """Whether it has a Metrics Insights query."""
    from cloudarium.services.cloudwatch.data.engine import is_sql

    return any(is_sql(query.get("Expression", "")) for query in watched.get("queries", ()))


def _check_room_for_queries(ctx: Context) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-limits.html"""
    count = sum(_selects({"queries": alarm.queries}) for alarm in ctx.table(MetricAlarm).all(ctx.scope))
    if count >= _MOST_SELECTING:
        message = f"The limit of {_MOST_SELECTING} alarms on Metrics Insights queries per Region is reached."
        raise AwsError("LimitExceeded", message, 400)


def _common(ctx: Context, given: Mapping[str, Any], there: Alarm | None) -> dict[str, Any]:
    """What both kinds of alarm have; an alarm that is changed keeps its state and tags."""
    now = ctx.clock.now()
    for member in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        actions = given.get(member, ())
        if len(actions) > _MOST_ACTIONS:
            raise validation(f"The collection {member} must not have a size greater than {_MOST_ACTIONS}.")
        for action in actions:
            if problem := arns.mistake(action, ctx.region, composite="AlarmRule" in given):
                raise validation(problem)
    if problem := tagging.mistake(ctx.principal, {}, [tag["Key"] for tag in given.get("Tags", ())]):
        raise validation(problem)
    tags = {tag["Key"]: tag["Value"] for tag in given.get("Tags", ())}
    return {
        "name": given["AlarmName"],
        "arn": ctx.arn("cloudwatch", f"alarm:{given['AlarmName']}"),
        "description": given.get("AlarmDescription", ""),
        "actions_enabled": given.get("ActionsEnabled", True),
        "ok_actions": tuple(given.get("OKActions", ())),
        "alarm_actions": tuple(given.get("AlarmActions", ())),
        "insufficient_actions": tuple(given.get("InsufficientDataActions", ())),
        "tags": there.tags if there is not None else tags,
        "configured": now,
        "state": there.state if there is not None else AlarmState(value=INSUFFICIENT, updated=now, transitioned=now),
    }


def _watched_metric(given: Mapping[str, Any]) -> dict[str, Any]:
    for member in ("MetricName", "Namespace", "Period"):
        if member not in given:
            raise missing(f"The parameter {member} is required.")
    if ("Statistic" in given) == ("ExtendedStatistic" in given):
        raise invalid_combination("Exactly one of Statistic and ExtendedStatistic must be specified.")
    name = given.get("Statistic") or given["ExtendedStatistic"]
    if statistic(name) is None or ("ExtendedStatistic" in given and name in ("Average", "Sum")):
        raise validation(f"The value {name} for parameter ExtendedStatistic is not supported.")
    _check_period(given["Period"])
    dimensions = tuple(sorted((each["Name"], each["Value"]) for each in given.get("Dimensions", ())))
    return {
        "namespace": given["Namespace"],
        "metric_name": given["MetricName"],
        "dimensions": dimensions,
        "metric_key": metric_key(given["Namespace"], given["MetricName"], dimensions),
        "statistic": name,
        "period": given["Period"],
        "unit": given.get("Unit", ""),
    }


def _watched_queries(ctx: Context, given: Mapping[str, Any]) -> dict[str, Any]:
    for member in ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic"):
        if member in given:
            raise validation(f"Metrics list and {member} cannot both be given.")
    wanted: Sequence[Mapping[str, Any]] = given["Metrics"]
    band = given.get("ThresholdMetricId", "")
    queries.check(ctx, wanted, band)
    stats = [query["MetricStat"] for query in wanted if "MetricStat" in query]
    periods = {stat["Period"] for stat in stats} | {query["Period"] for query in wanted if "Period" in query}
    for period in periods:
        _check_period(period)
    return {
        "queries": tuple(dict(query) for query in wanted),
        "threshold_metric_id": band,
        "period": max(periods),
    }


def _check_period(period: int) -> None:
    if period not in _FINE_PERIODS and (period < 60 or period % 60):
        raise validation("Invalid value for parameter Period: it must be 10, 20, 30 or a multiple of 60.")


def _check_span(period: int, periods: int) -> None:
    limit, words, sign = (_DAY, "a day", "<") if period < _HOUR else (_WEEK, "a week", ">=")
    if period * periods > limit:
        raise validation(
            f"Metrics cannot be checked across more than {words} (EvaluationPeriods * Period must be <= {limit}) "
            f"for alarms using period {sign} {_HOUR}"
        )


def _threshold(given: Mapping[str, Any]) -> dict[str, Any]:
    comparison = given.get("ComparisonOperator")
    if comparison is None:
        raise missing("The parameter ComparisonOperator is required.")
    band = comparison in BAND_COMPARISONS
    if band != bool(given.get("ThresholdMetricId")):
        raise validation(
            f"ComparisonOperator {comparison} {'needs' if band else 'cannot be used with'} ThresholdMetricId."
        )
    if not math.isfinite(given.get("Threshold", 0.0)):
        raise validation(f"The value {given['Threshold']} for parameter Threshold is not a number.")
    if ("Threshold" in given) == band:
        raise validation(
            "Threshold cannot be used with ThresholdMetricId." if band else "The parameter Threshold is required."
        )
    return {"comparison": comparison, "threshold": given.get("Threshold")}


def _one_of(given: Mapping[str, Any], member: str, allowed: Sequence[str]) -> str:
    value: str = given.get(member, "")
    if value and value not in allowed:
        raise validation(f"Option {value} is not supported for parameter {member}; use one of [{', '.join(allowed)}].")
    return value


def _check_children(ctx: Context, children: Sequence[str]) -> None:
    missing_ones = [child for child in children if find(ctx.cloud, ctx.scope, child) is None]
    if missing_ones:
        named = ", ".join(missing_ones)
        raise validation(f"Could not save the composite alarm as alarms [{named}] in the alarm rule do not exist")
