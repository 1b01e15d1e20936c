"""Metric math, mostly with the examples of its documentation."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudwatch.math import Environment, MathError, Origin, TimeSeries, Value, evaluate, parse

START = int(datetime(2024, 4, 5, 10, 0, tzinfo=UTC).timestamp())  # a Friday
_ = None


def series(*values: float | None, id_: str = "m", period: int = 60) -> TimeSeries:
    points = {START + place * period: float(value) for place, value in enumerate(values) if value is not None}
    return TimeSeries(id_, id_, period, points, Origin("N", id_, (), "Sum"))


def env(*metrics: TimeSeries, count: int = 5, budget: int = 100_000) -> Environment:
    def search(query: str, stat: str, period: int) -> list[TimeSeries]:
        return [series(1, id_=f"{query}/{stat}/{period}")]

    def band(one: TimeSeries, width: float) -> list[TimeSeries]:
        return [series(width), series(-width)]

    return Environment(START, START + count * 60, 60, list(metrics), search, band, [budget])


def run(text: str, count: int = 5, **named: Value) -> TimeSeries | list[TimeSeries]:
    metrics = [value for value in named.values() if isinstance(value, TimeSeries)]
    for name, value in named.items():
        if isinstance(value, TimeSeries):
            value.id = value.label = name
    return evaluate(parse(text), named, env(*metrics, count=count))


def values(text: str, count: int = 5, **named: Value) -> list[float | None]:
    found = run(text, count, **named)
    assert isinstance(found, TimeSeries)
    assert set(found.points) <= {START + place * found.period for place in range(count)}
    return [found.points.get(START + place * found.period) for place in range(count)]


def arrays(text: str, **named: Value) -> list[list[float | None]]:
    found = run(text, **named)
    assert isinstance(found, list)
    return [[one.points.get(START + place * 60) for place in range(3)] for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m1 + m2", [50, 20, 20, 0, _]),
        ("m1 - 1", [29, 19, -1, -1, _]),
        ("10 - m1", [-20, -10, 10, 10, _]),
        ("m1 * m2", [600, 0, 0, 0, _]),
        ("m1 / m2", [1.5, _, 0, _, _]),
        ("m1 / 10 ^ 1", [3, 2, 0, 0, _]),
        ("-m1 + 1", [-29, -19, 1, 1, _]),
        ("2 + 3 * m1", [92, 62, 2, 2, _]),
        ("(2 + 3) * m1", [150, 100, 0, 0, _]),
        ("m1 - 5 - 5", [20, 10, -10, -10, _]),
        ("2 ^ 3 ^ 0 * m1", [60, 40, 0, 0, _]),
        ("0 - 2 ^ 2 + m1", [26, 16, -4, -4, _]),
        ("m1 < m2", [0, 0, 1, 0, _]),
        ("m1 >= 30", [1, 0, 0, 0, _]),
        ("m1 > 15 AND m2 > 15", [1, 0, 0, 0, _]),
        ("m1 > 15 && m2 > 15", [1, 0, 0, 0, _]),
        ("m1 > 25 OR m2 > 15", [1, 0, 1, 0, _]),
        ("m1 == 20 || m1 != m1", [0, 1, 0, 0, _]),
        ("m1 <= 0", [0, 0, 1, 1, _]),
        ("m1 - AVG(m1)", [17.5, 7.5, -12.5, -12.5, _]),
        ("m1 * 0 + STDDEV(m1)", [math.sqrt(168.75)] * 4 + [_]),
        ("m1 / PERIOD(m1)", [0.5, 1 / 3, 0, 0, _]),
        ("ABS(-m1)", [30, 20, 0, 0, _]),
        ("CEIL(m1 / 7)", [5, 3, 0, 0, _]),
        ("FLOOR(m1 / 7)", [4, 2, 0, 0, _]),
        ("LOG(m1)", [math.log(30), math.log(20), _, _, _]),
        ("LOG10(m1 * 0 + 100)", [2, 2, 2, 2, _]),
        ("DIFF(m1)", [_, -10, -20, 0, _]),
        ("DIFF(m2)", [_, _, 0, _, _]),
        ("DIFF_TIME(m2)", [_, _, 120, _, _]),
        ("RATE(m1)", [_, -10 / 60, -20 / 60, 0, _]),
        ("RUNNING_SUM(m1)", [30, 50, 50, 50, _]),
        ("FILL(m2, 7)", [20, 7, 20, 7, 7]),
        ("FILL(m2, REPEAT)", [20, 20, 20, 20, 20]),
        ("FILL(m2 * 1, LINEAR)", [20, 20, 20, _, _]),
        ("FILL(m2, m1)", [20, 20, 20, 0, _]),
        ("FILL(m2, MIN(m2))", [20] * 5),
        ("TIME_SERIES(5 * 2)", [10] * 5),
        ("MINUTE(m2)", [0, 1, 2, 3, 4]),
        ("HOUR(m2)", [10] * 5),
        ("DAY(m2)", [5] * 5),
        ("DATE(m2)", [5] * 5),
        ("MONTH(m2)", [4] * 5),
        ("YEAR(m2)", [2024] * 5),
        ("EPOCH(m2) - EPOCH(m2) + 1", [1] * 5),
        ("IF(DAY(m1) < 6, m1)", [30, 20, 0, 0, 0]),
        ("IF(m1 < 25, m1)", [_, 20, 0, 0, _]),
        ("IF(m1 < 25, 10, 2)", [2, 10, 10, 10, _]),
        ("IF(1, m1, m2)", [30, 20, 0, 0, _]),
        ("IF(0, m1, m2)", [20, _, 20, _, _]),
        ("IF(0, m1)", [_] * 5),
        ("SUM([m1, m2])", [50, 20, 20, 0, _]),
        ("AVG([m1, m2])", [25, 10, 10, 0, _]),
        ("MIN([m1, m2])", [20, 20, 0, 0, _]),
        ("MAX(METRICS())", [30, 20, 20, 0, _]),
        ("DATAPOINT_COUNT([m1, m2])", [2, 1, 2, 1, _]),
        ("SUM(m2) / DATAPOINT_COUNT(m2) + m1 * 0", [20, 20, 20, 20, _]),
        ("SUM(METRICS('m1'))", [30, 20, 0, 0, _]),
        ('SUM([METRICS("m1"), METRICS("m2")])', [50, 20, 20, 0, _]),
        ("m1 / METRIC_COUNT(METRICS())", [15, 10, 0, 0, _]),
        ("FIRST(SORT(METRICS(), SUM, DESC))", [30, 20, 0, 0, _]),
        ("LAST(SORT(METRICS(), SUM, DESC))", [20, _, 20, _, _]),
        ("LAST(ANOMALY_DETECTION_BAND(m1, 4))", [-4, _, _, _, _]),
        ("SUM(SLICE(SORT(METRICS(), MIN, DESC), 0, 1))", [20, _, 20, _, _]),
    ],
)  # fmt: skip
def test_values(text: str, expected: list[float | None]) -> None:
    m1, m2 = series(30, 20, 0, 0), series(20, _, 20, _)
    assert values(text, m1=m1, m2=m2) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IF(m1, m2, m3)", [30, 0, 20, _, _]),
        ("IF(m1, 5, m3)", [5, 5, 20, _, _]),
        ("IF(m1, m2, 5)", [30, 0, 5, 5, _]),
        ("IF(m1, m2)", [30, 0, _, _, _]),
    ],
)
def test_the_documented_tables_of_if(text: str, expected: list[float | None]) -> None:
    m1, m2, m3 = series(1, 1, 0, 0, _), series(30, _, 0, 0, 30), series(0, 0, 20, _, 20)
    assert values(text, m1=m1, m2=m2, m3=m3) == expected


def test_arrays() -> None:
    m1, m2, m3 = series(1, 2, 3), series(4, 5, 6), series(_, _, _)
    assert arrays("METRICS() * 2", m1=m1, m2=m2) == [[2, 4, 6], [8, 10, 12]]
    assert arrays("[m1, m2] / m1", m1=m1, m2=m2) == [[1, 1, 1], [4, 2.5, 2]]
    assert arrays("-[m1, m2]", m1=m1, m2=m2) == [[-1, -2, -3], [-4, -5, -6]]
    assert arrays("[m1, m2] - [m2, m1]", m1=m1, m2=m2) == [[-3, -3, -3], [3, 3, 3]]
    assert arrays("REMOVE_EMPTY(METRICS())", m1=m1, m3=m3) == [[1, 2, 3]]
    assert arrays("FILL(METRICS(), 0)", m1=m1, m3=m3) == [[1, 2, 3], [0, 0, 0]]
    assert arrays("SORT(METRICS(), AVG, DESC)", m1=m1, m2=m2, m3=m3) == [[4, 5, 6], [1, 2, 3], [_, _, _]]
    assert arrays("SORT(METRICS(), MAX, ASC, 1)", m1=m1, m2=m2) == [[1, 2, 3]]
    assert arrays("SLICE(METRICS(), 1)", m1=m1, m2=m2) == [[4, 5, 6]]
    assert arrays("SEARCH('{N} x', 'Sum', 60)", m1=m1) == [[1, _, _]]
    assert arrays("RATE(METRICS())", m1=m1) == [[_, 1 / 60, 1 / 60]]


def test_series_of_different_periods_make_one_of_the_longer() -> None:
    found = run("m1 + m2", m1=series(1, period=60), m2=series(1, period=300))
    assert isinstance(found, TimeSeries) and found.period == 300


def test_what_was_dropped_is_told() -> None:
    found = run("m1 / m2", m1=series(1, 1), m2=series(1, 0))
    assert isinstance(found, TimeSeries) and found.lossy
    again = run("m1 + 1", m1=series(1, 1))
    assert isinstance(again, TimeSeries) and not again.lossy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("AVG(m1)", "returns a scalar"),
        ("1 + 1", "returns a scalar"),
        ("m9 + 1", "'m9' not found"),
        ("avg(m1)", "Function 'avg' not found"),
        ("FOO(m1)", "Function 'FOO' not found"),
        ("m1 +", "at position 5: unexpected end of expression"),
        ("m1 ! m1", "at position 4"),
        ("(m1", "expected ')'"),
        ("m1 m1", "at position 4: unexpected 'm1'"),
        ("", "unexpected end"),
        ("SUM([m1, 3])", "time series only"),
        ("SUM(3)", "Unsupported operand type(s) for SUM: '[Scalar]'"),
        ("SORT(METRICS(), STDDEV, ASC)", "not found"),
        ("SORT(METRICS(), AVG, UP)", "not found"),
        ("FILL(m1, ASC)", "Unsupported operand type(s) for FILL: '[TimeSeries, ASC]'"),
        ("FILL(m1)", "does not take 1 argument"),
        ("IF(METRICS(), m1, m1)", "for IF: '[Array[TimeSeries], TimeSeries, TimeSeries]'"),
        ("PERIOD(m1 * 2)", "with a metric only"),
        ("[m1, m1] + [m1]", "same size"),
        ("m1 + REPEAT", "argument of a function"),
        ("m1 + 'text'", "argument of a function"),
        ("FIRST(m1)", "'[TimeSeries]'"),
        ("METRICS(m1)", "'[TimeSeries]'"),
        ("SLICE(METRICS(), -1)", "Unsupported operand type(s) for SLICE: '[Array[TimeSeries], Scalar]'"),
        ("ANOMALY_DETECTION_BAND(m1, 0)", "positive"),
        ("(" * 100 + "m1" + ")" * 100, "nested too deeply"),
        ("-" * 500 + "m1", "nested too deeply"),
        ("+".join(["m1"] * 1100), "longer than 2048 characters"),
    ],
)  # fmt: skip
def test_mistakes(text: str, words: str) -> None:
    with pytest.raises(MathError) as error:
        run(text, m1=series(1, 2))
    assert any(word in error.value.message for word in words.split("|")), error.value.message


@pytest.mark.parametrize("name", ["SERVICE_QUOTA", "INSIGHT_RULE_METRIC", "DB_PERF_INSIGHTS", "LAMBDA"])
def test_what_is_not_there_is_refused_by_name(name: str) -> None:
    with pytest.raises(NotThere, match=name):
        parse(f"{name}(m1)")


def test_names() -> None:
    assert parse("IF(m1 > 3, [m2, e_1], -m3) + SUM(METRICS('x')) ^ 2").names() == {"m1", "m2", "m3", "e_1"}
    assert parse("SUM(METRICS())").calls("METRICS") and not parse("m1").calls("METRICS")


def test_long_sums_are_no_trouble() -> None:
    assert values("+".join(["m"] * 900), m=series(1), count=1) == [900]


def test_a_request_has_a_budget() -> None:
    with pytest.raises(MathError, match="data points at most"):
        evaluate(parse("FILL(m1, 0)"), {"m1": series(1)}, env(count=10_000_000))


_WORDS = st.sampled_from(
    ["m1", "m2", "1", "2.5e3", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "AND", "OR", "==", "<", "SUM(", "IF(",
     "FILL(", "METRICS()", "SORT(", "AVG", "DESC", "REPEAT", "'a'", '"', "LAMBDA(", "TIME_SERIES(", " ", "ü", "&&"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=25).map(" ".join), st.lists(_WORDS).map("".join)))
def test_any_text_is_an_expression_or_a_mistake(text: str) -> None:
    m1, m2 = series(1, 0, _), series(_, -5, 1e300)
    try:
        found = evaluate(parse(text), {"m1": m1, "m2": m2}, env(m1, m2))
    except (MathError, NotThere):
        return
    for one in [found] if isinstance(found, TimeSeries) else found:
        assert all(math.isfinite(value) for value in one.points.values())
