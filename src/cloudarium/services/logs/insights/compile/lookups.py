"""``lookup`` and ``cidrlookup`` as joins.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Lookup.html: values match when they are exactly
equal, in all match fields of a row. What OUTPUT names is overwritten, also with nothing where no row matches; OUTPUTNEW
only fills in what is missing or empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cloudarium.services.logs.insights.compile import addresses, sql
from cloudarium.services.logs.insights.compile.plan import Lookup
from cloudarium.services.logs.insights.compile.sql import Value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

if TYPE_CHECKING:
    from cloudarium.services.logs.insights.compile.pipeline import Pipeline


def add(pipeline: Pipeline, command: tree.Lookup) -> None:
    """Add the relation of a command to those before it, and show its output fields."""
    lookup = _needed(command, f"{pipeline.prefix}l{len(pipeline.lookups)}")
    pipeline.lookups.append(lookup)
    value, scope = pipeline.evaluator.value, pipeline.scope
    matched = [value(match.field) for match in command.matches]
    # After stats a new field is no fault: it is just not there yet.
    old = [
        value(each) if command.fresh and (scope.events or each.name in scope.made) else None for each in command.outputs
    ]
    columns = [pipeline.column() for _ in command.outputs]
    made = _made(command, lookup, old)
    selected = ", ".join(f"{text} AS {column}" for text, column in zip(made, columns, strict=True))
    tests = " AND ".join(_tests(command, lookup, matched))
    last = pipeline.last
    pipeline.relation(f"SELECT {last}.*, {selected} FROM {last} LEFT JOIN {lookup.name} ON {tests}", *columns)
    for output, column in zip(command.outputs, columns, strict=True):
        scope.make(output.name, column, "text")
        pipeline.show(output.name)


def add_cidr(pipeline: Pipeline, command: tree.CidrLookup) -> None:
    """The same by a range that an address is in; of several the smallest."""
    columns: dict[str, tuple[int, int]] = {command.column.name: (command.column.start, command.column.end)}
    for output, name in command.outputs:
        if name == "@ptr":
            raise QueryFault("@ptr cannot be an output field", output.start, output.end)
        columns.setdefault(output.name, (output.start, output.end))
    table, name = command.table, f"{pipeline.prefix}l{len(pipeline.lookups)}"
    lookup = Lookup(name, table.value, tuple(columns), 1, table.start, table.end, tuple(columns.values()), True)
    pipeline.lookups.append(lookup)
    value, scope = pipeline.evaluator.value, pipeline.scope
    address = pipeline.computed(Value(addresses.key(sql.text(value(command.field))), "text")).sql
    row = pipeline.computed(Value("row_number() OVER ()", "number")).sql
    old = [
        value(_renamed(output, name)) if command.fresh and (scope.events or name in scope.made) else None
        for output, name in command.outputs
    ]
    made = [
        _kept(_place(lookup, output.name), before) for (output, _), before in zip(command.outputs, old, strict=True)
    ]
    found, best, last = [pipeline.column() for _ in made], pipeline.column(), pipeline.last
    selected = ", ".join(f"{text} AS {column}" for text, column in zip(made, found, strict=True))
    smallest = f"row_number() OVER (PARTITION BY {row} ORDER BY {name}.length DESC NULLS LAST)"
    pipeline.relation(
        f"SELECT {last}.*, {selected}, {smallest} AS {best} FROM {last} LEFT JOIN {name} "
        f"ON {address} >= {name}.low AND {address} <= {name}.high",
        *found, best,
    )  # fmt: skip
    pipeline.relation(f"SELECT * FROM {pipeline.last} WHERE {best} = 1")
    for (_, shown), column in zip(command.outputs, found, strict=True):
        scope.make(shown, column, "text")
        pipeline.show(shown)


def _renamed(field: tree.Field, name: str) -> tree.Field:
    return field if field.name == name else tree.Field(tuple(name.split(".")), start=field.start, end=field.end)


def _needed(command: tree.Lookup, name: str) -> Lookup:
    """What a command needs of its table, to be loaded under ``name``."""
    columns: dict[str, tuple[int, int]] = {}
    for match in command.matches:
        columns.setdefault(match.column, (match.start, match.end))
    keys = len(columns)
    for output in command.outputs:
        if output.name == "@ptr":
            raise QueryFault("@ptr cannot be an output field", output.start, output.end)
        columns.setdefault(output.name, (output.start, output.end))
    table = command.table
    return Lookup(name, table.value, tuple(columns), keys, table.start, table.end, tuple(columns.values()))


def _place(lookup: Lookup, column: str) -> str:
    return f"{lookup.name}.v{lookup.columns.index(column)}"


def _tests(command: tree.Lookup, lookup: Lookup, matched: Sequence[Value]) -> list[str]:
    pairs = zip(command.matches, matched, strict=True)
    return [f"{_place(lookup, match.column)} = {sql.text(value)}" for match, value in pairs]


def _made(command: tree.Lookup, lookup: Lookup, before: Sequence[Value | None]) -> list[str]:
    pairs = zip(command.outputs, before, strict=True)
    return [_kept(_place(lookup, output.name), old) for output, old in pairs]


def _kept(found: str, old: Value | None) -> str:
    """What was found, or what there was before where that is more than nothing."""
    if old is None:
        return found
    shown = sql.text(old)
    # Without a match the field stays what it is, also empty.
    return f"COALESCE(NULLIF({shown}, ''), {found}, {shown})"
