"""Metric filters: numbers made of events as they come in.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html
A default value is reported for each minute in which events came and none matched, once that minute is over.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from cloudarium.kernel.clock import Timer
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.metrics import Bucket, MetricKey
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.patterns import Pattern, compiled
from cloudarium.services.logs.patterns.values import number
from cloudarium.services.logs.resources import LogGroup, MetricFilter
from cloudarium.services.logs.storage.batch import Batch

_MOST_SERIES = 1_000
"""Dimension values of one filter and batch that become series of their own."""


class MetricFilters:
    """All metric filters of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._table = cloud.store.table(MetricFilter)
        self._hooks: dict[tuple[Scope, str], list[_Hook]] = {}
        self._minutes: dict[tuple[Scope, str], bool] = {}
        """Filters with a default value whose group had events in this minute: whether any matched."""
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Watch for changes."""
        self._table.watch(self._changed)

    def close(self) -> None:
        """Stop."""
        if self._timer is not None:
            self._timer.cancel()

    def _changed(self, scope: Scope, key: str, old: MetricFilter | None, new: MetricFilter | None) -> None:
        self._hooks.pop((scope, key.partition("/")[0]), None)

    def forget_group(self, scope: Scope, uid: str) -> None:
        """Delete the filters of a group."""
        for each in self._table.find(scope, "group", uid):
            self._table.delete(scope, each.key)

    def wanted(self, scope: Scope, uid: str) -> bool:
        """Whether a group has filters."""
        return bool(self._of(scope, uid))

    def _of(self, scope: Scope, uid: str) -> list[_Hook]:
        hooks = self._hooks.get((scope, uid))
        if hooks is None:
            if len(self._hooks) > 10_000:
                self._hooks.clear()
            found = self._table.find(scope, "group", uid)
            hooks = self._hooks[scope, uid] = [_Hook(each) for each in found]
        return hooks

    def see(self, scope: Scope, group: LogGroup, stream_name: str, batch: Batch) -> None:
        """Events came in."""
        system = _system(scope)
        for hook in self._of(scope, group.uid):
            chosen = hook.pattern.select(batch)
            for second, key, bucket in hook.points(batch, chosen, system):
                self._cloud.metrics.merge(scope, key, hook.unit, bucket, second)
            if hook.filter.transformation.default is not None:
                self._note(scope, hook.filter.key, bool(chosen))

    def _note(self, scope: Scope, key: str, matched: bool) -> None:
        self._minutes[scope, key] = self._minutes.get((scope, key), False) or matched
        if self._timer is None:
            now = self._cloud.clock.now()
            self._timer = self._cloud.clock.call_at(now - now % 60 + 60, self._minute_over)

    def _minute_over(self) -> None:
        self._timer = None
        seen, self._minutes = self._minutes, {}
        # The point belongs to the minute that has just ended.
        at = self._cloud.clock.now() - 1
        for (scope, key), matched in seen.items():
            found = self._table.get(scope, key)
            if matched or found is None or (default := found.transformation.default) is None:
                continue
            made = found.transformation
            system = _system(scope)
            fixed = {name: system[name] for name in found.system_dimensions}
            self._cloud.metrics.record(scope, made.namespace, made.name, fixed, default, made.unit, at=at)


class _Hook:
    """One filter, compiled."""

    def __init__(self, made: MetricFilter) -> None:
        self.filter = made
        self.pattern: Pattern = compiled(made.pattern)
        self.unit = made.transformation.unit
        self._constant = _number(made.transformation.value)
        self._plain = MetricKey(made.transformation.namespace, made.transformation.name, ())

    def points(
        self, batch: Batch, chosen: Sequence[int], system: dict[str, str]
    ) -> list[tuple[float, MetricKey, Bucket]]:
        """Buckets by second of the events' own time."""
        made = self.filter.transformation
        buckets: dict[tuple[int, MetricKey], Bucket] = defaultdict(Bucket)
        fixed = [(name, system[name]) for name in self.filter.system_dimensions if name in system]
        for index in chosen:
            value, key = self._constant, self._plain
            if value is None or made.dimensions:
                fields = _Fields(self.pattern, batch.message(index))
                if value is None and (value := _number(fields.get(made.value))) is None:
                    # AWS publishes nothing for an event whose field is not a number.
                    continue
                dimensions = [(name, fields.get(field)) for name, field in made.dimensions.items()]
                if any(not text for _, text in dimensions):
                    continue
                key = MetricKey(made.namespace, made.name, tuple(sorted([*fixed, *dimensions])))
            elif fixed:
                key = MetricKey(made.namespace, made.name, tuple(sorted(fixed)))
            if len(buckets) < _MOST_SERIES or (batch.times[index] // 1000, key) in buckets:
                buckets[batch.times[index] // 1000, key].add(value)
        return [(float(second), key, bucket) for (second, key), bucket in buckets.items()]


class _Fields:
    """The fields of one message, each looked up when needed."""

    def __init__(self, pattern: Pattern, message: bytes) -> None:
        self._pattern = pattern
        self._message = message

    def get(self, name: str) -> str:
        return (self._pattern.value(self._message, name) or "")[:1024]


def _system(scope: Scope) -> dict[str, str]:
    """Dimensions that every event of a group has."""
    return {"@aws.account": scope.account, "@aws.region": scope.region}


def _number(text: str) -> float | None:
    value = number(text)
    return value if value is not None and math.isfinite(value) else None
