"""Time in CloudWatch: which periods there are, and where requests begin.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
"""

from __future__ import annotations

_DAY = 86_400
FINE_PERIODS = (1, 5, 10, 20, 30)
MAX_PERIOD = 30 * _DAY
"""The longest that CloudWatch's console offers; alarms may have a week."""


def is_period(period: int) -> bool:
    """Whether CloudWatch knows the period (seconds): 1, 5, 10, 20, 30, or a multiple of a minute."""
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
