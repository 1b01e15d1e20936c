"""``anomaly``: each kind is found where it is, and nothing is found where all is as usual."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.language import QueryFault, parse

Run = Callable[..., list[dict[str, str]]]
QUERY = "fields @timestamp, @message | pattern @message | anomaly"


def kinds(run: Run, lines: list[str], query: str = QUERY) -> list[tuple[str, str]]:
    return [(row["@anomalyType"], row["@pattern"]) for row in run(query, lines)]


def usual(count: int = 96) -> list[str]:
    return [f"job {n} took {10 + n % 5} ms" for n in range(count)]


def test_nothing_is_unusual_about_what_goes_on_as_ever(run: Run) -> None:
    assert kinds(run, usual()) == []
    assert kinds(run, [f"a{n % 3} line" for n in range(60)]) == []
    assert kinds(run, ["one", "two"]) == [] and kinds(run, []) == []


def test_a_pattern_that_was_not_there_before(run: Run) -> None:
    lines = usual()
    lines[80] = "ERROR the disk of node 7 is full"
    (row,) = run(QUERY, lines)
    assert (row["@anomalyType"], row["@pattern"]) == ("NewPattern", "ERROR the disk of node <Number-1> is full")
    assert row["@timestamp"] == "2021-01-01 01:20:00.000" and row["@anomalyLogSamples"] == lines[80]
    assert (row["@priority"], row["@severityLabel"], row["@sampleCount"]) == ("HIGH", "Error", "1")
    # In the first half it is one of those that are usual.
    early = usual()
    early[3] = "ERROR the disk of node 7 is full"
    assert kinds(run, early) == []


def test_a_pattern_that_comes_much_more_often(run: Run) -> None:
    lines = [f"job {n} took {10 + n % 5} ms" if n % 24 else f"cache {n} missed" for n in range(480)]
    assert kinds(run, lines) == []
    for n in range(200, 240):
        lines[n] = f"cache {n} missed"
    # Forty at once, where there is one in twenty-four.
    assert kinds(run, lines) == [("PatternFrequency", "cache <Number-1> missed")]


def test_a_word_that_is_another_one_for_once(run: Run) -> None:
    lines = ["the service payment answered in time to the caller today"] * 60
    lines[17] = lines[17].replace("payment", "attacker")
    (row,) = run(QUERY, lines)
    assert row["@anomalyType"] == "TokenVariation"
    assert row["@pattern"] == "the service <Token-1> answered in time to the caller today"
    assert row["@description"] == "'attacker' was found 1 times where 'payment' is usual"
    assert kinds(run, [line.replace("payment", f"{'abcdef'[n % 6]}x") for n, line in enumerate(lines)]) == []


def test_a_number_far_above_the_others(run: Run) -> None:
    lines = usual()
    lines[60] = "job 60 took 9000 ms"
    (row,) = run(QUERY, lines)
    assert (row["@anomalyType"], row["@timestamp"]) == ("NumericalToken", "2021-01-01 01:00:00.000")
    assert "9000 was found where 11 to 13 are usual" in row["@description"]
    # What is in a time or an address is no number.
    dated = [f"2021-01-01T00:{n % 60:02}:00Z from 10.0.0.{200 if n == 5 else 1} took {n % 5} ms" for n in range(60)]
    assert kinds(run, dated) == []


def test_http_errors_that_pile_up(run: Run) -> None:
    def line(n: int, status: int) -> str:
        return f'GET /item/{n} HTTP/1.1" {status} {100 + n % 7}'

    lines = [line(n, 200 if n % 50 else 404) for n in range(480)]
    assert kinds(run, lines) == []
    for n in range(300, 310):
        lines[n] = line(n, 503)
    (row,) = run(QUERY, lines)
    assert (row["@anomalyType"], row["@priority"]) == ("HttpErrorCode", "MEDIUM")
    assert row["@description"].startswith("10 of 10 responses")


def test_it_goes_with_other_commands(run: Run) -> None:
    lines = usual()
    lines[80] = "ERROR the disk of node 7 is full"
    lines[81] = "job 81 took 9000 ms"
    assert kinds(run, lines, QUERY + " | sort @timestamp desc") == [
        ("NumericalToken", "job <Number-1> took <Number-2> ms"),
        ("NewPattern", "ERROR the disk of node <Number-1> is full"),
    ]
    assert kinds(run, lines, "filter @message like 'job' | pattern @message | anomaly | filter @priorityScore < 1") == [
        ("NumericalToken", "job <Number-1> took <Number-2> ms")
    ]
    assert run("pattern @message | anomaly | stats count(*) as n by @priority | sort @priority", lines) == [
        {"@priority": "HIGH", "n": "1"}, {"@priority": "LOW", "n": "1"},
    ]  # fmt: skip


@pytest.mark.parametrize("query", ["anomaly", "pattern @message | filter @ratio > 1 | anomaly", "diff | anomaly"])
def test_it_comes_right_after_pattern(query: str) -> None:
    with pytest.raises(QueryFault, match="right after pattern"):
        compiled(parse(query), 0.0)
