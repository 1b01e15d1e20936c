"""``pattern``, and what may come after it: ``diff``, ``logcompare`` and ``anomaly``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Pattern.html, CWL_QuerySyntax-Diff.html,
CWL_QuerySyntax-Logcompare.html (which says nothing of its results: they are those of ``diff``) and
CWL_QuerySyntax-Anomaly.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cloudarium.services.logs.insights.compile import sql, templates
from cloudarium.services.logs.insights.compile.plan import Anomalies, Clusters
from cloudarium.services.logs.insights.compile.sql import Kind, Value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

if TYPE_CHECKING:
    from cloudarium.services.logs.insights.compile.pipeline import Pipeline


class Lines(NamedTuple):
    """The relations up to one of the lines that a pattern is made of, and its columns."""

    relations: list[tuple[str, str]]
    text: str
    form: str


def pattern(pipeline: Pipeline, operand: tree.Expression) -> None:
    """Take lines together that differ only in what varies."""
    if not pipeline.scope.events:
        raise QueryFault("pattern needs log events", operand.start, operand.end)
    text = pipeline.computed(Value(sql.text(pipeline.evaluator.value(operand)), "text")).sql
    form, name = pipeline.column(), pipeline.column()
    counts = "count(*) FILTER (NOT previous) AS current, count(*) FILTER (previous) AS previous"
    pipeline.relation(f"SELECT {text}, {templates.form(text)} AS {form}, previous, time FROM {pipeline.last}")
    pipeline.lines = Lines(list(pipeline.relations), text, form)
    pipeline.relation(
        f"SELECT min({text}) AS {text}, {counts} FROM {pipeline.last} WHERE {text} IS NOT NULL GROUP BY {form}"
    )
    pipeline.relation(f"SELECT {templates.template(text)} AS {name}, current, previous FROM {pipeline.last}")
    counted = (
        f"SELECT {name}, sum(current)::BIGINT, sum(previous)::BIGINT FROM {pipeline.last} GROUP BY 1 "
        f"ORDER BY sum(current + previous) DESC, 1 LIMIT {templates.MOST}"
    )
    table = pipeline.table()
    pipeline.steps.append(Clusters(table, pipeline.with_relations(counted), False))
    columns: list[tuple[str, str, Kind]] = [
        ("@pattern", "pattern", "text"), ("@sampleCount", "current", "number"), ("@ratio", "ratio", "number"),
        ("@severityLabel", "severity", "text"),
    ]  # fmt: skip
    _results(pipeline, table, columns, ["current DESC", "pattern"])
    pipeline.matched = f"SELECT CAST(COALESCE(sum(current), 0) AS BIGINT) FROM {table}"


def _results(pipeline: Pipeline, table: str, columns: list[tuple[str, str, Kind]], order: list[str]) -> None:
    pipeline.relations = [(table, "")]
    pipeline.scope.clear()
    for shown, column, kind in columns:
        pipeline.scope.make(shown, column, kind)
    pipeline.shown, pipeline.displayed = [shown for shown, _, _ in columns], None
    pipeline.order = order


def _fresh(pipeline: Pipeline) -> Clusters | None:
    """The clusters, if nothing has been done with them yet."""
    step = pipeline.steps[-1] if pipeline.steps else None
    return step if isinstance(step, Clusters) and len(pipeline.relations) == 1 and pipeline.diff is None else None


def compare(pipeline: Pipeline, command: tree.Diff) -> None:
    """``diff`` and ``logcompare``: how often each pattern was found in another time range."""
    if pipeline.scope.events:
        pattern(pipeline, tree.Field(("@message",), start=command.start, end=command.end))
    step = _fresh(pipeline)
    if step is None:
        raise QueryFault("diff must come right after pattern, or without stats", command.start, command.end)
    pipeline.steps[-1] = step._replace(diff=True)
    pipeline.diff = command.modifier
    for shown, column in (("@previousSampleCount", "previous"), ("@sampleCountChange", "change")):
        pipeline.scope.make(shown, column, "number")
        pipeline.show(shown)
    pipeline.order = ["abs(change) DESC", "current DESC", "pattern"]


def anomaly(pipeline: Pipeline, command: tree.Anomaly) -> None:
    """What is unusual about patterns; ``anomalies`` says what that is."""
    step, lines = _fresh(pipeline), pipeline.lines
    if step is None or lines is None:
        raise QueryFault("anomaly must come right after pattern", command.start, command.end)
    pipeline.relations = lines.relations
    text, form, last = lines.text, lines.form, lines.relations[-1][0]
    select = f"SELECT {text} AS text, {form} AS form, time FROM {last} WHERE NOT previous AND {text} IS NOT NULL"
    pipeline.steps[-1] = Anomalies(step.name, pipeline.with_relations(select), pipeline.window)
    columns: list[tuple[str, str, Kind]] = [
        ("@pattern", "pattern", "text"), ("@sampleCount", "current", "number"), ("@ratio", "ratio", "number"),
        ("@severityLabel", "severity", "text"), ("@anomalyType", "type", "text"), ("@timestamp", "time", "time"),
        ("@description", "description", "text"), ("@priority", "priority", "text"),
        ("@priorityScore", "score", "number"), ("@anomalyLogSamples", "samples", "text"),
    ]  # fmt: skip
    _results(pipeline, step.name, columns, ["score DESC", "pattern", "type"])
    pipeline.matched = f"SELECT count(*) FROM {step.name}_lines"
