"""Queries within a query: ``join``, ``appendcols`` and ``in (…)``.

A nested query is compiled on its own, with names of its own, into a table that is made before anything of the outer
query; which of its fields become columns is known once the outer query is compiled.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Join.html, CWL_QuerySyntax-Subqueries.html and
CWL_QuerySyntax-Appendcols.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.plan import Input, Step, Table
from cloudarium.services.logs.insights.compile.scope import Sides
from cloudarium.services.logs.insights.compile.sql import Value, value
from cloudarium.services.logs.insights.language import tree

if TYPE_CHECKING:
    from cloudarium.services.logs.insights.compile.pipeline import Pipeline


class Nested:
    """A query within another one, and what that one wants of it."""

    def __init__(self, outer: Pipeline, query: tree.Query) -> None:
        prefix = f"n{len(outer.nested) + 1}_"
        outer.nested.append(self)
        self.pipeline = type(outer)(query, outer.now, narrowed(query.source, outer.now, outer.window), prefix)
        self.pipeline.take_all()
        if self.pipeline.limit is not None:
            self.pipeline.settle_limit()
        self.table = f"{prefix}rows"
        self.columns: list[str] = []
        """Names of the table's columns, as far as any are wanted by now."""
        self._wanted: dict[str, str] = {}

    def column(self, made: Value) -> Value:
        """A value of the nested query's rows as a column of the table."""
        name = self._wanted.get(made.sql)
        if name is None:
            name = self._wanted[made.sql] = f"{self.pipeline.prefix}w{len(self._wanted)}"
            self.columns.append(name)
        return Value(name, made.kind)

    def field(self, field: tree.Field, unmasked: bool = False) -> Value:
        """A field of the nested query's rows as a column of the table."""
        return self.column(self.pipeline.scope.resolve(field, unmasked))

    def place(self) -> Value:
        """Where a row is in the results of the nested query, from 1 on."""
        return self.column(Value(place(self.pipeline), "number"))

    def steps(self) -> list[Step]:
        """What makes the table."""
        pipeline = self.pipeline
        listed = ", ".join(f"{made} AS {name}" for made, name in self._wanted.items())
        made = Table(self.table, pipeline.with_relations(f"SELECT {listed} FROM {pipeline.last}"))
        return [step._replace(select=pipeline.based(step.select)) for step in (*pipeline.steps, made)]

    def input(self) -> Input:
        """What the nested query reads."""
        pipeline = self.pipeline
        start, end = (each - pipeline.shift for each in pipeline.window)
        return Input(
            pipeline.prefix, pipeline.query, (start, end), pipeline.diff, pipeline.scope.raw, tuple(pipeline.indexed)
        )  # fmt: skip


def narrowed(source: tree.Source | None, now: float, window: tuple[int, int]) -> tuple[int, int]:
    """The time range (milliseconds, inclusive) of a query whose SOURCE may have a ``start`` and an ``end``."""
    start, end = window
    if source is not None and source.first is not None:
        start = int(now * 1000) - source.first.before
    if source is not None and source.last is not None:
        end = int(now * 1000) - source.last.before
    return start, end


def place(pipeline: Pipeline) -> str:
    """SQL for where a row is in the results so far, from 1 on."""
    return f"row_number() OVER (ORDER BY {', '.join(pipeline.ordered() or ['1'])})"


def among(pipeline: Pipeline, node: tree.Among) -> Value:
    """Whether a field has a value that a subquery finds for the field of that name."""
    shown = sql.text(pipeline.evaluator.value(node.operand))
    nested = Nested(pipeline, node.query)
    found = nested.column(Value(sql.text(nested.pipeline.named(node.operand.name)), "text")).sql
    test = f"{shown} IN (SELECT {found} FROM {nested.table} WHERE {found} IS NOT NULL)"
    return value(f"COALESCE({test}, false)", "bool")


def join(pipeline: Pipeline, command: tree.Join) -> None:
    """Rows of both sides whose keys are the same; with ``type=left`` also those of the left that have no match."""
    nested = Nested(pipeline, command.query)
    tests = []
    for left, right in command.keys:
        found = nested.column(Value(sql.text(nested.pipeline.scope.resolve(right)), "text"))
        tests.append(f"{sql.text(pipeline.evaluator.value(left))} = {found.sql}")
    last, kind = pipeline.last, "LEFT JOIN" if command.outer else "JOIN"
    select = f"SELECT {last}.*, {nested.table}.* FROM {last} {kind} {nested.table} ON {' AND '.join(tests)}"
    pipeline.relation(select)
    # The same list, which grows with every field that is asked for later.
    pipeline.columns_of[select] = nested.columns
    pipeline.scope.sides = Sides(command.left, command.right, nested.field)


def appendcols(pipeline: Pipeline, command: tree.Appendcols) -> None:
    """The subquery's fields beside those there are, first row by first row and so on."""
    nested = Nested(pipeline, command.query)
    found = {name: nested.column(nested.pipeline.named(name)) for name in nested.pipeline.names()}
    right = nested.place()
    left = pipeline.computed(Value(place(pipeline), "number")).sql
    last, table = pipeline.last, nested.table
    before = {name: pipeline.scope.made.get(name) for name in found}
    shown = set(pipeline.names())
    select = (
        f"SELECT {last}.*, {table}.* FROM {last} LEFT JOIN {table} "
        f"ON {last}.{left} = {table}.{right.sql} AND {table}.{right.sql} <= {command.most}"
    )
    pipeline.relation(select)
    pipeline.columns_of[select] = nested.columns
    for name, made in found.items():
        old = before[name] or (pipeline.named(name) if name in shown else None)
        if old is not None and not command.override:
            continue
        if old is not None:
            # Rows that the subquery has none for stay as they are.
            chosen = f"CASE WHEN {right.sql} IS NULL THEN {sql.text(old)} ELSE {sql.text(made)} END"
            made = pipeline.computed(Value(chosen, "text"))
        pipeline.scope.make(name, made.sql, made.kind)
        pipeline.show(name)
