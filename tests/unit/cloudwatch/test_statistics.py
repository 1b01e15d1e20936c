"""Statistics over distributions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.metrics import Bucket
from cloudarium.services.cloudwatch.statistics import statistic


def bucket(*values: float) -> Bucket:
    made = Bucket()
    for value in values:
        made.add(value)
    return made


def value_of(name: str, of: Bucket) -> float | None:
    compute = statistic(name)
    assert compute is not None, name
    return compute(of)


HUNDRED = bucket(*range(1, 101))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SampleCount", 100), ("Sum", 5050), ("Average", 50.5), ("Minimum", 1), ("Maximum", 100),
        ("p0", 1), ("p50", 50), ("p90", 90), ("p99", 99), ("p99.5", 100), ("p100", 100),
        ("tm90", 45.5), ("tm100", 50.5), ("tc90", 90), ("ts90", 4095),
        ("TM(10%:90%)", 50.5), ("TC(10%:90%)", 80), ("TS(10%:90%)", 4040), ("IQM", 50.5),
        ("TM(:50%)", 25.5), ("TM(50%:)", 75.5), ("TM(10:20)", 15.5), ("TC(:20)", 20), ("TC(20:)", 80),
        ("PR(:30)", 30), ("PR(30:)", 70), ("PR(10:20)", 10),
        ("wm90", (4095 + 90 * 10) / 100), ("WM(10%:90%)", (4040 + 11 * 10 + 90 * 10) / 100),
        ("WM(:50)", (1275 + 50 * 50) / 100),
    ],
)  # fmt: skip
def test_values(name: str, value: float) -> None:
    assert value_of(name, HUNDRED) == pytest.approx(value)


@pytest.mark.parametrize(
    "name",
    ["", "sum", "p", "p101", "p-1", "q50", "TM()", "TM(:)", "TM(90%:10%)", "TM(10%:90)", "PR(10%:20%)", "TM(0%:101%)",
     "p1.12345678901", "tm1000", "IQM()", "TM(1:2", "p50\n"],
)  # fmt: skip
def test_what_is_no_statistic(name: str) -> None:
    assert statistic(name) is None


@given(st.text(alphabet="pTMCSWRIQ0123456789.%:() tmwcs", max_size=16))
def test_no_name_breaks_the_parser(name: str) -> None:
    compute = statistic(name)
    if compute is not None:
        compute(HUNDRED)


@given(
    st.lists(st.floats(0.001, 1e6), min_size=1, max_size=50),
    st.floats(0, 100).map(lambda share: round(share, 3)),
)
def test_percentiles_are_near_the_exact_ones(values: list[float], share: float) -> None:
    exact = sorted(values)[max(0, math.ceil(round(share / 100 * len(values), 9)) - 1)]
    got = value_of(f"p{share:g}" if share < 100 else "p100", bucket(*values))
    assert got is not None
    assert min(values) <= got <= max(values)
    assert got == pytest.approx(exact, rel=0.011)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=50))
def test_trimming_nothing_changes_nothing(values: list[float]) -> None:
    of = bucket(*values)
    slack = 0.006 * max(abs(value) for value in values) + 1e-9
    for name in ("tm100", "wm100"):
        assert value_of(name, of) == pytest.approx(sum(values) / len(values), abs=slack)


def test_bounds_that_hold_no_value_have_no_mean() -> None:
    assert value_of("TM(200:300)", HUNDRED) is None
    assert value_of("TC(200:300)", HUNDRED) == 0


def test_an_empty_bucket_has_no_average() -> None:
    for name in ("Average", "Minimum", "Maximum", "p50", "tm90", "PR(:1)"):
        assert value_of(name, Bucket()) is None, name
