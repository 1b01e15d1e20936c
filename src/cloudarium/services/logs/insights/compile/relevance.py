"""``relevantfields``: which fields tell the events that meet a condition from the others.

AWS documents what the results are, not how the score comes about. Here it is, from 0 to 1, how far apart the values of
a field are on both sides: for numbers the largest distance of the two cumulative distributions, for other values half
of the sum of differences in their shares. Values that come once in a while (identifiers) are taken as one, or each of
them would be on one side only and the field would seem to tell everything.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-RelevantFields.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.services.logs.insights.compile import discovery, sql
from cloudarium.services.logs.insights.compile.plan import Table
from cloudarium.services.logs.insights.compile.sql import Kind, literal
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

if TYPE_CHECKING:
    from cloudarium.services.logs.insights.compile.pipeline import Pipeline

MOST_FIELDS = 1_000
"""Fields that are looked at, those that most events have."""
_NUMERIC = 10
"""Numbers of a field that must differ for it to be looked at as one of numbers."""
_LEAST = 0.0001
"""Scores below are none: sums of fractions are seldom zero."""
_SHOWN = 3
"""Values that are named of a field that has none."""


def relevant_fields(pipeline: Pipeline, command: tree.RelevantFields) -> None:
    """A row for each field, the one that tells most first."""
    if not pipeline.scope.events:
        raise QueryFault("relevantfields needs log events", command.start, command.end)
    meets = pipeline.column()
    condition = pipeline.evaluator.condition(command.condition)
    pipeline.relation(f"SELECT *, COALESCE({condition}, false) AS {meets} FROM {pipeline.last}", meets)
    values = _given(pipeline, command.fields, meets) if command.fields else _every(pipeline, meets)
    sides = f"SELECT count(*) FILTER ({meets}) AS ours, count(*) FILTER (NOT {meets}) AS theirs FROM {pipeline.last}"
    both = pipeline.table()
    pipeline.steps.append(_table(pipeline, both, sides))
    table = pipeline.table()
    pipeline.steps.append(_table(pipeline, table, values))
    pipeline.relations = []
    pipeline.scope.clear()
    pipeline.matched = f"SELECT ours FROM {both}"
    pipeline.materialize(_scored(table, both))
    columns: list[tuple[str, str, Kind]] = [
        ("@fieldName", "field", "text"), ("@relevanceScore", "score", "number"),
        ("@topRelevanceContributors", "top", "text"), ("@conditionalMedian", "median_ours", "number"),
        ("@baselineMedian", "median_theirs", "number"),
    ]  # fmt: skip
    for shown, column, kind in columns:
        pipeline.scope.make(shown, column, kind)
    pipeline.shown, pipeline.displayed = [shown for shown, _, _ in columns], None
    pipeline.order = ["score DESC", "field"]


def _table(pipeline: Pipeline, name: str, select: str) -> Table:
    return Table(name, pipeline.with_relations(select))


def _given(pipeline: Pipeline, fields: tuple[tree.Field, ...], meets: str) -> str:
    """(field, value, meets) of some fields of every event."""
    shown = {field.name: sql.text(pipeline.evaluator.value(field)) for field in fields}
    names, texts = ", ".join(map(literal, shown)), ", ".join(shown.values())
    pairs = f"SELECT unnest([{names}]) AS field, unnest([{texts}]) AS value, {meets} AS meets FROM {pipeline.last}"
    return f"SELECT * FROM ({pairs}) WHERE value IS NOT NULL"


def _every(pipeline: Pipeline, meets: str) -> str:
    """The same of every field of JSON, and of those that earlier commands made."""
    document = discovery.document("message")
    path = "regexp_replace(replace(replace(substr(fullkey, 2), '\"', ''), ']', ''), '[.\\[]', '.', 'g')"
    found = (
        f"SELECT substr({path}, 2) AS field, json_extract_string(atom, '$') AS value, {meets} AS meets "
        f"FROM {pipeline.last}, json_tree(CASE WHEN json_valid({document}) THEN {document} END) WHERE atom IS NOT NULL"
    )
    if not pipeline.scope.made:
        return found
    made = tuple(tree.Field(tuple(name.split("."))) for name in pipeline.scope.made)
    return f"{found} UNION ALL {_given(pipeline, made, meets)}"


def _scored(table: str, both: str) -> str:
    known = (
        f"SELECT field, count(*) AS n, count(*) FILTER (meets) AS ours, count(*) FILTER (NOT meets) AS theirs, "
        "count(TRY_CAST(value AS DOUBLE)) = count(*) AND "
        f"count(DISTINCT value) > {_NUMERIC} AS numeric, "
        "median(TRY_CAST(value AS DOUBLE)) FILTER (meets) AS median_ours, "
        "median(TRY_CAST(value AS DOUBLE)) FILTER (NOT meets) AS median_theirs "
        f"FROM {table} GROUP BY field ORDER BY n DESC, field LIMIT {MOST_FIELDS}"
    )
    counted = (
        f"SELECT field, value, count(*) AS n, count(*) FILTER (meets) AS ours, count(*) FILTER (NOT meets) AS theirs "
        f"FROM {table} GROUP BY field, value"
    )
    # Cumulated over what is below a number or equal to it.
    cumulated = (
        "SELECT field, abs(sum(counted.ours) OVER below / known.ours - sum(counted.theirs) OVER below / known.theirs) "
        "AS apart FROM counted JOIN known USING (field) WHERE numeric AND known.ours > 0 AND known.theirs > 0 "
        "WINDOW below AS (PARTITION BY field ORDER BY CAST(value AS DOUBLE))"
    )
    rare = "counted.n < greatest(2, (both_.ours + both_.theirs) / 200)"
    shares = (
        f"SELECT field, CASE WHEN {rare} THEN NULL ELSE value END AS value, "
        "sum(counted.ours / both_.ours - counted.theirs / both_.theirs) AS shift "
        f"FROM counted JOIN known USING (field), {both} AS both_ "
        "WHERE NOT numeric AND both_.ours > 0 AND both_.theirs > 0 GROUP BY 1, 2"
    )
    # Events that do not have the field differ from those that do.
    missing = (
        "SELECT field, abs(known.ours / both_.ours - known.theirs / both_.theirs) AS shift "
        f"FROM known, {both} AS both_ WHERE NOT numeric AND both_.ours > 0 AND both_.theirs > 0"
    )
    shown = "value || ' (' || printf('%+.1f', shares.shift * 100) || '%)'"
    listed = f"list({shown} ORDER BY abs(shares.shift) DESC, value) FILTER (value IS NOT NULL)"
    categorical = (
        "SELECT field, (sum(abs(shares.shift)) + max(missing.shift)) / 2 AS score, "
        f"array_to_string(list_slice({listed}, 1, {_SHOWN}), ', ') AS top "
        "FROM shares JOIN missing USING (field) GROUP BY field"
    )
    return (
        f"WITH known AS ({known}), counted AS ({counted}), cumulated AS ({cumulated}), shares AS ({shares}), "
        f"missing AS ({missing}), categorical AS ({categorical}), "
        "numbers AS (SELECT field, max(apart) AS score FROM cumulated GROUP BY field) "
        "SELECT field, round(least(COALESCE(numbers.score, categorical.score), 1), 4) AS score, top, "
        "CASE WHEN numeric THEN median_ours END AS median_ours, "
        "CASE WHEN numeric THEN median_theirs END AS median_theirs "
        "FROM known LEFT JOIN numbers USING (field) LEFT JOIN categorical USING (field) "
        f"WHERE COALESCE(numbers.score, categorical.score) >= {_LEAST}"
    )
