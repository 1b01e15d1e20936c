"""Composite alarms: evaluated when an alarm they name changes, and held back by their suppressor.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html
"""

from __future__ import annotations

from functools import lru_cache

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.alarms import changes, composite, reasons
from cloudarium.services.cloudwatch.alarms.resources import (
    ALARM,
    INSUFFICIENT,
    OK,
    Alarm,
    CompositeAlarm,
    MetricAlarm,
)

COMPOSITES = "cloudwatch.composites"

_compiled = lru_cache(maxsize=4096)(composite.parse)


def find(cloud: Cloud, scope: Scope, name: str) -> Alarm | None:
    """An alarm by name or ARN; an ARN of another account or region is none."""
    arn = name if name.startswith("arn:") else None
    if arn is not None:
        name = name.split(":", 6)[-1]
    found: Alarm | None = cloud.store.table(MetricAlarm).get(scope, name)
    found = found or cloud.store.table(CompositeAlarm).get(scope, name)
    return found if found is not None and arn in (None, found.arn) else None


def above(cloud: Cloud, scope: Scope, alarm: Alarm) -> set[str]:
    """The composite alarms whose rules lead to an alarm, directly or by way of others; itself if there is a cycle."""
    table = cloud.store.table(CompositeAlarm)
    found: dict[str, CompositeAlarm] = {}
    pending: list[Alarm] = [alarm]
    while pending:
        each = pending.pop()
        for name in (each.name, each.arn):
            new = [parent for parent in table.find(scope, "children", name) if parent.name not in found]
            found.update((parent.name, parent) for parent in new)
            pending += new
    return set(found)


def _by(what: str) -> str:
    return f"Actions suppressed by {what}"


class Composites:
    """Reconciles composite alarms."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._table = cloud.store.table(CompositeAlarm)

    def watch(self) -> None:
        """Wake those that name an alarm which changed."""
        self._cloud.store.table(MetricAlarm).watch(lambda scope, _, old, new: self._changed(scope, old, new))
        self._table.watch(lambda scope, _, old, new: self._changed(scope, old, new))

    def keys(self) -> list[tuple[Scope, str]]:
        """All of them."""
        return [(scope, alarm.name) for scope, alarm in self._table.everywhere()]

    def _changed(self, scope: Scope, old: Alarm | None, new: Alarm | None) -> None:
        alarm = new or old
        if alarm is None or (old is not None and new is not None and old.state.value == new.state.value):
            return
        for name in (alarm.name, alarm.arn):
            for index in ("children", "suppressor"):
                for other in self._table.find(scope, index, name):
                    self._cloud.enqueue(COMPOSITES, (scope, other.name))

    async def reconcile(self, key: tuple[Scope, str]) -> float | None:
        """Evaluate the rule, then see to actions that were held back."""
        scope, name = key
        alarm = self._table.get(scope, name)
        if alarm is None:
            return None
        if alarm.name in above(self._cloud, scope, alarm):
            # AWS takes alarms that depend on each other in a circle, and stops to evaluate them.
            return self._release(scope, alarm)

        def state_of(child: str) -> str | None:
            found = find(self._cloud, scope, child)
            return found.state.value if found is not None else None

        value = ALARM if _compiled(alarm.rule).holds(state_of) else OK
        if value != alarm.state.value:
            alarm = self._turn(scope, alarm, value)
        return self._release(scope, alarm)

    def _turn(self, scope: Scope, alarm: CompositeAlarm, value: str) -> CompositeAlarm:
        text, data = self._reason(scope, alarm, value)
        held = bool(alarm.suppressor) and alarm.actions_enabled
        if held:
            suppressor = find(self._cloud, scope, alarm.suppressor)
            at_once = suppressor is not None and suppressor.state.value == ALARM
            alarm = alarm.replace(
                pending_action=value,
                pending_from=alarm.state,
                suppressed_by="Alarm" if at_once else "WaitPeriod",
                suppressed_reason=_by(suppressor.name if suppressor is not None and at_once else "WaitPeriod"),
                suppressed_until=0.0 if at_once else self._cloud.clock.now() + alarm.wait_period,
            )
        changed = changes.change_state(self._cloud, scope, alarm, value, text, data, act=not held)
        assert isinstance(changed, CompositeAlarm)
        return changed

    def _reason(self, scope: Scope, alarm: CompositeAlarm, value: str) -> tuple[str, str]:
        """Why, and the same as data: the child that changed last; or all of them, when the alarm itself did."""
        children = [found for child in alarm.children if (found := find(self._cloud, scope, child)) is not None]
        last = max(children, key=lambda child: child.state.transitioned, default=None)
        if last is not None and alarm.state.value != INSUFFICIENT and last.state.transitioned >= alarm.configured:
            children = [last]
            text = f"{last.arn} transitioned to {last.state.value} at {reasons.spoken_time(last.state.transitioned)}"
        else:
            verb = "created" if alarm.state.value == INSUFFICIENT else "updated"
            text = f"{alarm.arn} was {verb} and its alarm rule evaluates to {value}"
        states = ((child.arn, child.state.value, child.state.transitioned) for child in children)
        return text, reasons.triggering(states)

    def _release(self, scope: Scope, alarm: CompositeAlarm) -> float | None:
        """Do what was held back, once neither the suppressor nor a period stands against it."""
        if not alarm.pending_action:
            return None
        now = self._cloud.clock.now()
        suppressor = find(self._cloud, scope, alarm.suppressor) if alarm.suppressor else None
        if suppressor is not None and suppressor.state.value == ALARM:
            if alarm.suppressed_by != "Alarm":
                reason = _by(suppressor.name)
                self._table.put(
                    scope, alarm.replace(suppressed_by="Alarm", suppressed_reason=reason, suppressed_until=0.0)
                )
            return None
        if alarm.suppressed_by == "Alarm":
            alarm = alarm.replace(
                suppressed_by="ExtensionPeriod",
                suppressed_reason=_by("ExtensionPeriod"),
                suppressed_until=now + alarm.extension_period,
            )
            self._table.put(scope, alarm)
        if now < alarm.suppressed_until:
            return alarm.suppressed_until - now
        done = alarm.replace(
            pending_action="", pending_from=None, suppressed_by="", suppressed_reason="", suppressed_until=0.0
        )
        with self._cloud.store.begin():
            self._table.put(scope, done)
            changes.make_due(self._cloud, scope, done, alarm.pending_from or alarm.state)
        return None
