"""A model of a metric: trend, time of day, time of week, minute of the hour; and how far values stray from that.

Each part is the median of what the parts before it leave over, so that single outliers do not bend it. The spread is
robust as well, by hour of the day, drawn towards that of all hours where an hour has seen little. The trend is the
median slope between the days' medians. Parts need a past to show: the time of day two days, the time of week ten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import combinations
from statistics import median

import msgspec

_DAY = 86_400
_QUARTERS, _HOURS, _WEEK, _MINUTES = 96, 24, 168, 12
LEAST_POINTS = 12
_FULL_DAYS, _FULL_WEEKS, _TREND_DAYS = 2 * _DAY, 10 * _DAY, 3
_MAD = 1.4826
"""From a median deviation to a standard deviation, for values spread normally."""
_LIKE_ALL = 24.0
"""As many points of all hours count for the spread of one."""
_LEAST_SPREAD = 0.005
"""Of the usual size of values: a metric that never moved is not expected to be that exact for ever."""
_SPIKES = 288


class Model(msgspec.Struct, frozen=True):
    """What was learned. Parts without enough past are empty. ``spikes``: the largest deviations by time of day."""

    origin: float
    level: float
    slope: float
    day: tuple[float, ...]
    week: tuple[float, ...]
    minute: tuple[float, ...]
    spread: tuple[float, ...]
    low: float
    high: float
    spikes: tuple[float, ...] = ()

    def expected(self, at: float, local: datetime) -> float:
        """The value that is likeliest at a time (seconds, and the same in the metric's time zone)."""
        value = self.level + self.slope * (at - self.origin)
        quarter, week, minute = _slots(local)
        if self.day:
            value += self.day[quarter]
        if self.week:
            value += self.week[week]
        if self.minute:
            value += self.minute[minute]
        return value

    def band(self, at: float, zone: tzinfo, width: float) -> tuple[float, float]:
        """The lower and upper bound of what is normal, ``width`` standard deviations from what is likeliest."""
        local = datetime.fromtimestamp(at, zone)
        middle = self.expected(at, local)
        reach = width * self.spread[local.hour if len(self.spread) > 1 else 0]
        spike = self.spikes[_five_minutes(local)] if self.spikes else 0.0
        lower, upper = middle - max(reach, -spike), middle + max(reach, spike)
        return min(max(lower, self.low), self.high), max(min(upper, self.high), self.low)


def _slots(local: datetime) -> tuple[int, int, int]:
    return (
        local.hour * 4 + local.minute // 15,
        local.weekday() * 24 + local.hour,
        local.minute // 5,
    )


def _five_minutes(local: datetime) -> int:
    return local.hour * 12 + local.minute // 5


def train(
    points: Sequence[tuple[int, float]], zone: tzinfo, *, spikes: bool = False, ceiling: float = math.inf
) -> Model | None:
    """Learn from points in order of time; None when they are too few. ``ceiling`` bounds values by their nature."""
    if len(points) < LEAST_POINTS:
        return None
    times = [at for at, _ in points]
    values = [value for _, value in points]
    locals_ = [datetime.fromtimestamp(at, zone) for at in times]
    slots = [_slots(local) for local in locals_]
    past = times[-1] - times[0]
    origin = float(times[0])
    slope = _slope(points)
    rest = [value - slope * (at - origin) for at, value in points]
    level = median(rest)
    rest = [value - level for value in rest]
    day: tuple[float, ...] = ()
    week: tuple[float, ...] = ()
    if past >= _FULL_DAYS:
        day, rest = _part(rest, [slot[0] for slot in slots], _QUARTERS)
    if past >= _FULL_WEEKS:
        week, rest = _part(rest, [slot[1] for slot in slots], _WEEK)
    minute: tuple[float, ...] = ()
    if past >= _FULL_DAYS:
        minute, rest = _part(rest, [slot[2] for slot in slots], _MINUTES)
    return Model(
        origin=origin,
        level=level,
        slope=slope,
        day=day,
        week=week,
        minute=minute,
        spread=_spreads(rest, [local.hour for local in locals_], values, hourly=past >= _FULL_DAYS),
        low=0.0 if min(values) >= 0 else -math.inf,
        high=ceiling if max(values) <= ceiling else math.inf,
        spikes=_spikes(rest, locals_) if spikes else (),
    )


def _slope(points: Sequence[tuple[int, float]]) -> float:
    """Value per second, from the medians of whole days."""
    days: dict[int, list[float]] = {}
    for at, value in points:
        days.setdefault((at - points[0][0]) // _DAY, []).append(value)
    most = max(len(values) for values in days.values())
    medians = [(day, median(values)) for day, values in days.items() if len(values) * 2 >= most]
    if len(medians) < _TREND_DAYS:
        return 0.0
    return median((b - a) / ((j - i) * _DAY) for (i, a), (j, b) in combinations(medians, 2))


def _part(rest: Sequence[float], slots: Sequence[int], count: int) -> tuple[tuple[float, ...], list[float]]:
    """The median by slot, and what it leaves over."""
    found: list[list[float]] = [[] for _ in range(count)]
    for value, slot in zip(rest, slots, strict=True):
        found[slot].append(value)
    part = tuple(median(values) if values else 0.0 for values in found)
    return part, [value - part[slot] for value, slot in zip(rest, slots, strict=True)]


def _spreads(
    rest: Sequence[float], hours: Sequence[int], values: Sequence[float], *, hourly: bool
) -> tuple[float, ...]:
    least = max(_LEAST_SPREAD * median(abs(value) for value in values), 1e-9)
    overall = max(_spread(rest), least)
    if not hourly:
        return (overall,)
    by_hour: list[list[float]] = [[] for _ in range(_HOURS)]
    for value, hour in zip(rest, hours, strict=True):
        by_hour[hour].append(value)
    spreads = []
    for found in by_hour:
        own = _spread(found) if found else 0.0
        count = len(found)
        square = (count * own * own + _LIKE_ALL * overall * overall) / (count + _LIKE_ALL)
        spreads.append(max(math.sqrt(square), least))
    return tuple(spreads)


def _spread(rest: Sequence[float]) -> float:
    """A standard deviation that single outliers do not move."""
    sizes = sorted(abs(value) for value in rest)
    usual = sizes[: max(1, math.ceil(len(sizes) * 0.98))]
    # Where most values are the very same, the median deviation is 0 and says nothing of the others.
    return max(_MAD * median(sizes), 0.5 * math.sqrt(math.fsum(size * size for size in usual) / len(usual)))


def _spikes(rest: Sequence[float], locals_: Sequence[datetime]) -> tuple[float, ...]:
    found = [0.0] * _SPIKES
    for value, local in zip(rest, locals_, strict=True):
        slot = _five_minutes(local)
        if abs(value) > abs(found[slot]):
            found[slot] = value
    return tuple(found)
