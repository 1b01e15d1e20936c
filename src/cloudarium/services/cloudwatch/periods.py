"""Time in CloudWatch: where requests begin, and which buckets make a data point.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
"""

from __future__ import annotations

from collections.abc import Iterator

from cloudarium.kernel.metrics import Bucket, Series

_DAY = 86_400
FINE_PERIODS = (1, 5, 10, 20, 30)
MAX_PERIOD = _DAY


def is_period(period: int) -> bool:
    """Whether CloudWatch knows the period (seconds): 1, 5, 10, 20, 30, or a multiple of a minute up to a day."""
    return period in FINE_PERIODS or (period > 0 and period % 60 == 0 and period <= MAX_PERIOD)


def rounded_start(start: float, period: int, now: float) -> int:
    """Where a request that asks from ``start`` begins (cloud seconds).

    Down to the period's division of a minute for periods below a minute; else to the whole minute, five minutes or
    hour, by how long ago it is.
    """
    if period < 60:
        step = period
    else:
        age = now - start
        step = 60 if age < 15 * _DAY else 300 if age < 63 * _DAY else 3_600
    return int(start // step * step)


def points(series: Series, start: int, end: float, period: int) -> Iterator[tuple[int, Bucket]]:
    """The data points of a series that begin in ``[start, end)``, oldest first: where each begins, and its bucket.

    Periods below a minute are answered from seconds, which are kept for three hours.
    """
    source, step = (series.seconds, 1) if period < 60 else (series.minutes, 60)
    length = max(0, int((end - start) // step) + 1)
    within = (
        sorted(begin for begin in source if start <= begin < end)
        if len(source) < length
        else [begin for begin in range(start, int(-(-end // 1)), step) if begin < end and begin in source]
    )
    at, merged = -1, Bucket()
    for begin in within:
        point = start + (begin - start) // period * period
        if point != at:
            if at >= 0:
                yield at, merged
            at, merged = point, Bucket()
        merged.merge(source[begin])
    if at >= 0:
        yield at, merged
