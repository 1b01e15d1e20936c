"""Commands that look at all rows at once: ``addtotals`` and ``outlier``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Addtotals.html and CWL_QuerySyntax-Outlier.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.nesting import place
from cloudarium.services.logs.insights.compile.sql import Value
from cloudarium.services.logs.insights.language import tree

if TYPE_CHECKING:
    from cloudarium.services.logs.insights.compile.pipeline import Pipeline


def addtotals(pipeline: Pipeline, command: tree.Addtotals) -> None:
    """The sum of each row's numbers, and of each field's in a row at the end, which is no event."""
    given = [field.name for field in command.fields]
    names = given or [name for name in pipeline.names() if not name.startswith("@")]
    numbers = {name: sql.number(pipeline.named(name)) for name in names if pipeline.named(name).kind != "time"}
    if command.row and numbers:
        terms = " + ".join(f"COALESCE({number}, 0)" for number in numbers.values())
        known = " OR ".join(f"{number} IS NOT NULL" for number in numbers.values())
        made = pipeline.computed(Value(f"CASE WHEN {known} THEN {terms} END", "number"))
        pipeline.scope.make(command.name, made.sql, "number")
        pipeline.show(command.name)
        numbers[command.name] = made.sql
    if command.column:
        _summary(pipeline, set(numbers))


def _summary(pipeline: Pipeline, summed: set[str]) -> None:
    """One row more, below the others."""
    shown = {name: _plain(pipeline.named(name)) for name in pipeline.names()}
    columns = {name: pipeline.column() for name in shown}
    at = pipeline.column()
    rows, last_row = [f"{place(pipeline)} AS {at}"], [f"NULL AS {at}"]
    for name, made in shown.items():
        sum_ = Value(f"sum({sql.number(made)})", "number")
        total = (sum_.sql if made.kind == "number" else sql.text(sum_)) if name in summed else "NULL"
        rows.append(f"{made.sql} AS {columns[name]}")
        last_row.append(f"{total} AS {columns[name]}")
    last = pipeline.last
    pipeline.materialize(
        f"SELECT {', '.join(rows)} FROM {last} UNION ALL BY NAME SELECT {', '.join(last_row)} FROM {last}"
    )
    pipeline.scope.clear()
    for name, made in shown.items():
        pipeline.scope.make(name, columns[name], made.kind)
    pipeline.shown, pipeline.displayed = list(shown), None
    pipeline.order = [f"{at} ASC NULLS LAST"]


def _plain(made: Value) -> Value:
    """A value beside which a sum can be: truth as a number, a document as a text."""
    if made.kind == "bool":
        return Value(sql.number(made), "number")
    return Value(sql.text(made), "text") if made.kind == "json" else made


def outlier(pipeline: Pipeline, command: tree.Outlier) -> None:
    """Drop rows with numbers far away from the middle half of a field's, or bring those numbers to the bounds.

    The field that ``mark`` adds has no documented name: it is the field's with ``_outlier``.
    """
    apart = []
    for field in command.fields:
        number = pipeline.computed(Value(sql.number(pipeline.evaluator.value(field)), "number")).sql
        low, high = (f"quantile_cont({number}, {part}) OVER ()" for part in (0.25, 0.75))
        first, third = (pipeline.computed(Value(quartile, "number")).sql for quartile in (low, high))
        upper = f"({third} + {command.factor!r} * ({third} - {first}))"
        lower = f"({first} - {command.factor!r} * ({third} - {first}))"
        test = f"{number} > {upper}" + (f" OR {number} < {lower}" if command.lower else "")
        away = pipeline.computed(Value(f"COALESCE({test}, false)", "bool")).sql
        apart.append(away)
        if not command.remove:
            bounded = f"least({number}, {upper})"
            bounded = f"greatest({bounded}, {lower})" if command.lower else bounded
            # NULL and NaN stay what they are: least() would leave them out.
            made = pipeline.computed(Value(f"CASE WHEN {number} IS NOT NULL THEN {bounded} END", "number"))
            pipeline.scope.make(field.name, made.sql, "number")
            pipeline.show(field.name)
        if command.mark:
            pipeline.scope.make(f"{field.name}_outlier", away, "bool")
            pipeline.show(f"{field.name}_outlier")
    if command.remove:
        pipeline.relation(f"SELECT * FROM {pipeline.last} WHERE NOT ({' OR '.join(apart)})")
