"""``stats``, and ``fillmissing`` after it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html and CWL_QuerySyntax-Fillmissing.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.compare import ordering
from cloudarium.services.logs.insights.compile.dates import floored
from cloudarium.services.logs.insights.compile.sql import Kind, Value, literal
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault
from cloudarium.services.logs.insights.language.periods import MILLISECONDS, MONTHS

if TYPE_CHECKING:
    from cloudarium.services.logs.insights.compile.pipeline import Pipeline

MOST_BINS = 100_000
"""Rows that ``fillmissing`` may insert for each group: as many as ``limit`` may let through."""
_MONTH = 28 * 86_400_000


class Binned(NamedTuple):
    """By what the rows are grouped: a column of bins of a period, and the other keys."""

    column: Value
    period: tree.Period
    others: tuple[Value, ...]


def stats(pipeline: Pipeline, command: tree.Stats) -> None:
    """Group rows and calculate."""
    scope = pipeline.scope
    events = scope.events
    if command.offset and not events:
        raise QueryFault("offset must be in the first stats of a query", command.start, command.end)
    pipeline.shift = command.offset or pipeline.shift
    keys: list[tuple[str, Value]] = []
    for item in command.keys:
        keys.append((item.name, pipeline.computed(pipeline.evaluator.key(item.expression, command.offset))))
    before = dict(scope.made)
    for name, made in keys:
        scope.make(name, made.sql, made.kind)
    aliases: dict[str, tree.Expression] = {}
    made_items: list[tuple[str, str, Kind]] = []
    selected = [made.sql for _, made in keys]
    only_keys = dict(keys)
    for item in command.items:
        # Outside of aggregates only keys have a meaning; within them every field has.
        scope.made = {**before, **only_keys}
        made = pipeline.evaluator.grouped(item.expression, aliases, only_keys)
        column = pipeline.column()
        selected.append(f"{made.sql} AS {column}")
        made_items.append((item.name, column, made.kind))
        aliases[item.name] = item.expression
    counted = pipeline.column()
    selected.append(f"count(*) AS {counted}")
    grouping = f" GROUP BY {', '.join(made.sql for _, made in keys)}" if keys else ""
    pipeline.relation(f"SELECT {', '.join(selected)} FROM {pipeline.last}{grouping}")
    scope.clear()
    for name, made in keys:
        scope.make(name, made.sql, made.kind)
    for name, column, kind in made_items:
        scope.make(name, column, kind)
    pipeline.shown = list(dict.fromkeys([name for name, _ in keys] + [name for name, _, _ in made_items]))
    pipeline.displayed = None
    pipeline.order = []
    for _, made in keys:
        pipeline.order += ordering(made.sql, made.kind, made.kind == "time")
    pipeline.binned = _binned(command, keys)
    if events:
        pipeline.checkpoint(len(pipeline.relations))
        pipeline.matched = f"SELECT CAST(COALESCE(sum({counted}), 0) AS BIGINT) FROM {pipeline.last}"


def _binned(command: tree.Stats, keys: list[tuple[str, Value]]) -> Binned | None:
    for place, item in enumerate(command.keys):
        call = item.expression
        if isinstance(call, tree.Call) and call.name == "bin" and isinstance(call.arguments[-1], tree.Period):
            others = tuple(made for other, (_, made) in enumerate(keys) if other != place)
            return Binned(keys[place][1], call.arguments[-1], others)
    return None


def count_frequent(pipeline: Pipeline, command: tree.CountFrequent) -> None:
    """``countFrequent``: exactly counted, where AWS may approximate; the most frequent combinations come first.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-CountFrequent.html
    """
    count = tree.Item(tree.Call("count", star=True), "_approxcount", True)
    keys = tuple(tree.Item(field, field.name) for field in command.fields)
    stats(pipeline, tree.Stats((count,), keys, start=command.start, end=command.end))
    counted = pipeline.scope.made["_approxcount"]
    pipeline.order = [f"{counted.sql} DESC", *pipeline.order]


def fillmissing(pipeline: Pipeline, command: tree.Fillmissing) -> None:
    """Insert rows for bins of the queried time range in which there is nothing; with further keys, for each group."""
    binned = pipeline.binned
    if binned is None:
        raise QueryFault("fillmissing must come after stats by bin()", command.start, command.end)
    taken = {each.sql for each in (binned.column, *binned.others)}
    for field, constant in command.values:
        if pipeline.scope.resolve(field).sql in taken:
            raise QueryFault("fillmissing takes one value for a field that is no key", field.start, field.end)
        _fit(pipeline, field, constant)
        taken.add(pipeline.scope.resolve(field).sql)
    last, column = pipeline.last, binned.column.sql
    series = f"SELECT unnest({_bins(pipeline, binned.period, command)}) AS {column}"
    if binned.others:
        others = ", ".join(each.sql for each in binned.others)
        series = f"SELECT * FROM (SELECT DISTINCT {others} FROM {last}), ({series})"
    same = " AND ".join(f"had.{each.sql} IS NOT DISTINCT FROM filled.{each.sql}" for each in
                        (binned.column, *binned.others))  # fmt: skip
    constants = "".join(
        f", {_constant(constant)} AS {pipeline.scope.resolve(field).sql}" for field, constant in command.values
    )
    missing = f"SELECT filled.*{constants} FROM ({series}) filled ANTI JOIN {last} had ON {same}"
    pipeline.materialize(f"SELECT * FROM {last} UNION ALL BY NAME {missing}")


def _fit(pipeline: Pipeline, field: tree.Field, constant: tree.Number | tree.String) -> None:
    """Make a column texts if a text shall be in it that is none of its kind."""
    made = pipeline.scope.resolve(field)
    kind = "number" if isinstance(constant, tree.Number) else "text"
    if made.kind != kind or field.name not in pipeline.scope.made:
        made = pipeline.computed(Value(sql.text(made), "text"))
        pipeline.scope.make(field.name, made.sql, "text")


def _constant(constant: tree.Number | tree.String) -> str:
    # A number among texts becomes a text as it was written; the union of both sees to that.
    return literal(constant.value) if isinstance(constant, tree.String) else constant.text


def _bins(pipeline: Pipeline, period: tree.Period, command: tree.Fillmissing) -> str:
    start, end = pipeline.window
    length = period.count * (MONTHS[period.unit] * _MONTH if period.unit in MONTHS else MILLISECONDS[period.unit])
    if (end - start) // length > MOST_BINS:
        raise QueryFault(f"fillmissing may insert at most {MOST_BINS} bins", command.start, command.end)
    first, last = (floored(f"CAST({moment} AS BIGINT)", period) for moment in (start, end))
    if period.unit not in MONTHS:
        return f"generate_series({first}, {last}, {length})"
    months = f"to_months({period.count * MONTHS[period.unit]})"
    times = f"generate_series(make_timestamp({first} * 1000), make_timestamp({last} * 1000), {months})"
    return f"list_transform({times}, lambda moment: epoch_ms(moment))"
