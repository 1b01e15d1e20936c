"""Queries within a query: join, subqueries and appendcols."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloudarium.services.logs.insights.compile import compiled
from cloudarium.services.logs.insights.language import QueryFault, parse

Run = Callable[..., list[dict[str, str]]]
API = [
    '{"requestId": "r1", "status": 500, "latency": 12}',
    '{"requestId": "r2", "status": 200, "latency": 3}',
    '{"requestId": "r3", "status": 503, "latency": 40}',
    '{"requestId": "r4", "status": 500}',
]
LAMBDA = [
    '{"requestId": "r1", "duration": 10, "memory": {"used": 64}}',
    '{"requestId": "r3", "duration": 35, "memory": {"used": 128}}',
    '{"requestId": "r3", "duration": 36, "memory": {"used": 129}}',
    '{"requestId": "r9", "duration": 1}',
]


def test_an_inner_join_has_the_rows_that_match(run: Run) -> None:
    query = """filter status >= 500
    | join type=inner left=api right=lambda where api.requestId=lambda.requestId (SOURCE '/aws/lambda/f')
    | fields api.requestId, api.status, api.latency, lambda.duration, lambda.memory.used
    | sort api.latency desc, lambda.duration asc"""
    assert run(query, API, nested=[LAMBDA]) == [
        {"api.requestId": "r3", "api.status": "503", "api.latency": "40", "lambda.duration": "35",
         "lambda.memory.used": "128"},
        {"api.requestId": "r3", "api.status": "503", "api.latency": "40", "lambda.duration": "36",
         "lambda.memory.used": "129"},
        {"api.requestId": "r1", "api.status": "500", "api.latency": "12", "lambda.duration": "10",
         "lambda.memory.used": "64"},
    ]  # fmt: skip


def test_a_left_join_keeps_what_has_no_match(run: Run) -> None:
    query = """join type=left left=a right=b where a.requestId = b.requestId (SOURCE g)
    | fields a.requestId as id, b.duration as took, requestId | sort id, took"""
    assert run(query, API, nested=[LAMBDA]) == [
        {"id": "r1", "took": "10", "requestId": "r1"}, {"id": "r2", "requestId": "r2"},
        {"id": "r3", "took": "35", "requestId": "r3"}, {"id": "r3", "took": "36", "requestId": "r3"},
        {"id": "r4", "requestId": "r4"},
    ]  # fmt: skip


def test_joined_rows_can_be_filtered_and_grouped_by_both_sides(run: Run) -> None:
    query = """join left=a right=b where b.requestId = a.requestId and a.status = b.code (
        SOURCE g | filter duration > 5 | parse @message '"duration": *,' as took | fields 500 as code, took)
    | filter b.took < 36 | stats count(*) as n, sum(b.took) as took by a.status"""
    assert run(query, API, nested=[LAMBDA]) == [{"a.status": "500", "n": "1", "took": "10"}]


def test_a_join_with_groups_of_rows(run: Run) -> None:
    query = """fields requestId | join left=l right=r where l.requestId = r.requestId (
        SOURCE g | stats max(duration) as slowest, count(*) as calls by requestId | sort slowest desc | limit 1)
    | display requestId, r.slowest, r.calls"""
    assert run(query, API, nested=[LAMBDA]) == [{"requestId": "r3", "r.slowest": "36", "r.calls": "2"}]
    with pytest.raises(QueryFault, match="Unknown symbols"):
        run(query.replace("r.calls", "r.duration"), API, nested=[LAMBDA])


def test_fields_of_an_event_in_a_join(run: Run) -> None:
    query = """join left=l right=r where l.requestId = r.requestId (SOURCE g)
    | fields r.@message as theirs, l.@message as ours, r.@timestamp as later | filter later > l.@timestamp"""
    assert run(query, ['{"requestId": "r1"}', '{"requestId": "r3"}'], nested=[LAMBDA]) == [
        {"theirs": LAMBDA[2], "ours": '{"requestId": "r3"}', "later": "2021-01-01 00:02:00.000"}
    ]


def test_a_subquery_gives_the_values_of_a_filter(run: Run) -> None:
    query = """filter requestId in (
        SOURCE '/aws/lambda/database-service' | filter duration > 20 | fields requestId
    ) | fields requestId, status"""
    assert run(query, API, nested=[LAMBDA]) == [{"requestId": "r3", "status": "503"}]
    outside = run("filter requestId not in (filter duration > 5 | fields requestId) | fields requestId", API,
                  nested=[LAMBDA])  # fmt: skip
    assert [row["requestId"] for row in outside] == ["r4", "r2"]
    grouped = "filter requestId in (stats count(*) as c by requestId | filter c > 1) or status = 200 | fields requestId"
    assert [row["requestId"] for row in run(grouped, API, nested=[LAMBDA])] == ["r3", "r2"]


def test_a_subquery_of_the_same_groups(run: Run) -> None:
    lines = [f'{{"ip": "{ip}", "status": {status}}}' for ip, status in (("a", 500), ("a", 200), ("b", 200), ("c", 500))]
    query = "filter ip in (filter status = 500 | stats count(*) by ip) | stats count(*) as n by ip | sort ip"
    assert run(query, lines) == [{"ip": "a", "n": "2"}, {"ip": "c", "n": "1"}]


def test_two_subqueries_and_a_join(run: Run) -> None:
    query = """filter requestId in (SOURCE a | limit 2 | fields requestId)
    | filter requestId not in (SOURCE b | fields requestId)
    | join left=x right=y where x.requestId=y.requestId (SOURCE c) | fields requestId, y.duration"""
    first, second = ['{"requestId": "r1"}', '{"requestId": "r2"}', '{"requestId": "r3"}'], ['{"requestId": "r2"}']
    found = run(query, API, nested=[first, second, LAMBDA])
    # The newest two of the first are r3 and r2.
    assert sorted(row["y.duration"] for row in found) == ["35", "36"]


def test_appended_columns(run: Run) -> None:
    query = """stats count(*) as cnt by status | sort status
    | appendcols ( SOURCE lg | stats avg(duration) as avgLat by requestId | sort requestId )"""
    assert run(query, API, nested=[LAMBDA]) == [
        {"status": "200", "cnt": "1", "requestId": "r1", "avgLat": "10"},
        {"status": "500", "cnt": "2", "requestId": "r3", "avgLat": "35.5"},
        {"status": "503", "cnt": "1", "requestId": "r9", "avgLat": "1"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "found"),
    [("", ["200", "500", "503"]), ("override=true", ["x", "y", "503"]), ("override=true max=1", ["x", "500", "503"])],
)
def test_appended_columns_that_are_there_already(run: Run, options: str, found: list[str]) -> None:
    query = f"""stats count(*) by status | sort status
    | appendcols {options} (SOURCE g | stats count(*) as n by status | sort status)"""
    rows = run(query, API, nested=[['{"status": "x"}', '{"status": "y"}']])
    assert [row["status"] for row in rows] == found
    assert [row.get("n") for row in rows] == ["1", "1" if "max" not in options else None, None]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("join left=a right=b where a.x=b.x (filter y = 1)", "needs a SOURCE"),
        ("join left=a right=a where a.x=a.x (SOURCE 'g')", "different aliases"),
        ("join left=a right=b where a.x>b.x (SOURCE 'g')", "only equality"),
        ("join left=a right=b where a.x=c.x (SOURCE 'g')", "must compare fields"),
        ("join type=outer left=a right=b where a.x=b.x (SOURCE 'g')", "type must be one of"),
        ("join left=a right=b where a.x=b.x (SOURCE 'g') | join left=c right=d where c.x=d.x (SOURCE 'g')", "only one"),
        ("join left=a right=b where a.x=b.x (SOURCE 'g' | filter x in (fields x))", "not supported"),
        ("filter x in (filter y in (fields y) | fields x)", "nested subqueries"),
        ("filter x + 1 in (fields x)", "unexpected"),
        ("filter x in (fields x", "unexpected end"),
        ("filter x in (stats count(*) by y)", "Unknown symbols"),
        ("appendcols override=1 (fields x)", "override must be"),
        ("appendcols max=0 (fields x)", "max must be"),
        ("filter " + " or ".join(["x in (fields x)"] * 11), "at most 10 subqueries"),
    ],
)
def test_faults_of_nested_queries(query: str, words: str) -> None:
    with pytest.raises(QueryFault, match=words):
        compiled(parse(query), 0.0)


def test_what_a_nested_query_reads() -> None:
    query = "filter x in (SOURCE 'a' start=-2d end=-1h | fields x) | filter y in (fields unmask(y) as y)"
    plan = compiled(parse(query), 1000.0, None, (5, 10))
    assert [each.prefix for each in plan.inputs] == ["n1_", "n2_"]
    assert [each.window for each in plan.inputs] == [(1_000_000 - 172_800_000, 1_000_000 - 3_600_000), (5, 10)]
    assert [each.raw for each in plan.inputs] == [False, True] and not plan.raw
    source = plan.inputs[0].query.source
    assert source is not None and source.names == ("a",) and plan.inputs[1].query.source is None
