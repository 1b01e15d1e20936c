"""The evaluator against AWS's published tables, and properties that hold for any data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.cloudwatch.alarms.evaluator import (
    BREACHING,
    COMPARISONS,
    IGNORE,
    MISSING,
    NOT_BREACHING,
    TREATMENTS,
    Decision,
    Rule,
    Slot,
    enough_samples,
    evaluate,
)

ALARM, OK, INSUFFICIENT, KEPT = "ALARM", "OK", "INSUFFICIENT_DATA", None
OVER = "GreaterThanThreshold"


def slots(text: str) -> list[Slot]:
    """``0`` is within the threshold, ``X`` beyond it, ``-`` missing; oldest first."""
    values = {"0": 0.0, "X": 2.0, "-": None}
    return [Slot(60.0 * place, values[mark], 1.0, 1.0, 1.0) for place, mark in enumerate(text.split())]


def decide(text: str, needed: int, treatment: str, periods: int = 3) -> Decision:
    """Decide, M out of N."""
    return evaluate(slots(text), Rule(OVER, periods, needed, treatment))


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, both tables in all the
# versions that were published: 3 out of 3, then 2 out of 3; the states for missing, ignore, breaching, notBreaching.
THREE_OF_THREE = [
    ("0 - X - X", OK, OK, OK, OK),
    ("0 - - - -", OK, OK, OK, OK),
    ("- - - - -", INSUFFICIENT, KEPT, ALARM, OK),
    ("0 X X - X", ALARM, ALARM, ALARM, ALARM),
    ("- - - - X", INSUFFICIENT, KEPT, ALARM, OK),
    ("- - X - -", ALARM, KEPT, ALARM, OK),
    ("X - - - -", ALARM, KEPT, ALARM, OK),
]
TWO_OF_THREE = [
    ("0 - X - X", ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", OK, OK, ALARM, OK),
    ("- - - - 0", OK, OK, ALARM, OK),
    ("- - - - X", INSUFFICIENT, KEPT, ALARM, OK),
    ("- - - X -", ALARM, KEPT, ALARM, OK),
]
_ROWS = [(3, *row) for row in THREE_OF_THREE] + [(2, *row) for row in TWO_OF_THREE]


@pytest.mark.parametrize(("needed", "data", "missing", "ignore", "breaching", "not_breaching"), _ROWS)
def test_published_examples(
    needed: int, data: str, missing: str, ignore: str | None, breaching: str, not_breaching: str
) -> None:
    """Every row, every treatment."""
    expected = {MISSING: missing, IGNORE: ignore, BREACHING: breaching, NOT_BREACHING: not_breaching}
    assert {treatment: decide(data, needed, treatment).state for treatment in TREATMENTS} == expected


def test_premature_alarms_are_avoided() -> None:
    """The page's own walk: one breaching point that ages, and what comes after it."""
    assert decide("- - - - X", 3, MISSING).state == INSUFFICIENT
    assert decide("- - - X -", 3, MISSING).state == INSUFFICIENT
    assert decide("- - - X 0", 3, MISSING).state == OK
    assert decide("- - X - 0", 3, MISSING).state == OK
    assert decide("- - X - -", 3, MISSING).state == ALARM


@pytest.mark.parametrize(
    ("data", "needed", "periods", "state"),
    [
        ("0 0 X", 1, 1, ALARM),
        ("X X 0", 1, 1, OK),
        ("0 0 X 0 X 0 X", 3, 5, ALARM),
        ("X X X 0 0 X 0", 3, 5, OK),
        ("X X X X 0 0 0", 4, 5, OK),
        ("0 X X X X 0 0", 4, 5, OK),
        ("0 0 X X X X 0", 4, 5, ALARM),
    ],
)
def test_m_out_of_n_without_gaps(data: str, needed: int, periods: int, state: str) -> None:
    """The newest N decide."""
    assert {decide(data, needed, treatment, periods).state for treatment in TREATMENTS} == {state}


@pytest.mark.parametrize(
    ("comparison", "breaching", "fine"),
    [
        ("GreaterThanThreshold", [11.0], [10.0, 9.0]),
        ("GreaterThanOrEqualToThreshold", [10.0, 11.0], [9.9]),
        ("LessThanThreshold", [4.0], [5.0, 6.0]),
        ("LessThanOrEqualToThreshold", [5.0, 4.0], [5.1]),
        ("LessThanLowerOrGreaterThanUpperThreshold", [4.0, 11.0], [5.0, 10.0, 7.0]),
        ("LessThanLowerThreshold", [4.0], [5.0, 11.0]),
        ("GreaterThanUpperThreshold", [11.0], [10.0, 4.0]),
    ],
)
def test_comparisons(comparison: str, breaching: list[float], fine: list[float]) -> None:
    """Against one threshold, or a band from 5 to 10."""
    for value in breaching + fine:
        state = evaluate([Slot(0.0, value, 1.0, 5.0, 10.0)], Rule(comparison, 1, 1)).state
        assert state == (ALARM if value in breaching else OK), value


_data = st.lists(st.sampled_from("0X-"), min_size=3, max_size=9).map(" ".join)
_shape = st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))


@given(data=_data, shape=_shape, treatment=st.sampled_from(TREATMENTS))
def test_what_always_holds(data: str, shape: tuple[int, int], treatment: str) -> None:
    """Enough real points decide alone; good news never raises an alarm, and bad news never ends one."""
    periods, needed = shape
    decision = decide(data, needed, treatment, periods)
    marks = [mark for mark in data.split() if mark != "-"]
    newest = marks[::-1][:periods]
    if len(newest) == periods:
        assert decision.state == (ALARM if newest.count("X") >= needed else OK)
        assert decision.filled == 0
    if treatment == NOT_BREACHING:
        assert decision.state in (OK, ALARM)
        assert (decision.state == ALARM) == (newest.count("X") >= needed)
    if treatment == BREACHING:
        assert decision.state in (OK, ALARM)
    if not marks:
        assert decision.state == {MISSING: INSUFFICIENT, IGNORE: KEPT, BREACHING: ALARM, NOT_BREACHING: OK}[treatment]
    if decision.state == ALARM:
        better = data.replace("X", "0")
        assert decide(better, needed, NOT_BREACHING, periods).state == OK
    worse = decide(data.replace("0", "X"), needed, treatment, periods).state
    if decision.state == ALARM and "-" not in data:
        assert worse == ALARM


@given(data=_data, shape=_shape)
def test_breaching_is_never_milder_than_not_breaching(data: str, shape: tuple[int, int]) -> None:
    """Treating gaps as bad cannot hide what treating them as good shows."""
    periods, needed = shape
    if decide(data, needed, NOT_BREACHING, periods).state == ALARM:
        assert {decide(data, needed, treatment, periods).state for treatment in TREATMENTS} == {ALARM}


def test_low_samples() -> None:
    """10 / (1 - percentile) from the median up, 10 / percentile below."""
    assert enough_samples(99, 1000) and not enough_samples(99, 999)
    assert enough_samples(50, 20) and not enough_samples(50, 19)
    assert enough_samples(10, 100) and not enough_samples(10, 99)
    assert not enough_samples(100, 1e9)


def test_every_comparison_of_the_api_is_known() -> None:
    """botocore's model has no other."""
    import botocore.session

    shape = botocore.session.get_session().get_service_model("cloudwatch").shape_for("ComparisonOperator")
    assert set(shape.enum) == set(COMPARISONS)
