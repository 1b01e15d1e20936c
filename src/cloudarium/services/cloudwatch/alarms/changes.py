"""A new state: written, noted in the history, told to EventBridge, and its actions made due. All or nothing."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.alarms import configurations, history
from cloudarium.services.cloudwatch.alarms.reasons import long_time
from cloudarium.services.cloudwatch.alarms.resources import (
    ALARM,
    OK,
    Alarm,
    AlarmState,
    CompositeAlarm,
    DueAction,
    MetricAlarm,
)

ACTIONS = "cloudwatch.actions"


def put(cloud: Cloud, scope: Scope, alarm: Alarm) -> None:
    """Write an alarm."""
    if isinstance(alarm, MetricAlarm):
        cloud.store.table(MetricAlarm).put(scope, alarm)
    else:
        cloud.store.table(CompositeAlarm).put(scope, alarm)


def change_state(
    cloud: Cloud, scope: Scope, alarm: Alarm, value: str, reason: str, reason_data: str = "", *, act: bool = True
) -> Alarm:
    """Put an alarm into a state; what follows from it happens if the state is another one. Returns the alarm."""
    now, old = cloud.clock.now(), alarm.state
    transitioned = now if value != old.value else old.transitioned
    new = AlarmState(
        value=value, reason=reason, reason_data=reason_data, updated=now, transitioned=transitioned
    )  # fmt: skip
    changed: Alarm = alarm.replace(state=new)
    with cloud.store.begin():
        put(cloud, scope, changed)
        if value != old.value:
            history.note_state(cloud, scope, changed, old, new)
            detail = _detail(changed, old)
            cloud.events.emit(scope, "aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm.arn])
            if act:
                make_due(cloud, scope, changed, old)
    return changed


def actions_of(alarm: Alarm, value: str) -> tuple[str, ...]:
    """The actions for a state, none while they are disabled."""
    if not alarm.actions_enabled:
        return ()
    return {ALARM: alarm.alarm_actions, OK: alarm.ok_actions}.get(value, alarm.insufficient_actions)


def make_due(cloud: Cloud, scope: Scope, alarm: Alarm, old: AlarmState, *, only: str = "") -> None:
    """Have the actions of an alarm's state done (those whose ARN begins with ``only``)."""
    for action in actions_of(alarm, alarm.state.value):
        if action.startswith(only):
            due = DueAction(
                id=request_id(),
                alarm=alarm.name,
                composite=isinstance(alarm, CompositeAlarm),
                action=action,
                old=old,
                new=alarm.state,
            )
            cloud.store.table(DueAction).put(scope, due)
            cloud.enqueue(ACTIONS, (scope, due.id))


def _detail(alarm: Alarm, old: AlarmState) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html"""
    detail: dict[str, Any] = {
        "alarmName": alarm.name,
        "state": shown_state(alarm.state),
        "previousState": shown_state(old),
        "configuration": configurations.briefly(alarm),
    }
    if isinstance(alarm, CompositeAlarm) and alarm.suppressed_by:
        detail["state"]["actionsSuppressedBy"] = alarm.suppressed_by
        detail["state"]["actionsSuppressedReason"] = alarm.suppressed_reason
    return detail


def shown_state(state: AlarmState) -> dict[str, Any]:
    """A state as events and payloads show it."""
    shown = {"value": state.value, "reason": state.reason}
    if state.reason_data:
        shown["reasonData"] = state.reason_data
    return shown | {"timestamp": long_time(state.updated)}


def note_configuration(cloud: Cloud, scope: Scope, alarm: Alarm, what: str, before: Alarm | None = None) -> None:
    """History and event of an alarm that was created, updated (from ``before``) or deleted."""
    briefly: dict[str, Any] = {"version": "1.0", "type": what}
    words = {"Create": "created", "Update": "updated", "Delete": "deleted"}[what]
    shown = configurations.historical(alarm)
    told = briefly | {f"{words}Alarm": shown}
    if before is not None:
        was = configurations.historical(before)
        told["originalUpdatedFields"] = {name: value for name, value in was.items() if shown.get(name) != value}
    without = briefly | {f"{words}Alarm": shown}
    history.note(cloud, scope, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" {words}', told, without, briefly)
    state = {"value": alarm.state.value, "timestamp": long_time(alarm.state.updated)}
    if isinstance(alarm, CompositeAlarm) and alarm.suppressed_by:
        state["actionsSuppressedBy"] = alarm.suppressed_by
    detail = {
        "alarmName": alarm.name,
        "operation": what.lower(),
        "state": state,
        "configuration": configurations.whole(alarm),
    }
    if before is not None:
        detail["previousConfiguration"] = configurations.whole(before)
    cloud.events.emit(scope, "aws.cloudwatch", "CloudWatch Alarm Configuration Change", detail, [alarm.arn])
