"""IF and FILL: what a series has where it has nothing, or under a condition."""

from __future__ import annotations

from cloudarium.services.cloudwatch.math.operators import made
from cloudarium.services.cloudwatch.math.values import Environment, TimeSeries

_Part = float | TimeSeries


def when(condition: _Part, then: _Part, otherwise: _Part | None, env: Environment) -> _Part:
    """``IF``: point by point where the condition is a series.

    A true point without a value in ``then`` is 0; a false one without a value in ``otherwise`` is dropped.
    """
    if isinstance(condition, float):
        # What is not a number is not 0 either, and a condition on nothing at all must not hold.
        chosen = then if condition and condition == condition else otherwise
        if chosen is None:
            return TimeSeries("", "IF", then.period if isinstance(then, TimeSeries) else env.period, {})
        return made(chosen, chosen.points) if isinstance(chosen, TimeSeries) else chosen
    env.spend(len(condition.points))
    points: dict[int, float] = {}
    for at, value in condition.points.items():
        if value:
            points[at] = then.points.get(at, 0.0) if isinstance(then, TimeSeries) else then
        elif isinstance(otherwise, TimeSeries):
            if at in otherwise.points:
                points[at] = otherwise.points[at]
        elif otherwise is not None:
            points[at] = otherwise
    periods = [part.period for part in (condition, then, otherwise) if isinstance(part, TimeSeries)]
    return made(condition, points, period=max(periods))


def fill(series: TimeSeries, how: _Part | str, env: Environment) -> TimeSeries:
    """``FILL``: with a number, another series' values, the value before (REPEAT), or a straight line (LINEAR)."""
    points = dict(series.points)
    gaps = [at for at in env.grid(series.period) if at not in points]
    if isinstance(how, float):
        points.update(dict.fromkeys(gaps, how))
    elif isinstance(how, TimeSeries):
        points.update((at, how.points[at]) for at in gaps if at in how.points)
    else:
        _between(points, gaps, straight=how == "LINEAR")
    return made(series, points)


def _between(points: dict[int, float], gaps: list[int], *, straight: bool) -> None:
    known = sorted(points)
    place = 0
    for at in gaps:
        while place < len(known) and known[place] < at:
            place += 1
        if place == 0 or (straight and place == len(known)):
            # Nothing before it, or no other end for the line.
            continue
        before = known[place - 1]
        points[at] = points[before]
        if straight:
            after = known[place]
            points[at] += (points[after] - points[before]) * (at - before) / (after - before)
