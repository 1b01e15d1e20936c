"""Statistics: their names, and their values over a bucket.

A bucket keeps the values it has seen and how often, rounded once there are many different ones. Every statistic about
ranks is a question to that distribution; its answer is as exact as the rounding. Where a statistic set took the
distribution away there is no answer.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from cloudarium.kernel.metrics import Bucket

Statistic = Callable[[Bucket], float | None]
"""A bucket's value of one statistic; None when it has none (no value within the bounds)."""

Weighted = list[tuple[float, float]]
"""Values in ascending order and how often each occurred."""

_SHORT = re.compile(r"(p|tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)")
_NUMBER = r"-?\d+(?:\.\d{1,10})?"
_RANGE = re.compile(rf"(TM|WM|TC|TS|PR)\(\s*({_NUMBER}%?)?\s*:\s*({_NUMBER}%?)?\s*\)")


class Bounds(NamedTuple):
    """From where to where: as shares of the count (0 to 1), or as values."""

    low: float
    high: float
    by_share: bool


@lru_cache(maxsize=1024)
def statistic(name: str) -> Statistic | None:
    """The statistic with this name (``Sum``, ``p99.9``, ``TM(10%:90%)`` …), or None when there is no such."""
    if name in _PLAIN:
        return _PLAIN[name]
    if name == "IQM":
        return _over("TM", Bounds(0.25, 0.75, True))
    if (short := _SHORT.fullmatch(name)) is not None:
        share = float(short.group(2)) / 100
        if short.group(1) == "p":
            return lambda bucket: percentile(bucket, share)
        return _over(short.group(1).upper(), Bounds(0.0, share, True))
    if (ranged := _RANGE.fullmatch(name)) is not None:
        bounds = _bounds(ranged.group(2), ranged.group(3), only_values=ranged.group(1) == "PR")
        return _over(ranged.group(1), bounds) if bounds is not None else None
    return None


def percentile(bucket: Bucket, share: float) -> float | None:
    """The smallest value that at least ``share`` (0 to 1) of all values do not exceed."""
    if bucket.minimum < 0:
        # Documented: no percentiles where any value is negative.
        return None
    values = _distribution(bucket)
    wanted = share * sum(count for _, count in values)
    passed = 0.0
    for value, count in values:
        passed += count
        if passed >= wanted - 1e-9:
            return value
    return values[-1][0] if values else None


def _distribution(bucket: Bucket) -> Weighted:
    """The distribution, its rounded values kept between the true minimum and maximum."""
    low, high = bucket.minimum, bucket.maximum
    return sorted((min(max(value, low), high), count) for value, count in bucket.distribution().items())


def _bounds(low: str | None, high: str | None, *, only_values: bool) -> Bounds | None:
    if low is None and high is None:
        return None
    percents = {text.endswith("%") for text in (low, high) if text is not None}
    if len(percents) != 1 or (only_values and percents == {True}):
        return None
    by_share = percents == {True}
    scale = 0.01 if by_share else 1.0
    first = float(low.rstrip("%")) * scale if low is not None else (0.0 if by_share else -math.inf)
    last = float(high.rstrip("%")) * scale if high is not None else (1.0 if by_share else math.inf)
    if first >= last or (by_share and not 0 <= first < last <= 1):
        return None
    return Bounds(first, last, by_share)


def _within(values: Weighted, bounds: Bounds) -> Weighted:
    """What lies within: above the lower value and up to the upper one; or between two ranks, counts divided there."""
    if not bounds.by_share:
        return [(value, count) for value, count in values if bounds.low < value <= bounds.high]
    total = sum(count for _, count in values)
    first, last = bounds.low * total, bounds.high * total
    inside, passed = [], 0.0
    for value, count in values:
        share = min(passed + count, last) - max(passed, first)
        if share > 1e-12:
            inside.append((value, share))
        passed += count
    return inside


def _over(kind: str, bounds: Bounds) -> Statistic:
    def compute(bucket: Bucket) -> float | None:
        values = _distribution(bucket)
        if not values:
            return None
        inside = _within(values, bounds)
        count = sum(weight for _, weight in inside)
        total = sum(value * weight for value, weight in inside)
        if kind == "TC":
            return count
        if kind == "TS":
            return total
        whole = sum(weight for _, weight in values)
        if kind == "PR":
            return 100.0 * count / whole if whole else None
        if not inside:
            return None
        if kind == "TM":
            return total / count
        return (total + _winsorized(values, inside, bounds)) / whole

    return compute


def _winsorized(values: Weighted, inside: Weighted, bounds: Bounds) -> float:
    """What is outside, counted with the value at the boundary it lies beyond."""
    whole = sum(weight for _, weight in values)
    if bounds.by_share:
        below, above = bounds.low * whole, (1 - bounds.high) * whole
        return inside[0][0] * below + inside[-1][0] * above
    below = sum(weight for value, weight in values if value <= bounds.low)
    above = sum(weight for value, weight in values if value > bounds.high)
    return (bounds.low * below if below else 0.0) + (bounds.high * above if above else 0.0)


_PLAIN: dict[str, Statistic] = {
    "SampleCount": lambda bucket: bucket.count,
    "Sum": lambda bucket: bucket.total,
    "Average": lambda bucket: bucket.total / bucket.count if bucket.count else None,
    "Minimum": lambda bucket: bucket.minimum if bucket.count else None,
    "Maximum": lambda bucket: bucket.maximum if bucket.count else None,
}
