"""Counters into measurements: what happened between two readings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_STATES = ("active", "guest", "guest_nice", "idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
_TOTAL = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def usage(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, float]:
    """Shares of a processor's time between two readings, in per cent; none when no time passed or it went back."""
    total = sum(after[state] - before[state] for state in _TOTAL)
    if total <= 0:
        return {}
    shares = {state: 100.0 * (after[state] - before[state]) / total for state in _STATES}
    return {state: min(max(share, 0.0), 100.0) for state, share in shares.items()}


def spent(states: Mapping[str, int], ticks_per_second: int) -> dict[str, float]:
    """Time a processor spent in each state, in hundredths of a second."""
    return {state: states[state] * 100 / ticks_per_second for state in _STATES}


def increments(before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """How much each counter grew. One that fell was reset: what it was before is not known."""
    for name, value in after.items():
        if name in before and value >= before[name]:
            yield name, value - before[name]
