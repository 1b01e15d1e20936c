"""Metrics Insights."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.metrics import Metrics
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.cloudwatch.sql import Select, SqlError, parse_select, select

T0 = 1_700_000_040
SCOPE = Scope("111122223333", "eu-west-1")
ELB = 'FROM SCHEMA("AWS/ApplicationELB", LoadBalancer, AvailabilityZone)'


@pytest.fixture
async def metrics() -> Metrics:
    found = Metrics(Clock(ClockState(0.0, float(T0 + 600), 0.0)), Store(None))
    for balancer, zone, value in [("a", "z1", 1.0), ("a", "z2", 5.0), ("b", "z1", 3.0)]:
        for minute in range(3):
            where = {"LoadBalancer": balancer, "AvailabilityZone": zone}
            found.record(SCOPE, "AWS/ApplicationELB", "RequestCount", where, value, at=T0 + 60 * minute)
    found.record(SCOPE, "AWS/ApplicationELB", "RequestCount", {"LoadBalancer": "a"}, 100.0, at=T0)
    found.record(SCOPE, "AWS/ApplicationELB", "RequestCount", {}, 1000.0, at=T0)
    return found


def run(metrics: Metrics, text: str, **more: Any) -> list[tuple[str, list[float]]]:
    found = select(metrics, SCOPE, parse_select(text), T0, T0 + 600, 60, T0 + 600)
    return [(each.label, [each.points[at] for at in sorted(each.points)]) for each in found.series]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"SELECT SUM(RequestCount) {ELB}", [("RequestCount", [9, 9, 9])]),
        ('SELECT SUM(RequestCount) FROM SCHEMA("AWS/ApplicationELB")', [("RequestCount", [1000])]),
        ('select max(RequestCount) from "AWS/ApplicationELB"', [("RequestCount", [1000, 5, 5])]),
        (f"SELECT AVG(RequestCount) {ELB} WHERE LoadBalancer = 'a'", [("RequestCount", [3, 3, 3])]),
        (f"SELECT COUNT(RequestCount) {ELB} WHERE LoadBalancer != 'a'", [("RequestCount", [1, 1, 1])]),
        (f"SELECT MIN(RequestCount) {ELB} GROUP BY LoadBalancer", [("a", [1, 1, 1]), ("b", [3, 3, 3])]),
        (
            f"SELECT SUM(RequestCount) {ELB} GROUP BY AvailabilityZone, LoadBalancer ORDER BY MAX() DESC LIMIT 2",
            [("z2 a", [5, 5, 5]), ("z1 b", [3, 3, 3])],
        ),
        (
            f"SELECT SUM(RequestCount) {ELB} WHERE LoadBalancer='a' AND AvailabilityZone='z1' OR LoadBalancer='b'",
            [("RequestCount", [4, 4, 4])],
        ),
        (
            f"SELECT SUM(RequestCount) {ELB} WHERE LoadBalancer='a' AND (AvailabilityZone='z1' OR LoadBalancer='b')",
            [("RequestCount", [1, 1, 1])],
        ),
        (
            'SELECT SUM(RequestCount) FROM "AWS/ApplicationELB" GROUP BY AvailabilityZone ORDER BY SUM() ASC',
            [("z1", [4, 4, 4]), ("z2", [5, 5, 5]), ("Other", [1100])],
        ),
        ('SELECT SUM(Nothing) FROM "AWS/ApplicationELB"', []),
    ],
)
async def test_queries(metrics: Metrics, text: str, expected: list[tuple[str, list[float]]]) -> None:
    assert run(metrics, text) == expected


async def test_only_two_weeks_are_seen(metrics: Metrics) -> None:
    found = select(
        metrics, SCOPE, parse_select(f"SELECT SUM(RequestCount) {ELB}"), T0 - 15 * 86_400, T0 + 600, 60, T0 + 600
    )
    assert [code for code, _ in found.messages] == ["MaxQueryTimeRangeExceeded"]
    assert len(found.series) == 1


async def test_more_than_500_groups(metrics: Metrics) -> None:
    for number in range(510):
        metrics.record(SCOPE, "N", "M", {"D": f"{number:04d}"}, float(number), at=T0)
    query = parse_select("SELECT MAX(M) FROM N GROUP BY D ORDER BY MAX() DESC")
    found = select(metrics, SCOPE, query, T0, T0 + 600, 60, T0 + 600)
    assert [each.label for each in found.series[:2]] == ["0509", "0508"] and len(found.series) == 500
    assert [code for code, _ in found.messages] == ["MaxQueryResultsExceeded"]


def test_names_in_quotes() -> None:
    text = r"""SELECT AVG("Bytes\"In\"") FROM "My Space" WHERE "a b" = 'it\'s' LIMIT 10"""
    found = parse_select(text)
    assert (found.metric, found.namespace, found.limit) == ('Bytes"In"', "My Space", 10)
    assert found.where == ("a b", "it's", True)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT", "SELECT MEDIAN(a) FROM b", "SELECT AVG() FROM b", "SELECT AVG(a)", "SELECT AVG(a) FROM b WHERE c",
        "SELECT AVG(a) FROM b WHERE c = d", "SELECT AVG(a) FROM b GROUP c", "SELECT AVG(a) FROM b LIMIT 501",
        "SELECT AVG(a) FROM b LIMIT 0", "SELECT AVG(a) FROM b ORDER BY AVG", "SELECT AVG(LIMIT) FROM b",
        "SELECT AVG(a) FROM AWS/EC2", "SELECT AVG(a) FROM b; DROP", "SELECT AVG(a) FROM SCHEMA()",
    ],
)  # fmt: skip
def test_mistakes(text: str) -> None:
    with pytest.raises(SqlError):
        parse_select(text)


def test_tags_are_refused_by_name() -> None:
    with pytest.raises(NotThere, match=r"tag\.env"):
        parse_select("SELECT AVG(a) FROM b WHERE tag.env = 'prod'")


_WORDS = [
    "SELECT",
    "AVG",
    "(",
    ")",
    "a",
    "FROM",
    "SCHEMA",
    "WHERE",
    "=",
    "'x'",
    '"y"',
    ",",
    "GROUP",
    "BY",
    "LIMIT",
    "!",
]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(_WORDS), max_size=20).map(" ".join)))
def test_any_text_is_a_query_or_a_mistake(text: str) -> None:
    try:
        assert isinstance(parse_select(text), Select)
    except SqlError:
        pass
