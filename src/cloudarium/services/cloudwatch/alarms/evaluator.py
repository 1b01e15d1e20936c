"""Deciding an alarm's state; pure: points, configuration and the state so far in, a decision out.

CloudWatch looks at more points than the alarm's evaluation periods: the evaluation range. If it finds as many real
ones as there are evaluation periods, the newest of them decide and missing data does not matter. Otherwise the missing
ones are treated as the alarm says, and as few of them as possible count. Data treated as missing or ignored never
raises an alarm by itself, but a breaching point that is at least as old as the points it takes to alarm, with nothing
but breaching or missing points around, does.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cloudarium.services.cloudwatch.alarms.resources import ALARM, INSUFFICIENT, OK

EXTRA_PERIODS = 2
"""Periods of the evaluation range beyond the evaluation periods: AWS's examples have five for three."""

MISSING, IGNORE, BREACHING, NOT_BREACHING = "missing", "ignore", "breaching", "notBreaching"
TREATMENTS = (MISSING, IGNORE, BREACHING, NOT_BREACHING)

_COMPARE: Mapping[str, Callable[[float, float, float], bool]] = {
    "GreaterThanThreshold": lambda value, low, high: value > high,
    "GreaterThanOrEqualToThreshold": lambda value, low, high: value >= high,
    "LessThanThreshold": lambda value, low, high: value < low,
    "LessThanOrEqualToThreshold": lambda value, low, high: value <= low,
    "LessThanLowerOrGreaterThanUpperThreshold": lambda value, low, high: value < low or value > high,
    "LessThanLowerThreshold": lambda value, low, high: value < low,
    "GreaterThanUpperThreshold": lambda value, low, high: value > high,
}
COMPARISONS = tuple(_COMPARE)
BAND_COMPARISONS = COMPARISONS[4:]


class Slot(NamedTuple):
    """A period of the evaluation range: when it begins, and its value, None where there is none.

    ``low`` and ``high`` are the threshold there (the same but for a band); ``samples`` how many points made the value.
    """

    begin: float
    value: float | None
    samples: float = 1.0
    low: float = 0.0
    high: float = 0.0


class Rule(NamedTuple):
    """What the decision depends on: M out of N, how to compare, what missing data means."""

    comparison: str
    evaluation_periods: int
    datapoints_to_alarm: int
    treat_missing: str = MISSING


class Decision(NamedTuple):
    """A state, or None to keep the one there is, and what it was decided by (newest first)."""

    state: str | None
    evaluated: Sequence[Slot]
    breaching: int
    filled: int
    """Missing points that were treated as something."""


def breaches(slot: Slot, comparison: str) -> bool:
    """Whether a real point is beyond its threshold."""
    return slot.value is not None and _COMPARE[comparison](slot.value, slot.low, slot.high)


def evaluate(slots: Sequence[Slot], rule: Rule) -> Decision:
    """Decide by the slots of the evaluation range, oldest first."""
    newest_first = slots[::-1]
    real = [slot for slot in newest_first if slot.value is not None]
    wanted, needed = rule.evaluation_periods, rule.datapoints_to_alarm
    if len(real) >= wanted:
        used = real[:wanted]
        breaching = sum(breaches(slot, rule.comparison) for slot in used)
        return Decision(ALARM if breaching >= needed else OK, used, breaching, 0)
    breaching = sum(breaches(slot, rule.comparison) for slot in real)
    missing = wanted - len(real)
    shown = [*real, *[slot for slot in newest_first if slot.value is None][:missing]]
    if rule.treat_missing == BREACHING:
        return Decision(ALARM if breaching + missing >= needed else OK, shown, breaching, missing)
    if breaching >= needed:
        return Decision(ALARM, real, breaching, 0)
    if rule.treat_missing == NOT_BREACHING:
        return Decision(OK, shown, breaching, missing)
    if breaching < len(real):
        return Decision(OK, real, breaching, 0)
    if rule.treat_missing == IGNORE:
        return Decision(None, shown, breaching, missing)
    if real and len(newest_first) - _place(slots, rule.comparison) >= needed:
        return Decision(ALARM, real, breaching, 0)
    return Decision(INSUFFICIENT, shown, breaching, missing)


def _place(slots: Sequence[Slot], comparison: str) -> int:
    """How many slots are older than the oldest breaching one."""
    return next((place for place, slot in enumerate(slots) if breaches(slot, comparison)), len(slots))


def enough_samples(percentile: float, samples: float) -> bool:
    """Whether so many samples are significant for a percentile (0 to 100).

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
    """
    share = percentile / 100
    distance = 1 - share if share >= 0.5 else share
    return samples >= (10 / distance if distance > 0 else math.inf)
