"""Moving buckets from memory into blocks, in every tier that CloudWatch keeps."""

from __future__ import annotations

from cloudarium.kernel.metrics.archive import Block, Points
from cloudarium.kernel.metrics.buckets import Bucket
from cloudarium.kernel.metrics.series import Series

_DAY = 86_400
TIERS = ((1, 3 * 3_600), (60, 15 * _DAY), (300, 63 * _DAY), (3_600, 455 * _DAY))
"""Seconds per bucket, and seconds for which such buckets are kept."""
BLOCK = {1: 600, 60: 3_600, 300: _DAY, 3_600: 30 * _DAY}
"""By tier, the seconds that a block spans at most; a multiple of the tier."""

MINUTE, SECOND, BOTH = 1, 2, 3
"""Which tiers points belong to."""


def add(series: Series, second: int, tiers: int, bucket: Bucket) -> None:
    """Add points that came in to what is in memory."""
    if second > series.last:
        series.last = second
    if tiers & MINUTE:
        if series.minutes is None:
            series.minutes = {}
        into(series.minutes, second - second % 60, bucket)
    if tiers & SECOND:
        if series.seconds is None:
            series.seconds = {}
        into(series.seconds, second, bucket)


def into(buckets: dict[int, Bucket], start: int, bucket: Bucket) -> None:
    """Add points to the bucket that begins at ``start``."""
    there = buckets.get(start)
    if there is None:
        there = buckets[start] = Bucket()
    there.merge(bucket)


def tier_for(period: int, start: float) -> int:
    """The coarsest tier that is fine enough for a period: reading it is the least work, and it is kept the longest."""
    return max((tier for tier, _ in TIERS if period % tier == 0 and int(start) % tier == 0), default=1)


def blocks(series: Series, before: int) -> list[Block]:
    """What is older than ``before``, as blocks of every tier."""
    by_tier: dict[int, dict[int, Bucket]] = {tier: {} for tier, _ in TIERS}
    for start, bucket in (series.minutes or {}).items():
        if start < before:
            for tier in (60, 300, 3_600):
                into(by_tier[tier], start - start % tier, bucket)
    by_tier[1] = {start: bucket for start, bucket in (series.seconds or {}).items() if start < before}
    found: list[Block] = []
    for tier, buckets in by_tier.items():
        groups: dict[int, list[tuple[int, Bucket]]] = {}
        for start, bucket in sorted(buckets.items()):
            groups.setdefault(start - start % BLOCK[tier], []).append((start, bucket))
        found += [(series.id, tier, block, group) for block, group in groups.items()]
    return found


def kept(series: Series, before: int) -> Points:
    """What stays in memory, in a form that adding again gives the same."""
    points: Points = [(series.id, at, MINUTE, each) for at, each in (series.minutes or {}).items() if at >= before]
    points += [(series.id, at, SECOND, each) for at, each in (series.seconds or {}).items() if at >= before]
    return points


def drop(series: Series, before: int) -> None:
    """Take what is older than ``before`` out of memory."""
    if series.minutes is not None:
        old = [start for start in series.minutes if start < before]
        if old:
            series.rolled = max(series.rolled, max(old) + 60)
        series.minutes = {at: each for at, each in series.minutes.items() if at >= before} or None
    if series.seconds is not None:
        series.seconds = {at: each for at, each in series.seconds.items() if at >= before} or None
