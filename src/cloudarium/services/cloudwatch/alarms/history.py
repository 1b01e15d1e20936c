"""What happened to alarms: a journal, read newest first; CloudWatch keeps it for 30 days."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.alarms.resources import Alarm, AlarmState, CompositeAlarm, DueAction

JOURNAL = "cloudwatch.alarm-history"
KEPT = 30 * 86_400
_MOST_DATA = 4_095
"""Characters of HistoryData that DescribeAlarmHistory shows."""


class Item(msgspec.Struct, frozen=True):
    """One entry."""

    name: str
    alarm_type: str
    kind: str
    summary: str
    data: str


def kind_of(alarm: Alarm) -> str:
    """``MetricAlarm`` or ``CompositeAlarm``."""
    return "CompositeAlarm" if isinstance(alarm, CompositeAlarm) else "MetricAlarm"


def note(cloud: Cloud, scope: Scope, alarm: Alarm, kind: str, summary: str, *data: dict[str, Any]) -> None:
    """Add an entry: ConfigurationUpdate, StateUpdate or Action. Of ``data`` the first that is not too long is kept."""
    encoded = (msgspec.json.encode(each).decode() for each in (*data, {"version": "1.0"}))
    kept = next(text for text in encoded if len(text) <= _MOST_DATA)
    item = Item(alarm.name, kind_of(alarm), kind, summary, kept)
    cloud.store.append(JOURNAL, scope, cloud.clock.now(), alarm.name, msgspec.json.encode(item))


def note_state(cloud: Cloud, scope: Scope, alarm: Alarm, old: AlarmState, new: AlarmState) -> None:
    """The entry of a change of state; where both states' data are too long for it, the newer one's or neither is."""
    with_data = [(True, True), (False, True), (False, False)]
    held: dict[str, Any] = {}
    if isinstance(alarm, CompositeAlarm) and alarm.suppressed_by:
        held = {"actionsSuppressedBy": alarm.suppressed_by, "actionsSuppressedReason": alarm.suppressed_reason}
    data = ({"version": "1.0", "oldState": _state(old, o), "newState": _state(new, n) | held} for o, n in with_data)
    note(cloud, scope, alarm, "StateUpdate", f"Alarm updated from {old.value} to {new.value}", *data)


def _state(state: AlarmState, with_data: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"stateValue": state.value, "stateReason": state.reason}
    if state.reason_data and with_data:
        shown["stateReasonData"] = msgspec.Raw(state.reason_data.encode())
    return shown


def note_action(cloud: Cloud, scope: Scope, alarm: Alarm, due: DueAction, failure: str, published: str | None) -> None:
    """The entry of an action that was done, with the message that went out; or that failed, and why."""
    data: dict[str, Any] = {
        "actionState": "Failed" if failure else "Succeeded",
        "stateUpdateTimestamp": int(due.new.updated * 1000),
        "notificationResource": due.action,
        "publishedMessage": None,
        "error": failure or None,
    }
    summary = f"Successfully executed action {due.action}"
    if failure:
        summary = f'Failed to execute action {due.action}. Received error: "{failure}"'
    note(cloud, scope, alarm, "Action", summary, data | {"publishedMessage": published}, data)
