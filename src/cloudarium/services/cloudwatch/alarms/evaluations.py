"""When alarms are evaluated, and what they look at.

Once a minute, a few seconds in, when the minute's metrics have come: every alarm, some at a time. Alarms of high
resolution every ten seconds. A period is looked at once it is over; periods of more than a minute slide by minutes.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence

from cloudarium.kernel.clock import Timer
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.metrics import MetricKey
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.alarms import changes, reasons
from cloudarium.services.cloudwatch.alarms.evaluator import (
    EXTRA_PERIODS,
    MISSING,
    Decision,
    Rule,
    Slot,
    enough_samples,
    evaluate,
)
from cloudarium.services.cloudwatch.alarms.resources import INSUFFICIENT, MetricAlarm
from cloudarium.services.cloudwatch.statistics import statistic

log = logging.getLogger(__name__)

_MINUTE = 60
_FINE = 10
_DELAY = 5.0
"""Cloud seconds after a minute's end: data planes hand over their counters at the end itself."""
_AT_ONCE = 200
_PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)")
_OURS = ("Threshold Crossed", "Insufficient Data")
_AUTO_SCALING = "arn:aws:autoscaling:"


class Evaluations:
    """The clockwork of metric alarms."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._alarms = cloud.store.table(MetricAlarm)
        self._timers: dict[int, Timer] = {}

    def start(self) -> None:
        """Begin to tick."""
        for step in (_MINUTE, _FINE):
            self._arm(step)

    async def stop(self) -> None:
        """Tick no more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _arm(self, step: int) -> None:
        now = self._cloud.clock.now()
        delay = _DELAY if step == _MINUTE else 1.0
        due = (now - delay) // step * step + step + delay
        self._timers[step] = self._cloud.clock.call_at(due, self._tick, step)

    def _tick(self, step: int) -> None:
        self._arm(step)
        due = [
            (scope, alarm.name)
            for scope, alarm in self._alarms.everywhere()
            if (alarm.period < _MINUTE) == (step == _FINE)
        ]
        if due:
            self._cloud.clock.spawn(self._evaluate(due), f"alarms every {step} s")

    async def _evaluate(self, due: Sequence[tuple[Scope, str]]) -> None:
        for number, (scope, name) in enumerate(due, 1):
            # Read anew: it may have been changed or deleted since the tick.
            alarm = self._alarms.get(scope, name)
            if alarm is not None:
                try:
                    self.evaluate(scope, alarm)
                except Exception:
                    log.exception("alarm %s could not be evaluated", name)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def evaluate(self, scope: Scope, alarm: MetricAlarm) -> None:
        """Decide one alarm's state, and act on a change."""
        wanted, needed = alarm.evaluation_periods, alarm.datapoints_to_alarm or alarm.evaluation_periods
        rule = Rule(alarm.comparison, wanted, needed, alarm.treat_missing or MISSING)
        try:
            slots, partial = (
                self._from_queries(scope, alarm) if alarm.queries else (self._from_metric(scope, alarm), False)
            )
        except AwsError as error:
            alarm = self._mark(scope, alarm, "EVALUATION_ERROR")
            self._settle(scope, alarm, INSUFFICIENT, f"Insufficient Data: {error.message}", "")
            return
        if slots is None:
            return
        alarm = self._mark(scope, alarm, "PARTIAL_DATA" if partial else "")
        decision = evaluate(slots, rule)
        if decision.state is None:
            return
        if decision.state == alarm.state.value and alarm.state.reason.startswith(_OURS):
            if changes.actions_of(alarm, decision.state):
                # Scaling is asked for as long as the state lasts.
                changes.make_due(self._cloud, scope, alarm, alarm.state, only=_AUTO_SCALING)
            return
        text = reasons.reason(decision, rule, alarm.state.value, alarm.threshold)
        self._settle(scope, alarm, decision.state, text, self._data(alarm, decision))

    def _mark(self, scope: Scope, alarm: MetricAlarm, evaluation_state: str) -> MetricAlarm:
        """Note how evaluating it went."""
        if alarm.evaluation_state == evaluation_state:
            return alarm
        marked = alarm.replace(evaluation_state=evaluation_state)
        self._alarms.put(scope, marked)
        return marked

    def _settle(self, scope: Scope, alarm: MetricAlarm, state: str, text: str, data: str) -> None:
        if (state, text) != (alarm.state.value, alarm.state.reason):
            changes.change_state(self._cloud, scope, alarm, state, text, data)

    def _data(self, alarm: MetricAlarm, decision: Decision) -> str:
        return reasons.reason_data(
            decision,
            now=self._cloud.clock.now(),
            statistic=alarm.statistic,
            period=alarm.period,
            unit=alarm.unit,
            threshold=alarm.threshold,
        )

    # -- what is looked at -----------------------------------------------------------------------------------------

    def _range(self, alarm: MetricAlarm) -> list[int]:
        """Where the periods of the evaluation range begin, oldest first."""
        step = min(alarm.period, _MINUTE)
        end = int(self._cloud.clock.now() // step * step)
        count = alarm.evaluation_periods + EXTRA_PERIODS
        return [end - alarm.period * place for place in range(count, 0, -1)]

    def _from_metric(self, scope: Scope, alarm: MetricAlarm) -> list[Slot] | None:
        """The metric's points; None when they are too few for the percentile asked for."""
        begins = self._range(alarm)
        key = MetricKey(alarm.namespace, alarm.metric_name, alarm.dimensions)
        found = self._cloud.metrics.read(
            scope, key, begins[0], begins[-1] + alarm.period, alarm.period, alarm.unit or None
        )
        compute = statistic(alarm.statistic)
        assert compute is not None
        buckets = {begin: bucket for begin, _, bucket in found}
        percentile = _PERCENTILE.fullmatch(alarm.statistic)
        if alarm.low_samples == "ignore" and percentile is not None:
            samples = sum(buckets[b].count for b in begins[EXTRA_PERIODS:] if b in buckets)
            if samples and not enough_samples(float(percentile[1]), samples):
                return None
        threshold = alarm.threshold or 0.0
        slots = []
        for begin in begins:
            bucket = buckets.get(begin)
            value = compute(bucket) if bucket is not None else None
            slots.append(Slot(begin, value, bucket.count if bucket is not None else 0.0, threshold, threshold))
        return slots

    def _from_queries(self, scope: Scope, alarm: MetricAlarm) -> tuple[list[Slot], bool]:
        """The points of the query that returns data, against the threshold or the band's; and whether some are missing.

        They are when a Metrics Insights query matched more than it may look at.
        """
        from cloudarium.services.cloudwatch.data.engine import run

        begins = self._range(alarm)
        end, now = begins[-1] + alarm.period, self._cloud.clock.now()
        found = run(self._cloud, scope, alarm.queries, begins[0], end, now=now)
        series, partial = found.series, bool(found.messages)
        band = [each for each in series if each.id == alarm.threshold_metric_id] if alarm.threshold_metric_id else []
        watched = next((each for each in series if each.id != alarm.threshold_metric_id), None)
        values = dict(zip(watched.timestamps, watched.values, strict=True)) if watched is not None else {}
        if not alarm.threshold_metric_id:
            threshold = alarm.threshold or 0.0
            return [Slot(begin, values.get(begin), 1.0, threshold, threshold) for begin in begins], partial
        bounds = [dict(zip(each.timestamps, each.values, strict=True)) for each in band]
        slots = []
        for begin in begins:
            here = sorted(each[begin] for each in bounds if begin in each)
            # Without a band there is nothing to compare with: the point counts as missing.
            value = values.get(begin) if here else None
            slots.append(Slot(begin, value, 1.0, here[0] if here else 0.0, here[-1] if here else 0.0))
        return slots, partial
