"""``relevantfields``: fields that tell events that meet a condition from the others, and those that do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from statistics import median

import pytest

from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.language import QueryFault, parse

Run = Callable[..., list[dict[str, str]]]


def lines(count: int = 80) -> list[str]:
    """Every fourth request is slow: always by one controller, with large bodies; users have nothing to do with it."""
    return [
        json.dumps(
            {
                "Time": 500 + n if n % 4 == 0 else 100 + n % 50,
                "Controller": "Report" if n % 4 == 0 else ("Home" if n % 2 else "Item"),
                "Body": {"Size": n * 10 + (5000 if n % 4 == 0 else 0)},
                "User": f"u{n // 4 % 2}",
                "Id": f"id-{n}",
                **({"Cache": "miss"} if n % 4 == 0 else {}),
            }
        )
        for n in range(count)
    ]


def test_all_fields_are_ranked(run: Run) -> None:
    found = {row["@fieldName"]: row for row in run("relevantfields where Time > 400", lines())}
    assert list(found)[:4] == ["Body.Size", "Cache", "Controller", "Time"]
    assert {row["@relevanceScore"] for row in list(found.values())[:4]} == {"1"}
    assert "User" not in found and "Id" not in found, "what is the same on both sides tells nothing"
    controller = found["Controller"]
    assert controller["@topRelevanceContributors"] == "Report (+100.0%), Home (-66.7%), Item (-33.3%)"
    assert "@conditionalMedian" not in controller
    slow, quick = (median(each["Time"] for each in map(json.loads, lines()) if (each["Time"] > 400) is side)
                   for side in (True, False))  # fmt: skip
    assert (slow, quick) == (538, 119.5)
    assert (found["Time"]["@conditionalMedian"], found["Time"]["@baselineMedian"]) == ("538", "119.5")
    assert found["Cache"]["@topRelevanceContributors"] == "miss (+100.0%)"


def test_some_fields(run: Run) -> None:
    query = "fields toupper(User) as who | relevantfields Controller, User, who, nope where Time > 400"
    assert [row["@fieldName"] for row in run(query, lines())] == ["Controller"]
    (row,) = run("relevantfields User where Time > 540", lines())
    assert row["@fieldName"] == "User" and 0 < float(row["@relevanceScore"]) < 0.2


def test_it_goes_with_other_commands(run: Run) -> None:
    query = (
        "filter Controller != 'Home' | relevantfields where Time > 400 | filter @relevanceScore = 1 | sort @fieldName"
    )
    found = run(query + " | display @fieldName", lines())
    assert [row["@fieldName"] for row in found] == ["Body.Size", "Cache", "Controller", "Time"]


def test_one_side_alone_tells_nothing(run: Run) -> None:
    assert run("relevantfields where Time > 0", lines()) == run("relevantfields where Time < 0", lines()) == []
    assert run("relevantfields where a = 1", ["plain", "lines"]) == []


@pytest.mark.parametrize(
    "query", ["relevantfields", "relevantfields a, b", "stats count(*) by a | relevantfields where a = 1"]
)
def test_faults(query: str) -> None:
    with pytest.raises(QueryFault):
        compiled(parse(query), 0.0)
