"""What an alarm is set to, as others are told of it: when its state changes, when itself does, and in its history.

Each of the three has a form of its own.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.ids import request_id
from cloudarium.services.cloudwatch.alarms.reasons import long_time
from cloudarium.services.cloudwatch.alarms.resources import Alarm, CompositeAlarm

PLAIN = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


def briefly(alarm: Alarm) -> dict[str, Any]:
    """What an alarm looks at: with a change of its state."""
    shown: dict[str, Any] = {"description": alarm.description} if alarm.description else {}
    if isinstance(alarm, CompositeAlarm):
        return shown | _composite(alarm)
    if alarm.queries:
        return shown | {"metrics": [_query(query) for query in alarm.queries]}
    metric = {"namespace": alarm.namespace, "name": alarm.metric_name, "dimensions": dict(alarm.dimensions)}
    stat: dict[str, Any] = {"metric": metric, "period": alarm.period, "stat": alarm.statistic}
    if alarm.unit:
        stat["unit"] = alarm.unit
    return shown | {"metrics": [{"id": request_id(), "metricStat": stat, "returnData": True}]}


def whole(alarm: Alarm) -> dict[str, Any]:
    """All of it: when it is created, updated or deleted."""
    return {
        **_evaluation(alarm),
        **briefly(alarm),
        "alarmName": alarm.name,
        "actionsEnabled": alarm.actions_enabled,
        "timestamp": long_time(alarm.configured),
        "okActions": alarm.ok_actions,
        "alarmActions": alarm.alarm_actions,
        "insufficientDataActions": alarm.insufficient_actions,
    }


def historical(alarm: Alarm) -> dict[str, Any]:
    """All of it: as an entry of its history has it."""
    shown: dict[str, Any] = {"alarmName": alarm.name}
    if alarm.description:
        shown["alarmDescription"] = alarm.description
    shown |= {"alarmArn": alarm.arn, "alarmConfigurationUpdatedTimestamp": long_time(alarm.configured)}
    if isinstance(alarm, CompositeAlarm):
        shown |= _composite(alarm)
    elif alarm.queries:
        shown |= {"metrics": [_query(query, historical=True) for query in alarm.queries], "dimensions": []}
    else:
        shown |= {
            "namespace": alarm.namespace,
            "metricName": alarm.metric_name,
            "statistic" if alarm.statistic in PLAIN else "extendedStatistic": alarm.statistic,
            "period": alarm.period,
            "dimensions": [{"name": name, "value": value} for name, value in alarm.dimensions],
        }
        if alarm.unit:
            shown["unit"] = alarm.unit
    return {
        **shown,
        **_evaluation(alarm),
        "stateValue": alarm.state.value,
        "stateUpdatedTimestamp": long_time(alarm.state.updated),
        "actionsEnabled": alarm.actions_enabled,
        "alarmActions": alarm.alarm_actions,
        "insufficientDataActions": alarm.insufficient_actions,
        "okactions": alarm.ok_actions,
    }


def _composite(alarm: CompositeAlarm) -> dict[str, Any]:
    shown: dict[str, Any] = {"alarmRule": alarm.rule}
    if alarm.suppressor:
        shown["actionsSuppressor"] = alarm.suppressor
        shown["actionsSuppressorWaitPeriod"] = alarm.wait_period
        shown["actionsSuppressorExtensionPeriod"] = alarm.extension_period
    return shown


def _evaluation(alarm: Alarm) -> dict[str, Any]:
    if isinstance(alarm, CompositeAlarm):
        return {}
    shown: dict[str, Any] = {
        "evaluationPeriods": alarm.evaluation_periods,
        "datapointsToAlarm": alarm.datapoints_to_alarm,
        "threshold": alarm.threshold,
        "thresholdMetricId": alarm.threshold_metric_id or None,
        "comparisonOperator": alarm.comparison,
        "treatMissingData": alarm.treat_missing or None,
        "evaluateLowSampleCountPercentile": alarm.low_samples or None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _query(query: Mapping[str, Any], *, historical: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    for name in ("Expression", "Label", "Period"):
        if name in query:
            shown[name.lower()] = query[name]
    if (stat := query.get("MetricStat")) is not None:
        metric, given = stat["Metric"], stat["Metric"].get("Dimensions", ())
        named: dict[str, Any] = {"namespace": metric["Namespace"]}
        if historical:
            named |= {
                "metricName": metric["MetricName"],
                "dimensions": [{"name": each["Name"], "value": each["Value"]} for each in given],
            }
        else:
            named |= {
                "name": metric["MetricName"],
                "dimensions": {each["Name"]: each["Value"] for each in given},
            }
        shown["metricStat"] = {"metric": named, "period": stat["Period"], "stat": stat["Stat"]}
        if "Unit" in stat:
            shown["metricStat"]["unit"] = stat["Unit"]
    return shown
