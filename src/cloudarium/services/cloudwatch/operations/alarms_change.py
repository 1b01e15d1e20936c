"""Alarms deleted, set to a state by hand, their actions switched off and on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch.alarms import changes
from cloudarium.services.cloudwatch.alarms.composites import find
from cloudarium.services.cloudwatch.alarms.resources import Alarm, CompositeAlarm, MetricAlarm
from cloudarium.services.cloudwatch.errors import validation

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import (
        DeleteAlarmsInputTypeDef,
        DisableAlarmActionsInputTypeDef,
        EnableAlarmActionsInputTypeDef,
        SetAlarmStateInputTypeDef,
    )


@operation
def delete_alarms(ctx: Context, request: DeleteAlarmsInputTypeDef) -> Answer:
    """Delete alarms; none of them if one is not there, or is named by a composite alarm that stays."""
    names = list(dict.fromkeys(request["AlarmNames"]))
    found = [_alarm(ctx, name) for name in names]
    if sum(isinstance(alarm, CompositeAlarm) for alarm in found) > 1:
        raise validation("Only one composite alarm can be deleted at a time.")
    needed = [alarm.name for alarm in found if _parents(ctx, alarm) - set(names)]
    if needed:
        them = "it" if len(needed) == 1 else "them"
        raise validation(f"Cannot delete {','.join(needed)} as there are composite alarm(s) depending on {them}.")
    for alarm in found:
        ctx.table(type(alarm)).delete(ctx.scope, alarm.name)
        changes.note_configuration(ctx.cloud, ctx.scope, alarm, "Delete")
    return {}


def _parents(ctx: Context, alarm: Alarm) -> set[str]:
    table = ctx.table(CompositeAlarm)
    return {parent.name for key in (alarm.name, alarm.arn) for parent in table.find(ctx.scope, "children", key)}


@operation
def set_alarm_state(ctx: Context, request: SetAlarmStateInputTypeDef) -> Answer:
    """Put an alarm into a state, actions and all, until its next evaluation decides otherwise."""
    alarm = _alarm(ctx, request["AlarmName"])
    data = request.get("StateReasonData", "")
    if data:
        try:
            json.loads(data)
        except ValueError:
            raise AwsError("InvalidFormat", "StateReasonData is not valid JSON.", 400) from None
    changes.change_state(ctx.cloud, ctx.scope, alarm, request["StateValue"], request["StateReason"], data)
    return {}


@operation
def enable_alarm_actions(ctx: Context, request: EnableAlarmActionsInputTypeDef) -> Answer:
    """Have the actions of alarms done again."""
    return _switch(ctx, request["AlarmNames"], on=True)


@operation
def disable_alarm_actions(ctx: Context, request: DisableAlarmActionsInputTypeDef) -> Answer:
    """Have no actions of alarms done."""
    return _switch(ctx, request["AlarmNames"], on=False)


def _switch(ctx: Context, names: Sequence[str], *, on: bool) -> Answer:
    for name in names:
        alarm = find(ctx.cloud, ctx.scope, name)
        # Names of alarms that are not there are passed over.
        if alarm is not None and alarm.actions_enabled != on:
            changed: Alarm = alarm.replace(actions_enabled=on, configured=ctx.clock.now())
            changes.put(ctx.cloud, ctx.scope, changed)
            changes.note_configuration(ctx.cloud, ctx.scope, changed, "Update", alarm)
    return {}


def _alarm(ctx: Context, name: str) -> Alarm:
    alarm: Alarm | None = ctx.table(MetricAlarm).get(ctx.scope, name)
    alarm = alarm or ctx.table(CompositeAlarm).get(ctx.scope, name)
    if alarm is None:
        raise AwsError("ResourceNotFound", f"Alarm {name} does not exist.", 404)
    return alarm
