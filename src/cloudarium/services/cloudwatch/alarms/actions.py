"""Doing what alarms ask for: messages to SNS, functions, scaling policies, instances. Each outcome is in the history.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.alarms import changes, configurations, history
from cloudarium.services.cloudwatch.alarms.reasons import long_time
from cloudarium.services.cloudwatch.alarms.regions import long_name
from cloudarium.services.cloudwatch.alarms.resources import Alarm, CompositeAlarm, DueAction, MetricAlarm

log = logging.getLogger(__name__)

_PRINCIPAL = "cloudwatch"
_NOT_ASCII = re.compile(r"[^\x20-\x7e]+")
_TEMPORARY = ("Throttling", "ServiceUnavailable", "InternalFailure")
_MOST_RETRIES = 7
"""With the controller's growing pauses, about ten seconds; then the failure is in the history."""


class _ChildState(msgspec.Struct):
    value: str
    timestamp: str


class _Child(msgspec.Struct):
    arn: str
    state: _ChildState


class _Triggering(msgspec.Struct):
    triggeringAlarms: tuple[_Child, ...] = ()


class Actions:
    """Does due actions, one by one."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._due = cloud.store.table(DueAction)

    def keys(self) -> list[tuple[Scope, str]]:
        """Everything that is due."""
        return [(scope, due.id) for scope, due in self._due.everywhere()]

    async def reconcile(self, key: tuple[Scope, str]) -> float | None:
        """Do one action, note what became of it, and forget it."""
        scope, id_ = key
        due = self._due.get(scope, id_)
        if due is None:
            return None
        alarm: Alarm | None
        if due.composite:
            alarm = self._cloud.store.table(CompositeAlarm).get(scope, due.alarm)
        else:
            alarm = self._cloud.store.table(MetricAlarm).get(scope, due.alarm)
        if alarm is not None:
            failure, published = "", None
            try:
                published = await _do(self._cloud.context(scope, _PRINCIPAL), alarm, due)
            except AwsError as error:
                if error.code in _TEMPORARY and due.attempts < _MOST_RETRIES:
                    self._due.put(scope, due.replace(attempts=due.attempts + 1))
                    raise
                failure = error.message or error.code
            history.note_action(self._cloud, scope, alarm, due, failure, published)
        self._due.delete(scope, id_)
        return None


async def _do(ctx: Context, alarm: Alarm, due: DueAction) -> str | None:
    """Do it; the message that was published, if one was."""
    parts = due.action.split(":", 5)
    service = parts[2] if len(parts) == 6 else ""
    region = parts[3] if len(parts) == 6 and parts[3] else ctx.region
    aws = ctx.cloud.aws(Scope(ctx.account, region), ctx.principal)
    if service == "sns":
        # Subjects are of ASCII; what is not becomes one underscore.
        subject = f'{due.new.value}: "{_NOT_ASCII.sub("_", alarm.name)}" in {long_name(ctx.region)}'
        message = msgspec.json.encode(notification(ctx.scope, alarm, due)).decode()
        await aws.sns.publish(TopicArn=due.action, Subject=subject[:100], Message=message)
        return message
    if service == "lambda":
        payload = msgspec.json.encode(_event(ctx.scope, alarm, due))
        await aws.lambda_.invoke(FunctionName=due.action, InvocationType="Event", Payload=payload)
    elif service == "autoscaling" and ":autoScalingGroupName/" in due.action:
        group, _, policy = due.action.partition(":autoScalingGroupName/")[2].partition(":policyName/")
        await aws.autoscaling.execute_policy(AutoScalingGroupName=group, PolicyName=policy, HonorCooldown=False)
    elif service in ("automate", "swf"):
        await _on_instance(aws, alarm, due.action.rpartition(":")[2] if service == "automate" else due.action)
    elif service == "ssm" and ":opsitem:" in due.action:
        severity, _, category = due.action.partition(":opsitem:")[2].partition("#CATEGORY=")
        await aws.ssm.create_ops_item(
            Title=f'CloudWatch alarm - "{alarm.name}" is in {due.new.value} state',
            Description=due.new.reason,
            Source="CloudWatch alarm",
            Severity=severity,
            **({"Category": category.capitalize()} if category else {}),
        )
    elif service == "ssm-incidents":
        await aws.ssm_incidents.start_incident(responsePlanArn=due.action, title=f'CloudWatch alarm "{alarm.name}"')
    else:
        raise NotThere(f"the alarm action {due.action}")
    return None


async def _on_instance(aws: Any, alarm: Alarm, what: str) -> None:
    dimensions = dict(alarm.dimensions) if isinstance(alarm, MetricAlarm) else {}
    instance = dimensions.get("InstanceId")
    if instance is None:
        raise AwsError("InvalidParameterValue", "EC2 actions need an alarm with the dimension InstanceId.", 400)
    verb = what.rpartition(".")[2].rpartition("/")[2].lower()
    if verb == "stop":
        await aws.ec2.stop_instances(InstanceIds=[instance])
    elif verb == "terminate":
        await aws.ec2.terminate_instances(InstanceIds=[instance])
    elif verb == "reboot":
        await aws.ec2.reboot_instances(InstanceIds=[instance])
    else:
        raise AwsError("InvalidParameterValue", f"The EC2 action {verb} is not implemented in Cloudarium yet.", 400)


def notification(scope: Scope, alarm: Alarm, due: DueAction) -> dict[str, Any]:
    """The message that SNS subscribers get."""
    told: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description or None,
        "AWSAccountId": scope.account,
    }
    if isinstance(alarm, MetricAlarm):
        told["AlarmConfigurationUpdatedTimestamp"] = long_time(alarm.configured)
    told |= {
        "NewStateValue": due.new.value,
        "NewStateReason": due.new.reason,
        "StateChangeTime": long_time(due.new.updated),
        "Region": long_name(scope.region),
        "AlarmArn": alarm.arn,
        "OldStateValue": due.old.value,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_actions,
    }
    if isinstance(alarm, CompositeAlarm):
        return told | {"AlarmRule": alarm.rule, "TriggeringChildren": _children(due.new.reason_data)}
    return told | {"Trigger": _trigger(alarm)}


def _children(reason_data: str) -> list[dict[str, Any]]:
    """Those that brought a composite alarm into its state; data that somebody set by hand may name none."""
    try:
        named = msgspec.json.decode(reason_data or "{}", type=_Triggering).triggeringAlarms
    except msgspec.DecodeError:
        return []
    return [
        {"Arn": child.arn, "State": {"Value": child.state.value, "Timestamp": child.state.timestamp}} for child in named
    ]


def _trigger(alarm: MetricAlarm) -> dict[str, Any]:
    evaluation: dict[str, Any] = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm or alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison,
        "Threshold": alarm.threshold,
        "ThresholdMetricId": alarm.threshold_metric_id,
        "TreatMissingData": alarm.treat_missing or "missing",
        "EvaluateLowSampleCountPercentile": alarm.low_samples,
    }
    del evaluation["Threshold" if alarm.threshold is None else "ThresholdMetricId"]
    if alarm.queries:
        return evaluation | {"Metrics": [_query(query) for query in alarm.queries]}
    names = {"SampleCount": "SAMPLE_COUNT"}
    kind = {"StatisticType": "Statistic", "Statistic": names.get(alarm.statistic, alarm.statistic.upper())}
    if alarm.statistic not in configurations.PLAIN:
        kind = {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm.statistic}
    metric = {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        **kind,
        "Unit": alarm.unit or None,
        "Dimensions": [{"value": value, "name": name} for name, value in alarm.dimensions],
    }
    return metric | evaluation


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    """A query as it was put, but for the names of its dimensions' members."""
    if "MetricStat" not in query:
        return dict(query)
    stat = query["MetricStat"]
    given = stat["Metric"].get("Dimensions", ())
    dimensions = [{"value": each["Value"], "name": each["Name"]} for each in given]
    return {**query, "MetricStat": {**stat, "Metric": {**stat["Metric"], "Dimensions": dimensions}}}


def _event(scope: Scope, alarm: Alarm, due: DueAction) -> dict[str, Any]:
    """The event that a function gets."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": scope.account,
        "time": long_time(due.new.updated),
        "region": scope.region,
        "alarmData": {
            "alarmName": alarm.name,
            "state": changes.shown_state(due.new),
            "previousState": changes.shown_state(due.old),
            "configuration": configurations.briefly(alarm),
        },
    }
