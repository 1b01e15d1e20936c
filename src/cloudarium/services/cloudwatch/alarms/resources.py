"""What is stored of alarms. Their history is a journal (`history`)."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record

OK = "OK"
ALARM = "ALARM"
INSUFFICIENT = "INSUFFICIENT_DATA"
STATES = (OK, ALARM, INSUFFICIENT)


class AlarmState(msgspec.Struct, frozen=True, kw_only=True):
    """A state and why. ``updated`` is when it was last written, ``transitioned`` when its value last changed."""

    value: str = INSUFFICIENT
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    updated: float
    transitioned: float


class MetricAlarm(Record, frozen=True, kw_only=True):
    """An alarm on one metric, or on a metric math expression (``queries``).

    ``statistic`` may be an extended one. ``threshold`` is None for alarms on an anomaly detection band, whose query id
    is ``threshold_metric_id``. ``metric_key`` is what DescribeAlarmsForMetric looks up. ``evaluation_state`` is "",
    PARTIAL_DATA or EVALUATION_ERROR.
    """

    TABLE = "cloudwatch.alarms"
    KEY = "name"
    INDEXES = ("metric_key",)

    name: str
    arn: str
    description: str = ""
    actions_enabled: bool = True
    ok_actions: tuple[str, ...] = ()
    alarm_actions: tuple[str, ...] = ()
    insufficient_actions: tuple[str, ...] = ()
    namespace: str = ""
    metric_name: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()
    metric_key: str = ""
    statistic: str = ""
    period: int = 60
    unit: str = ""
    evaluation_periods: int
    datapoints_to_alarm: int | None = None
    threshold: float | None = None
    comparison: str
    treat_missing: str = ""
    low_samples: str = ""
    queries: tuple[dict[str, Any], ...] = ()
    threshold_metric_id: str = ""
    evaluation_state: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    configured: float
    state: AlarmState


class CompositeAlarm(Record, frozen=True, kw_only=True):
    """An alarm on other alarms. ``children`` are the names or ARNs in its rule.

    ``suppressed_by`` is "", "Alarm", "WaitPeriod" or "ExtensionPeriod"; ``suppressed_until`` ends a period.
    """

    TABLE = "cloudwatch.composite_alarms"
    KEY = "name"
    INDEXES = ("children", "suppressor")

    name: str
    arn: str
    description: str = ""
    actions_enabled: bool = True
    ok_actions: tuple[str, ...] = ()
    alarm_actions: tuple[str, ...] = ()
    insufficient_actions: tuple[str, ...] = ()
    rule: str
    children: tuple[str, ...]
    suppressor: str = ""
    wait_period: int = 0
    extension_period: int = 0
    suppressed_by: str = ""
    suppressed_reason: str = ""
    suppressed_until: float = 0.0
    pending_action: str = ""
    """The state whose actions wait for a period's end."""
    pending_from: AlarmState | None = None
    """The state before that one."""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    configured: float
    state: AlarmState


Alarm = MetricAlarm | CompositeAlarm


def metric_key(namespace: str, name: str, dimensions: tuple[tuple[str, str], ...]) -> str:
    """One text for a metric."""
    return "\x1f".join([namespace, name, *(f"{key}\x1e{value}" for key, value in dimensions)])


class DueAction(Record, frozen=True, kw_only=True):
    """An action that a change of state set off and that was not done yet. ``attempts`` failed so far."""

    TABLE = "cloudwatch.due_actions"
    KEY = "id"

    id: str
    alarm: str
    composite: bool
    action: str
    old: AlarmState
    new: AlarmState
    attempts: int = 0
