"""Commands that look at more than one row: running sums, earlier rows, gaps, totals, outliers, sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.language import QueryFault, parse

Run = Callable[..., list[dict[str, str]]]


def lines(*values: Any, name: str = "n") -> list[str]:
    """A JSON line for each value, a minute apart; None for a line without the field."""
    return [f'{{"{name}": {value}}}' if value is not None else '{"other": 1}' for value in values]


def test_accum_is_the_sum_so_far_in_the_order_of_the_results(run: Run) -> None:
    given = lines(1, 2, None, 4)
    query = "fields n | sort @timestamp asc | accum n as total"
    assert [row.get("total") for row in run(query, given)] == ["1", "3", "3", "7"]
    # Without sort the newest come first.
    found = run("fields @timestamp, n | accum n", given)
    assert [row.get("n") for row in found] == ["4", "4", "6", "7"]


def test_autoregress_looks_back(run: Run) -> None:
    given = lines(1, 2, 3)
    found = run("fields n | sort n | autoregress n p=1-2", given)
    assert found == [{"n": "1"}, {"n": "2", "n_p1": "1"}, {"n": "3", "n_p1": "2", "n_p2": "1"}]
    assert [row.get("before") for row in run("fields n | sort n | autoregress n as before", given)] == [None, "1", "2"]
    assert [row.get("n_p2") for row in run("fields n | sort n | autoregress n p=2", given)] == [None, None, "1"]
    counted = run("stats count(*) as c by n | sort n | autoregress c as last p=1-1", lines(1, 2, 2))
    assert counted == [{"n": "1", "c": "1"}, {"n": "2", "c": "2", "last_p1": "1"}]


@pytest.mark.parametrize(
    ("names", "host", "cpu"),
    [("", ["a", "a", "b"], ["1", "1", "2"]), ("host", ["a", "a", "b"], ["1", None, "2"]),
     ("cpu*", ["a", None, "b"], ["1", "1", "2"]), ("host cpu*", ["a", "a", "b"], ["1", "1", "2"]),
     ("`cpu_user`", ["a", None, "b"], ["1", "1", "2"])],
)  # fmt: skip
def test_filldown_carries_the_last_value_forward(run: Run, names: str, host: list[str], cpu: list[str]) -> None:
    given = ['{"host": "a", "cpu_user": 1}', "{}", '{"host": "b", "cpu_user": 2}']
    found = run(f"fields @timestamp, host, cpu_user | sort @timestamp | filldown {names}", given)
    assert ([row.get("host") for row in found], [row.get("cpu_user") for row in found]) == (host, cpu)


def test_fillmissing_inserts_rows_for_empty_bins(run: Run) -> None:
    given = [
        '{"latency": 10, "s": "a"}', "{}", '{"latency": 30, "s": "b"}', '{"latency": 40, "s": "a"}', "{}",
    ]  # fmt: skip
    query = "filter latency > 0 | stats avg(latency) as mean by bin(1m) | fillmissing with 0 for mean | sort `bin(1m)`"
    assert [row["mean"] for row in run(query, given)] == ["10", "0", "30", "40", "0"]
    bare = run("filter latency > 0 | stats avg(latency) as mean by bin(1m) as t | fillmissing | sort t", given)
    assert [row.get("mean") for row in bare] == ["10", None, "30", "40", None]
    assert bare[1]["t"] == "2021-01-01 00:01:00.000"
    by_group = run(
        "filter latency > 0 | stats count(*) as c by s, bin(1m) as t | fillmissing with 'none' for c | sort s, t", given
    )
    assert [(row["s"], row["c"]) for row in by_group] == [
        *(("a", c) for c in ("1", "none", "none", "1", "none")),
        *(("b", c) for c in ("none", "none", "1", "none", "none")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "stats count(*) as c by a, bin(1m) | fillmissing with 0 for a",
        "fillmissing",
        "stats count(*) as c by bin(1m) | fillmissing with 0 for c, 1 for c",
        "stats count(*) by a | fillmissing",
        "stats count(*) by bin(1m) | filter a = 1 | fillmissing",
    ],
)
def test_fillmissing_needs_bins(query: str) -> None:
    with pytest.raises(QueryFault):
        compiled(parse(query), 0.0)


def test_no_endless_bins() -> None:
    with pytest.raises(QueryFault, match="100000"):
        compiled(parse("stats count(*) by bin(1s) | fillmissing"), 0.0, None, (0, 86_400_000 * 30))


def test_addtotals_of_rows(run: Run) -> None:
    given = ['{"price": 10, "tax": 2, "qty": 3, "name": "x"}', '{"price": 5, "qty": 1}', '{"name": "y"}']
    assert [r.get("Total") for r in run("fields price, tax, qty, name | sort price desc | addtotals", given)] == [
        "15", "6", None,
    ]  # fmt: skip
    assert [r.get("Total") for r in run("fields price, tax, qty | sort price desc | addtotals price, tax", given)] == [
        "12", "5", None,
    ]  # fmt: skip
    assert [r.get("Sum") for r in run("fields qty | sort qty desc | addtotals fieldname=Sum", given)] == [
        "3",
        "1",
        None,
    ]


def test_addtotals_of_columns_is_a_row_at_the_end(run: Run) -> None:
    given = ['{"s": "a", "x": 1}', '{"s": "b", "x": 2.5}', '{"s": "b", "x": 4}']
    query = "stats sum(x) as sum, count(*) as c by s | sort sum desc | addtotals col=true"
    assert run(query, given) == [
        {"s": "b", "sum": "6.5", "c": "2", "Total": "8.5"}, {"s": "a", "sum": "1", "c": "1", "Total": "2"},
        {"sum": "7.5", "c": "3", "Total": "10.5"},
    ]  # fmt: skip
    of_events = run("fields s, x | sort x | addtotals row=false col=true x | display s, x", given)
    assert of_events == [{"s": "a", "x": "1"}, {"s": "b", "x": "2.5"}, {"s": "b", "x": "4"}, {"x": "7.5"}]


def test_outliers_are_clamped_dropped_or_marked(run: Run) -> None:
    given = lines(*[10, 11, 12, 13, 14, 15, 16, 17], 1000, -500)
    # Quartiles are 11.25 and 15.75, so that the upper bound is 15.75 + 2.5 * 4.5.
    clamped = run("fields n | sort @timestamp | outlier n", given)
    assert [row["n"] for row in clamped][-2:] == ["27", "-500"]
    both = run("fields n | sort @timestamp | outlier uselower=true n", given)
    assert [row["n"] for row in both] == ["10", "11", "12", "13", "14", "15", "16", "17", "27", "0"]
    dropped = run("fields n | sort @timestamp | outlier action=remove n", given)
    assert [row["n"] for row in dropped] == ["10", "11", "12", "13", "14", "15", "16", "17", "-500"]
    marked = run("fields n | sort @timestamp | outlier action=remove param=3.0 uselower=true mark=true n", given)
    assert [(row["n"], row["n_outlier"]) for row in marked][-1] == ("17", "0") and len(marked) == 8
    assert [row["n_outlier"] for row in run("fields n | sort @timestamp | outlier mark=true n", given)][-2:] == [
        "1",
        "0",
    ]


def test_sessions_end_with_silence(run: Run) -> None:
    users = ["ann", "bob", "ann", None, "ann", "ann", "bob"]
    given = [f'{{"user": "{user}"}}' if user else "{}" for user in users]
    found = run("fields user | sort @timestamp | sessionize user maxspan 2m as session", given)
    assert [row.get("session") for row in found] == ["1", "2", "1", None, "1", "1", "3"]
    assert [row.get("session_id") for row in run("fields user | sort @timestamp | sessionize user", given)] == [
        "1", "2", "1", None, "1", "1", "2",
    ]  # fmt: skip


def test_count_frequent(run: Run) -> None:
    given = lines('"a"', '"b"', '"b"', '"c"', '"b"', '"c"')
    expected = [{"n": "b", "_approxcount": "3"}, {"n": "c", "_approxcount": "2"}, {"n": "a", "_approxcount": "1"}]
    assert run("countFrequent n", given) == run("count_frequent n", given) == expected


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("fields n | autoregress n p=0", "p must be"), ("fields n | autoregress n p=5-2", "p must be"),
        ("outlier action=keep n", "action must be one of"), ("outlier param=-1 n", "unexpected|param must be"),
        ("outlier", "unexpected end"), ("addtotals row=maybe", "row must be"),
        ("sessionize a maxspan 1mo", "fixed length"),
        ("accum", "unexpected end"), ("fillmissing with x for y", "unexpected"), ("filldown = a", "unexpected"),
        ("stats count(*) by a | sessionize a", "@timestamp"), ("stats count(*) by a | accum b", "Unknown symbols"),
    ],
)  # fmt: skip
def test_faults_of_these_commands(query: str, words: str) -> None:
    with pytest.raises(QueryFault, match=words):
        compiled(parse(query), 0.0)
