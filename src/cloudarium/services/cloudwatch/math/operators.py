"""Operators: between numbers, series and arrays.

A value that is missing in one of two series counts as 0; what has no number afterwards is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from cloudarium.services.cloudwatch.math.values import Array, Environment, MathError, TimeSeries, Value

Operator = Callable[[float, float], float]


def _divide(left: float, right: float) -> float:
    return left / right if right else math.nan


def _power(left: float, right: float) -> float:
    try:
        found = left**right
    except (OverflowError, ZeroDivisionError):
        return math.nan
    return found if isinstance(found, float) else math.nan


OPERATORS: dict[str, Operator] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "^": _power,
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    "<=": lambda left, right: float(left <= right),
    ">=": lambda left, right: float(left >= right),
    "<": lambda left, right: float(left < right),
    ">": lambda left, right: float(left > right),
    "AND": lambda left, right: float(bool(left) and bool(right)),
    "OR": lambda left, right: float(bool(left) or bool(right)),
}


def made(source: TimeSeries, points: dict[int, float], *, period: int = 0, lossy: bool = False) -> TimeSeries:
    """A series that was computed from another: its points but for those without a number. It is no query's own."""
    kept = {at: value for at, value in points.items() if math.isfinite(value)}
    return TimeSeries(
        "",
        source.label,
        period or source.period,
        kept,
        None,
        lossy or source.lossy or len(kept) < len(points),
    )


def negative(value: Value, env: Environment, position: int = -1) -> Value:
    """Unary subtraction."""
    return binary("*", -1.0, value, env, position)


def binary(operator: str, left: Value, right: Value, env: Environment, position: int = -1) -> Value:
    """An operator between two values. Raises MathError when they do not go together."""
    compute = OPERATORS[operator]
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            sizes = f"{len(left)} and {len(right)}"
            raise MathError(f"Operator '{operator}' needs arrays of the same size, not of {sizes}", position)
        return [_series(compute, one, other, env) for one, other in zip(left, right, strict=True)]
    if isinstance(left, list):
        return _each(left, lambda one: _pair(compute, one, right, env))
    if isinstance(right, list):
        return _each(right, lambda one: _pair(compute, left, one, env))
    return _pair(compute, left, right, env)


def _each(array: Array, compute: Callable[[TimeSeries], Value]) -> Array:
    return [found for one in array if isinstance(found := compute(one), TimeSeries)]


def _pair(compute: Operator, left: Value, right: Value, env: Environment) -> Value:
    if isinstance(left, TimeSeries) and isinstance(right, TimeSeries):
        return _series(compute, left, right, env)
    if isinstance(left, TimeSeries):
        assert isinstance(right, float)
        env.spend(len(left.points))
        return made(left, {at: compute(value, right) for at, value in left.points.items()})
    assert isinstance(left, float)
    if isinstance(right, TimeSeries):
        env.spend(len(right.points))
        return made(right, {at: compute(left, value) for at, value in right.points.items()})
    assert isinstance(right, float)
    return compute(left, right)


def _series(compute: Operator, left: TimeSeries, right: TimeSeries, env: Environment) -> TimeSeries:
    env.spend(len(left.points) + len(right.points))
    ours, others = left.points, right.points
    points = {at: compute(ours.get(at, 0.0), others.get(at, 0.0)) for at in ours.keys() | others.keys()}
    return made(left, points, period=max(left.period, right.period), lossy=right.lossy)
