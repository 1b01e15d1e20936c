"""Metric points that the cloud's own data planes publish, in one-minute and one-second buckets.

A bucket keeps sum, count, minimum, maximum and the distribution of values (rounded to three significant digits), from
which every CloudWatch statistic including percentiles can be answered. Buckets add up, so data planes may report
partial counts as often as they like. Minute buckets are written through to the store; second buckets are kept in
memory for three hours, as CloudWatch keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from cloudarium.kernel.clock import Clock, Timer
from cloudarium.kernel.store import Record, Scope, Store

MINUTE_RETENTION = 15 * 86_400
SECOND_RETENTION = 3 * 3_600
_WRITE_EVERY = 60.0
_MAX_DISTINCT = 1_000
"""Distinct values a bucket keeps; beyond it further values only count in sum, count, minimum and maximum."""

Dimensions = tuple[tuple[str, str], ...]


class MetricKey(NamedTuple):
    """What AWS identifies a metric by, within an account and region. ``dimensions`` are sorted by name."""

    namespace: str
    name: str
    dimensions: Dimensions


class Bucket(msgspec.Struct):
    """The points of one metric in one interval."""

    total: float = 0.0
    count: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    values: dict[float, float] = {}

    def add(self, value: float, count: float = 1.0) -> None:
        """Add ``count`` points of one value."""
        self.total += value * count
        self.count += count
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        rounded = float(f"{value:.3g}")
        if rounded in self.values or len(self.values) < _MAX_DISTINCT:
            self.values[rounded] = self.values.get(rounded, 0.0) + count

    def merge(self, other: Bucket) -> None:
        """Add all points of another bucket."""
        self.total += other.total
        self.count += other.count
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        for value, count in other.values.items():
            if value in self.values or len(self.values) < _MAX_DISTINCT:
                self.values[value] = self.values.get(value, 0.0) + count


class Series:
    """One metric's buckets: start of interval (cloud seconds) to bucket."""

    __slots__ = ("dirty", "minutes", "seconds", "unit")

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.minutes: dict[int, Bucket] = {}
        self.seconds: dict[int, Bucket] = {}
        self.dirty: set[int] = set()


class MetricHour(Record, frozen=True, kw_only=True):
    """Up to sixty minute buckets of one metric, as stored."""

    TABLE = "kernel.metrics"
    KEY = "id"

    id: str
    metric: tuple[str, str, Dimensions]
    unit: str
    minutes: dict[int, Bucket]


class Metrics:
    """Where data planes record points and where CloudWatch reads them."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._clock = clock
        self._hours = store.table(MetricHour)
        self._series: dict[Scope, dict[MetricKey, Series]] = {}
        self._timer: Timer | None = None
        for scope, hour in self._hours.everywhere():
            key = MetricKey(*hour.metric)
            series = self._series.setdefault(scope, {}).setdefault(key, Series(hour.unit))
            series.minutes.update(hour.minutes)

    def record(
        self,
        scope: Scope,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str = "None",
        *,
        count: float = 1.0,
        at: float | None = None,
    ) -> None:
        """Record ``count`` points of ``value`` at cloud time ``at`` (now when None)."""
        bucket = Bucket()
        bucket.add(value, count)
        self.merge(scope, MetricKey(namespace, name, tuple(sorted(dimensions.items()))), unit, bucket, at)

    def merge(self, scope: Scope, key: MetricKey, unit: str, bucket: Bucket, at: float | None = None) -> None:
        """Add a bucket of points that all belong to the second of ``at``."""
        second = int(self._clock.now() if at is None else at)
        series = self._series.setdefault(scope, {}).get(key)
        if series is None:
            series = self._series[scope][key] = Series(unit)
        minute = second - second % 60
        series.minutes.setdefault(minute, Bucket()).merge(bucket)
        series.seconds.setdefault(second, Bucket()).merge(bucket)
        series.dirty.add(minute)
        if self._timer is None:
            self._timer = self._clock.call_later(_WRITE_EVERY, self._tick)

    def series(self, scope: Scope, key: MetricKey) -> Series | None:
        """The buckets of one metric, or None when it never had a point."""
        return self._series.get(scope, {}).get(key)

    def list(self, scope: Scope) -> Iterator[tuple[MetricKey, Series]]:
        """Every metric of an account and region."""
        return iter(list(self._series.get(scope, {}).items()))

    def write(self) -> None:
        """Write changed minute buckets to the store."""
        for scope, all_series in self._series.items():
            for key, series in all_series.items():
                for hour in {minute - minute % 3600 for minute in series.dirty}:
                    self._put_hour(scope, key, series, hour)
                series.dirty.clear()

    def forget(self) -> None:
        """Drop every point: the store has been reset."""
        self._series.clear()

    def _put_hour(self, scope: Scope, key: MetricKey, series: Series, hour: int) -> None:
        minutes = {m: series.minutes[m] for m in _minutes_of(hour) if m in series.minutes}
        identity = f"{hour}|{key.namespace}|{key.name}|" + ",".join(f"{n}={v}" for n, v in key.dimensions)
        metric = (key.namespace, key.name, key.dimensions)
        self._hours.put(scope, MetricHour(id=identity, metric=metric, unit=series.unit, minutes=minutes))

    def _tick(self) -> None:
        self._timer = None
        self.write()
        self._expire()
        if self._series:
            self._timer = self._clock.call_later(_WRITE_EVERY, self._tick)

    def _expire(self) -> None:
        now = self._clock.now()
        for all_series in self._series.values():
            for key, series in list(all_series.items()):
                _drop_before(series.seconds, now - SECOND_RETENTION)
                _drop_before(series.minutes, now - MINUTE_RETENTION)
                if not series.minutes:
                    del all_series[key]
        for scope, hour in self._hours.everywhere():
            if int(hour.id.partition("|")[0]) + 3600 < now - MINUTE_RETENTION:
                self._hours.delete(scope, hour.id)


def _minutes_of(hour: int) -> Iterable[int]:
    return range(hour, hour + 3600, 60)


def _drop_before(buckets: dict[int, Bucket], oldest: float) -> None:
    for start in list(buckets):
        if start >= oldest:
            break
        del buckets[start]
