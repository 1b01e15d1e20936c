"""What expressions are about: numbers, time series, arrays of time series; and where they are evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from cloudarium.kernel.metrics import Dimensions

MOST_POINTS = 1_000_000
"""Points that one request may compute: more would hold up everybody else."""


class MathError(Exception):
    """An expression that has no meaning. ``position`` is where in the text, -1 when nowhere in particular."""

    def __init__(self, message: str, position: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Origin(msgspec.Struct, frozen=True):
    """Which metric a series shows."""

    namespace: str
    name: str
    dimensions: Dimensions
    stat: str
    unit: str | None = None


class TimeSeries(msgspec.Struct):
    """Values by time (seconds). ``id`` is that of the query whose series it is; a metric as it is has an ``origin``."""

    id: str
    label: str
    period: int
    points: dict[int, float]
    origin: Origin | None = None
    lossy: bool = False
    """Whether points were dropped that would have had no number."""


Array = list[TimeSeries]
Value = float | TimeSeries | Array


class Environment(msgspec.Struct):
    """What an expression sees of the request. ``start`` is in, ``end`` is out (seconds)."""

    start: int
    end: float
    period: int
    metrics: Array
    search: Callable[[str, str, int], Array]
    band: Callable[[TimeSeries, float], Array]
    left: list[int]
    """How many points may still be computed, shared by all expressions of a request."""

    def spend(self, points: int) -> None:
        """Count points that are about to be computed. Raises MathError."""
        self.left[0] -= points
        if self.left[0] < 0:
            raise MathError(f"The expressions of a request may compute {MOST_POINTS} data points at most")

    def grid(self, period: int) -> range:
        """Every time at which a series of this period may have a point."""
        times = range(self.start, max(int(-(-self.end // 1)), self.start), period)
        self.spend(len(times))
        return times


def kind(value: Value) -> str:
    """What AWS's errors call a kind of value."""
    if isinstance(value, TimeSeries):
        return "TimeSeries"
    return "Array[TimeSeries]" if isinstance(value, list) else "Scalar"


def times(series: Sequence[TimeSeries]) -> list[int]:
    """Every time at which any of them has a point, in order."""
    return sorted(set().union(*(each.points for each in series)))
