"""``histogram``, ``values`` and the offset of bins: what a query gives where AWS says little of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.language import QueryFault, parse

Run = Callable[..., list[dict[str, str]]]


def lines(values: Sequence[Any], **more: Any) -> list[str]:
    return [json.dumps({"v": value, **more}) for value in values]


@pytest.mark.parametrize(
    ("values", "buckets", "found"),
    [
        (range(11), 5, {"0-2": 2, "2-4": 2, "4-6": 2, "6-8": 2, "8-10": 3}),
        ([0, 10, 10, 10], 2, {"0-5": 1, "5-10": 3}),
        ([1, 9], 4, {"1-3": 1, "3-5": 0, "5-7": 0, "7-9": 1}),
        ([-5, -4, 5], 2, {"-5-0": 2, "0-5": 1}),
        ([-1, 2], 3, {"-1-0": 1, "0-1": 0, "1-2": 1}),
        ([0.1, 0.7], 3, {"0.1-0.3": 1, "0.3-0.5": 0, "0.5-0.7": 1}),
        ([7, 7, "7"], 9, {"7-7": 3}),
        ([3], 1, {"3-3": 1}),
        ([1, "2", "many", "", None, "nan", "inf", [1], {"a": 1}, 3], 2, {"1-2": 1, "2-3": 2}),
        ([1609459200000, 1609459200002], 2, {"1609459200000-1609459200001": 1, "1609459200001-1609459200002": 1}),
        # What cannot be told apart in the digits of a bound is one range.
        ([1e15, 1e15 + 1], 10, {"1e+15-1e+15": 2}),
        ([-1.5e308, 1.5e308], 2, {"-1.5e+308-0": 1, "0-1.5e+308": 1}),
        ([5e-324, 1e-300], 1, {"4.9406564584125e-324-1e-300": 2}),
    ],
)
def test_a_distribution(run: Run, values: Sequence[Any], buckets: int, found: dict[str, int]) -> None:
    (row,) = run(f"stats histogram(v, {buckets}) as h", lines(values))
    assert json.loads(row["h"]) == found and list(json.loads(row["h"])) == list(found)


def test_a_distribution_of_nothing_is_missing(run: Run) -> None:
    assert run("stats histogram(v, 3) as h, count(*) as c", ["plain", *lines(["x", None])]) == [{"c": "3"}]
    assert run("filter v = 1 | stats histogram(v, 3) as h, count(*) as c", ["plain"]) == [{"c": "0"}]


def test_a_distribution_of_each_group_and_what_is_in_it(run: Run) -> None:
    given = [*lines([1, 2, 3], k="a"), *lines([10, 20], k="b"), *lines(["x"], k="c")]
    found = run("stats histogram(v, 2) as h by k | fields h.`1-2` as low, jsonArraySize(h) as n | sort k", given)
    assert found == [
        {"k": "a", "h": '{"1-2":1,"2-3":2}', "low": "1"}, {"k": "b", "h": '{"10-15":1,"15-20":1}'}, {"k": "c"},
    ]  # fmt: skip
    twice = "stats sum(v) as s by k | stats histogram(s, 2) as h"
    assert run(twice, given) == [{"h": '{"6-18":1,"18-30":1}'}]


def test_as_many_buckets_as_there_may_be(run: Run) -> None:
    (row,) = run("stats histogram(v, 1000) as h", lines(range(2_001)))
    assert list(json.loads(row["h"]).items()) == [
        (f"{low}-{low + 2}", 3 if low == 1_998 else 2) for low in range(0, 2_000, 2)
    ]


def test_groups_by_lower_bounds(run: Run) -> None:
    given = lines([0, 49, 50.5, 120, -1, "x", "nan", "inf"])
    query = "stats count(*) as c by histogram(v, 50)"
    name = "histogram(v, 50)"
    assert run(query, given) == [
        {name: "-50", "c": "1"}, {name: "0", "c": "2"}, {name: "50", "c": "1"}, {name: "100", "c": "1"}, {"c": "3"},
    ]  # fmt: skip
    named = "stats sum(v) as s by histogram(v, 0.25) as low | filter low >= 50.5 | sort low desc"
    assert run(named, given) == [{"low": "120", "s": "120"}, {"low": "50.5", "s": "50.5"}]
    assert run(f"{query} | sort `{name}` desc | limit 1", given)[0] == {name: "100", "c": "1"}


def test_different_values(run: Run) -> None:
    given = [*lines(["b", "a", "b", "10", 9, None, "c,d", [1]], k=1), *lines([None], k=2), *lines([""], k=3), "plain"]
    found = run("stats values(v) as all by k", given)
    assert found == [{"k": "1", "all": "10,9,[1],a,b,c,d"}, {"k": "2"}, {"k": "3", "all": ""}, {}]
    (row,) = run("stats values(k) | fields jsonArraySize(jsonStringify(split(`values(k)`, ','))) as n", given)
    assert row == {"values(k)": "1,2,3", "n": "3"}
    (row,) = run("stats values(bin(1h)) as hours, values(v > 9) as truths", given)
    assert row == {"hours": "2021-01-01 00:00:00.000", "truths": "0,1"}


def test_bins_are_shown_later_by_the_offset(run: Run) -> None:
    given = lines([1, 2, 3, 4], k="a")
    found = run("stats sum(v) as s, earliest(@timestamp) as first by bin(2m), k offset 1h", given)
    assert found == [
        {"bin(2m)": "2021-01-01 01:02:00.000", "k": "a", "s": "7", "first": "2021-01-01 00:02:00.000"},
        {"bin(2m)": "2021-01-01 01:00:00.000", "k": "a", "s": "3", "first": "2021-01-01 00:00:00.000"},
    ]
    # Bins lie where those without an offset lie, whatever it is.
    (row, *rest) = run("stats count(*) as c by bin(1h) as hour offset 90s", given)
    assert row == {"hour": "2021-01-01 00:00:00.000", "c": "4"} and rest == []
    found = run("stats count(*) as c by bin(1d) as day offset 1w | stats max(c) as c by dateceil(day, 1d)", given)
    assert found == [{"dateceil(day, 1d)": "2021-01-08 00:00:00.000", "c": "4"}]


def test_an_offset_moves_what_is_read() -> None:
    assert compiled(parse("stats count(*) by bin(5m)"), 0.0, None, (100, 200)).shift == 0
    # Periods of datetime functions are capped, an offset is none of those.
    assert compiled(parse("stats count(*) by bin(5m) offset 7200s"), 0.0, None, (100, 200)).shift == 7_200_000
    query = "stats count(*) as now by bin(5m) | appendcols (stats count(*) as before by bin(5m) offset 1d)"
    plan = compiled(parse(query), 0.0, None, (90_000_000, 90_000_999))
    assert plan.shift == 0 and plan.inputs[0].window == (3_600_000, 3_600_999)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("stats histogram(a, 0)", "between 1 and 1000"), ("stats histogram(a, -1)", "between 1 and 1000"),
        ("stats histogram(a, 2.5)", "between 1 and 1000"), ("stats histogram(a, 1001)", "between 1 and 1000"),
        ("stats histogram(a, b)", "between 1 and 1000"), ("stats histogram(a, '5')", "between 1 and 1000"),
        ("stats histogram(a)", "number of arguments"), ("stats histogram(a, 1, 2)", "number of arguments"),
        ("stats histogram(*)", "number of arguments"), ("fields histogram(a, 5)", "only be used in stats"),
        ("stats count(*) by histogram(a, 0)", "greater than 0"), ("stats count(*) by histogram(a, b)", "greater than"),
        ("stats count(*) by histogram(a, -5)", "greater than 0"), ("stats count(*) by histogram(a, 1e999)", "greater"),
        ("stats count(*) by histogram(a)", "number of arguments"), ("stats values()", "number of arguments"),
        ("stats values(a, b)", "number of arguments"), ("stats values(*)", "number of arguments"),
        ("filter values(a) = 'x'", "only be used in stats"),
        ("stats count(*) by a offset 1h", "by bin()"), ("stats count(*) by datefloor(@timestamp, 1h) offset 1h", "bin"),
        ("stats count(*) by bin(5m) offset 1mo", "fixed length"), ("stats count(*) by bin(5m) offset 0s", "invalid"),
        ("stats count(*) by bin(5m) offset", "unexpected end"), ("stats count(*) by bin(5m) offset 5", "unexpected"),
        ("stats count(*) by bin(5m) offset -1h", "unexpected"), ("stats count(*) offset 1h", "unexpected"),
        ("stats count(*) as c by @timestamp | stats sum(c) by bin(5m) offset 1h", "first stats"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_them(query: str, words: str) -> None:
    with pytest.raises(QueryFault) as caught:
        compiled(parse(query), 0.0)
    assert words in caught.value.message
