"""Commands by which a row sees those before it: ``accum``, ``autoregress``, ``filldown`` and ``sessionize``.

Rows are in the order of the results so far; only sessions are always in order of time.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Accum.html, CWL_QuerySyntax-Autoregress.html,
CWL_QuerySyntax-Filldown.html and CWL_QuerySyntax-Sessionize.html
"""

from __future__ import annotations

from fnmatch import translate
from re import compile
from typing import TYPE_CHECKING

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.sql import Value
from cloudarium.services.logs.insights.language import tree

if TYPE_CHECKING:
    from cloudarium.services.logs.insights.compile.pipeline import Pipeline


def _ordered(pipeline: Pipeline) -> str:
    return f"ORDER BY {', '.join(pipeline.ordered() or ['1'])}"


def _made(pipeline: Pipeline, name: str, made: Value) -> None:
    made = pipeline.computed(made)
    pipeline.scope.make(name, made.sql, made.kind)
    pipeline.show(name)


def accum(pipeline: Pipeline, command: tree.Accum) -> None:
    """The sum of a field's numbers up to each row."""
    number = sql.number(pipeline.evaluator.value(command.operand))
    window = f"{_ordered(pipeline)} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    _made(pipeline, command.name, Value(f"sum({number}) OVER ({window})", "number"))


def autoregress(pipeline: Pipeline, command: tree.Autoregress) -> None:
    """A field's value so many rows before. Without an alias for one lag, names end with ``_p`` and the lag."""
    operand = pipeline.computed(pipeline.evaluator.value(command.operand))
    for lag in range(command.first, command.last + 1):
        named = command.name and not command.several
        name = command.name if named else f"{command.name or command.operand.name}_p{lag}"
        _made(pipeline, name, Value(f"lag({operand.sql}, {lag}) OVER ({_ordered(pipeline)})", operand.kind))


def filldown(pipeline: Pipeline, command: tree.Filldown) -> None:
    """The last value there was, where a field has none."""
    shown = pipeline.names()
    wanted = shown if not command.patterns else []
    for pattern in command.patterns:
        matches = compile(translate(pattern)).match
        wanted += [name for name in shown if matches(name)] if "*" in pattern else [pattern]
    for name in dict.fromkeys(wanted):
        made = pipeline.named(name)
        window = f"{_ordered(pipeline)} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
        _made(pipeline, name, Value(f"last_value({made.sql} IGNORE NULLS) OVER ({window})", made.kind))


def sessionize(pipeline: Pipeline, command: tree.Sessionize) -> None:
    """Which session a row belongs to. Sessions are numbered from 1 on in the order in which they begin.

    What an identifier looks like on AWS is not documented. Rows without any of the fields are in no session.
    """
    keys = [pipeline.computed(pipeline.evaluator.value(field)).sql for field in command.fields]
    moment = pipeline.computed(Value(pipeline.evaluator.moment(command), "time")).sql
    listed = ", ".join(keys)
    before = f"lag({moment}) OVER (PARTITION BY {listed} ORDER BY {moment})"
    begins = pipeline.computed(Value(f"CASE WHEN {moment} - {before} <= {command.gap} THEN 0 ELSE 1 END", "number")).sql
    # Rows of the same time are of the same session: RANGE, which is the default, takes them together.
    number = pipeline.computed(Value(f"sum({begins}) OVER (PARTITION BY {listed} ORDER BY {moment})", "number")).sql
    start = pipeline.computed(Value(f"min({moment}) OVER (PARTITION BY {listed}, {number})", "time")).sql
    known = " OR ".join(f"{key} IS NOT NULL" for key in keys)
    rank = f"dense_rank() OVER (PARTITION BY {known} ORDER BY {start}, {listed}, {number})"
    _made(pipeline, command.name, Value(f"CASE WHEN {known} THEN CAST({rank} AS DOUBLE) END", "number"))
