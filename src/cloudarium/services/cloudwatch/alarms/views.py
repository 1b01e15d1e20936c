"""Alarms as the API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloudarium.services.cloudwatch.alarms.configurations import PLAIN
from cloudarium.services.cloudwatch.alarms.resources import CompositeAlarm, MetricAlarm


def shown_metric_alarm(alarm: MetricAlarm) -> dict[str, Any]:
    """``MetricAlarm``."""
    shown = _common(alarm) | {
        "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions],
        "EvaluationPeriods": alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison,
        "Metrics": [],
    }
    if alarm.queries:
        shown["Metrics"] = [dict(query) for query in alarm.queries]
    else:
        name = "Statistic" if alarm.statistic in PLAIN else "ExtendedStatistic"
        shown |= {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            name: alarm.statistic,
            "Period": alarm.period,
        }
    for member, value in (
        ("DatapointsToAlarm", alarm.datapoints_to_alarm),
        ("Threshold", alarm.threshold),
        ("Unit", alarm.unit),
        ("TreatMissingData", alarm.treat_missing),
        ("EvaluateLowSampleCountPercentile", alarm.low_samples),
        ("ThresholdMetricId", alarm.threshold_metric_id),
        ("EvaluationState", alarm.evaluation_state),
    ):
        if value is not None and value != "":
            shown[member] = value
    return shown


def shown_composite_alarm(alarm: CompositeAlarm) -> dict[str, Any]:
    """``CompositeAlarm``."""
    shown = _common(alarm) | {"AlarmRule": alarm.rule}
    if alarm.suppressor:
        shown |= {
            "ActionsSuppressor": alarm.suppressor,
            "ActionsSuppressorWaitPeriod": alarm.wait_period,
            "ActionsSuppressorExtensionPeriod": alarm.extension_period,
        }
    if alarm.suppressed_by:
        shown |= {"ActionsSuppressedBy": alarm.suppressed_by, "ActionsSuppressedReason": alarm.suppressed_reason}
    return shown


def _common(alarm: MetricAlarm | CompositeAlarm) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "AlarmConfigurationUpdatedTimestamp": _moment(alarm.configured),
        "ActionsEnabled": alarm.actions_enabled,
        "OKActions": list(alarm.ok_actions),
        "AlarmActions": list(alarm.alarm_actions),
        "InsufficientDataActions": list(alarm.insufficient_actions),
        "StateValue": alarm.state.value,
        "StateReason": alarm.state.reason,
        "StateUpdatedTimestamp": _moment(alarm.state.updated),
        "StateTransitionedTimestamp": _moment(alarm.state.transitioned),
    }
    if alarm.description:
        shown["AlarmDescription"] = alarm.description
    if alarm.state.reason_data:
        shown["StateReasonData"] = alarm.state.reason_data
    return shown


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
