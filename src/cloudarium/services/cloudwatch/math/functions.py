"""The functions of metric math, and what each of them takes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax-functions-list
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from cloudarium.services.cloudwatch.math.conditions import fill, when
from cloudarium.services.cloudwatch.math.operators import made
from cloudarium.services.cloudwatch.math.parser import Node, Text, Word
from cloudarium.services.cloudwatch.math.values import Array, Environment, MathError, TimeSeries, Value, kind, times

Argument = Value | Word | Text
_Points = dict[int, float]


class _Call(NamedTuple):
    function: str
    nodes: Sequence[Node]
    arguments: Sequence[Argument]
    env: Environment
    position: int

    def mistake(self) -> MathError:
        given = ", ".join(_kind(each) for each in self.arguments)
        return MathError(f"Unsupported operand type(s) for {self.function}: '[{given}]'", self.position)

    def series(self, index: int = 0) -> TimeSeries:
        found = self.arguments[index]
        if not isinstance(found, TimeSeries):
            raise self.mistake()
        return found

    def array(self, index: int = 0) -> Array:
        found = self.arguments[index]
        if not isinstance(found, list):
            raise self.mistake()
        return found

    def number(self, index: int) -> float:
        found = self.arguments[index]
        if not isinstance(found, float):
            raise self.mistake()
        return found

    def takes(self, least: int, most: int | None = None) -> None:
        if not least <= len(self.arguments) <= (least if most is None else most):
            raise MathError(
                f"Function '{self.function}' does not take {len(self.arguments)} argument(s)", self.position
            )


def call(function: str, nodes: Sequence[Node], arguments: Sequence[Argument], env: Environment, position: int) -> Value:
    """The value of a function that the parser knows. Raises MathError."""
    return _FUNCTIONS[function](_Call(function, nodes, arguments, env, position))


def _kind(argument: Argument) -> str:
    if isinstance(argument, Word):
        return argument.value
    return "String" if isinstance(argument, Text) else kind(argument)


# -- one series to one series ------------------------------------------------------------------------------------------


def _over_series(compute: Callable[[TimeSeries], _Points]) -> Callable[[_Call], Value]:
    def run(call: _Call) -> Value:
        call.takes(1)
        argument = call.arguments[0]
        if isinstance(argument, TimeSeries):
            call.env.spend(len(argument.points))
            return made(argument, compute(argument))
        found = []
        for each in call.array():
            call.env.spend(len(each.points))
            found.append(made(each, compute(each)))
        return found

    return run


def _values(compute: Callable[[float], float]) -> Callable[[_Call], Value]:
    return _over_series(lambda series: {at: compute(value) for at, value in series.points.items()})


def _steps(compute: Callable[[float, int], float]) -> Callable[[_Call], Value]:
    """Of every point but the first: from the difference of values and of times."""

    def points(series: TimeSeries) -> _Points:
        ordered = sorted(series.points.items())
        return {at: compute(value - before, at - since) for (since, before), (at, value) in pairwise(ordered)}

    return _over_series(points)


def _running_sum(series: TimeSeries) -> _Points:
    total, points = 0.0, {}
    for at, value in sorted(series.points.items()):
        total += value
        points[at] = total
    return points


def _logarithm(compute: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: compute(value) if value > 0 else math.nan


def _calendar(compute: Callable[[datetime], int]) -> Callable[[_Call], Value]:
    def run(call: _Call) -> Value:
        call.takes(1)
        series = call.series()
        grid = call.env.grid(series.period)
        return made(series, {at: float(compute(datetime.fromtimestamp(at, UTC))) for at in grid})

    return run


# -- a series to a number, an array to a series ------------------------------------------------------------------------


def _average(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _deviation(values: Sequence[float]) -> float:
    return statistics.pstdev(values) if values else math.nan


def _total(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf


def _aggregate(compute: Callable[[Sequence[float]], float], *, zeros: bool = False) -> Callable[[_Call], Value]:
    """``zeros``: a series without a value at some time counts as 0 there."""

    def run(call: _Call) -> Value:
        call.takes(1)
        argument = call.arguments[0]
        if isinstance(argument, TimeSeries):
            call.env.spend(len(argument.points))
            return compute(list(argument.points.values()))
        array = call.array()
        call.env.spend(sum(len(each.points) for each in array))
        points = {}
        for at in times(array):
            here = [each.points[at] for each in array if at in each.points]
            points[at] = compute(here + [0.0] * (len(array) - len(here)) if zeros else here)
        period = max((each.period for each in array), default=call.env.period)
        lossy = any(each.lossy for each in array)
        return made(TimeSeries("", call.function, period, {}), points, lossy=lossy)

    return run


_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "AVG": _average,
    "MIN": lambda values: min(values, default=math.nan),
    "MAX": lambda values: max(values, default=math.nan),
    "SUM": _total,
}


# -- arrays ------------------------------------------------------------------------------------------------------------


def _metrics(call: _Call) -> Value:
    call.takes(0, 1)
    if not call.arguments:
        return list(call.env.metrics)
    part = call.arguments[0]
    if not isinstance(part, Text):
        raise call.mistake()
    return [each for each in call.env.metrics if part.value in each.id]


def _metric_count(call: _Call) -> Value:
    call.takes(1)
    return float(len(call.array()))


def _end(index: int) -> Callable[[_Call], Value]:
    def run(call: _Call) -> Value:
        call.takes(1)
        array = call.array()
        if not array:
            return TimeSeries("", call.function, call.env.period, {})
        return array[index]

    return run


def _slice(call: _Call) -> Value:
    call.takes(2, 3)
    bounds = [call.number(index) for index in range(1, len(call.arguments))]
    if any(not math.isfinite(each) or each < 0 for each in bounds):
        raise call.mistake()
    return call.array()[slice(*(int(each) for each in bounds), *([None] * (2 - len(bounds))))]


def _sort(call: _Call) -> Value:
    call.takes(3, 4)
    by, order = call.arguments[1], call.arguments[2]
    if not isinstance(by, Word) or by.value not in _AGGREGATES:
        raise call.mistake()
    if not isinstance(order, Word) or order.value not in ("ASC", "DESC"):
        raise call.mistake()
    array = call.array()
    call.env.spend(sum(len(each.points) for each in array))
    compute = _AGGREGATES[by.value]
    known = [(compute(list(each.points.values())), each) for each in array if each.points]
    known.sort(key=lambda pair: pair[0], reverse=order.value == "DESC")
    found = [each for _, each in known] + [each for each in array if not each.points]
    if len(call.arguments) == 4:
        most = call.number(3)
        if not math.isfinite(most) or most < 0:
            raise call.mistake()
        found = found[: int(most)]
    return found


def _remove_empty(call: _Call) -> Value:
    call.takes(1)
    return [each for each in call.array() if each.points]


# -- others ------------------------------------------------------------------------------------------------------------


def _period(call: _Call) -> Value:
    call.takes(1)
    series = call.series()
    if series.origin is None:
        raise MathError("Function 'PERIOD' can be used with a metric only, not with an expression", call.position)
    return float(series.period)


def _time_series(call: _Call) -> Value:
    call.takes(1)
    value = call.number(0)
    return made(
        TimeSeries("", call.function, call.env.period, {}),
        dict.fromkeys(call.env.grid(call.env.period), value),
    )


def _search(call: _Call) -> Value:
    call.takes(2, 3)
    query, stat = call.arguments[0], call.arguments[1]
    if not isinstance(query, Text) or not isinstance(stat, Text):
        raise call.mistake()
    period = call.number(2) if len(call.arguments) == 3 else 300.0
    if not math.isfinite(period):
        raise call.mistake()
    return call.env.search(query.value, stat.value, int(period))


def _band(call: _Call) -> Value:
    call.takes(1, 2)
    width = call.number(1) if len(call.arguments) == 2 else 2.0
    if not width > 0 or not math.isfinite(width):
        raise MathError("Function 'ANOMALY_DETECTION_BAND' needs a positive number of deviations", call.position)
    return call.env.band(call.series(), width)


def _fill(call: _Call) -> Value:
    call.takes(2)
    argument, filler = call.arguments
    if isinstance(filler, (Text, list)) or (isinstance(filler, Word) and filler.value not in ("REPEAT", "LINEAR")):
        raise call.mistake()
    how = filler.value if isinstance(filler, Word) else filler
    if isinstance(argument, TimeSeries):
        return fill(argument, how, call.env)
    return [fill(each, how, call.env) for each in call.array()]


def _if(call: _Call) -> Value:
    call.takes(2, 3)
    parts = []
    for argument in call.arguments:
        if not isinstance(argument, (float, TimeSeries)):
            raise call.mistake()
        parts.append(argument)
    return when(parts[0], parts[1], parts[2] if len(parts) == 3 else None, call.env)


_FUNCTIONS: dict[str, Callable[[_Call], Value]] = {
    "ABS": _values(abs),
    "CEIL": _values(lambda value: float(math.ceil(value))),
    "FLOOR": _values(lambda value: float(math.floor(value))),
    "LOG": _values(_logarithm(math.log)),
    "LOG10": _values(_logarithm(math.log10)),
    "DIFF": _steps(lambda value, seconds: value),
    "DIFF_TIME": _steps(lambda value, seconds: float(seconds)),
    "RATE": _steps(lambda value, seconds: value / seconds),
    "RUNNING_SUM": _over_series(_running_sum),
    "MINUTE": _calendar(lambda at: at.minute),
    "HOUR": _calendar(lambda at: at.hour),
    "DAY": _calendar(lambda at: at.isoweekday()),
    "DATE": _calendar(lambda at: at.day),
    "MONTH": _calendar(lambda at: at.month),
    "YEAR": _calendar(lambda at: at.year),
    "EPOCH": _calendar(lambda at: int(at.timestamp())),
    "AVG": _aggregate(_average, zeros=True),
    "MIN": _aggregate(_AGGREGATES["MIN"]),
    "MAX": _aggregate(_AGGREGATES["MAX"]),
    "SUM": _aggregate(_total),
    "STDDEV": _aggregate(_deviation),
    "DATAPOINT_COUNT": _aggregate(lambda values: float(len(values))),
    "METRICS": _metrics,
    "METRIC_COUNT": _metric_count,
    "FIRST": _end(0),
    "LAST": _end(-1),
    "SLICE": _slice,
    "SORT": _sort,
    "REMOVE_EMPTY": _remove_empty,
    "PERIOD": _period,
    "TIME_SERIES": _time_series,
    "SEARCH": _search,
    "ANOMALY_DETECTION_BAND": _band,
    "FILL": _fill,
    "IF": _if,
}
