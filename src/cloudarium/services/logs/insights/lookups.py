"""Lookup tables that a query names: checked when it is started, loaded when it runs."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TextIO

from cloudarium.kernel.context import Context
from cloudarium.kernel.store import Scope, Table
from cloudarium.services.logs.errors import not_found
from cloudarium.services.logs.insights.arrow import Column, Relation, Texts
from cloudarium.services.logs.insights.compile.addresses import range_of
from cloudarium.services.logs.insights.compile.plan import Lookup
from cloudarium.services.logs.insights.language.lexer import QueryFault
from cloudarium.services.logs.insights.source import Stopped
from cloudarium.services.logs.lookups import csvs
from cloudarium.services.logs.lookups.files import LookupFiles, content
from cloudarium.services.logs.lookups.tables import LookupTable
from cloudarium.services.logs.storage.batch import offsets_of

_ROWS = 5_000
"""Rows in a batch."""


def check(ctx: Context, lookups: Sequence[Lookup]) -> None:
    """Raise ResourceNotFoundException for a table that is not there, ``QueryFault`` for a column that it has not."""
    tables = ctx.table(LookupTable)
    for lookup in lookups:
        table = tables.get(ctx.scope, lookup.table)
        if table is None:
            raise not_found(f"Lookup table '{lookup.table}' does not exist.")
        for column, (start, end) in zip(lookup.columns, lookup.places, strict=True):
            if column not in table.columns:
                raise QueryFault(f"lookup table {lookup.table} has no column {column[:100]}", start, end)


def opened(
    tables: Table[LookupTable], scope: Scope, files: LookupFiles, lookups: Sequence[Lookup]
) -> dict[str, TextIO]:
    """The bodies of the tables, by name. Raises ``LookupError`` for one that was deleted since the query started."""
    found: dict[str, TextIO] = {}
    for name in dict.fromkeys(lookup.table for lookup in lookups):
        table = tables.get(scope, name)
        if table is None:
            raise LookupError(f"the lookup table {name} does not exist any more")
        found[name] = files.opened(table)
    return found


def load(connection: Any, lookups: Sequence[Lookup], bodies: Mapping[str, TextIO], stopped: Callable[[], bool]) -> None:
    """Make the tables in DuckDB. Runs in the query's thread; raises ``Stopped``, or ``LookupError`` for a column."""
    for name, body in bodies.items():
        text = content(body)
        header = csvs.header(text)
        for lookup in lookups:
            if lookup.table == name:
                _load(connection, lookup, header, text, stopped)


def _load(connection: Any, lookup: Lookup, header: tuple[str, ...], text: str, stopped: Callable[[], bool]) -> None:
    missing = [column for column in lookup.columns if column not in header]
    if missing:
        raise LookupError(f"the lookup table {lookup.table} has no column {missing[0]} any more")
    places = [header.index(column) for column in lookup.columns]
    ranges: tuple[str, ...] = ("low", "high", "length") if lookup.cidr else ()

    def batches() -> Iterator[Sequence[Column]]:
        rows, first = csvs.rows(text, header), 0
        while some := list(islice(rows, _ROWS)):
            if stopped():
                raise Stopped("the query was stopped")
            columns: list[Column] = [array("q", range(first, first + len(some)))]
            for place in places:
                values = [row[place].encode() for row in some]
                columns.append(Texts(offsets_of(map(len, values)), b"".join(values)))
            if lookup.cidr:
                columns += _ranges(row[places[0]] for row in some)
            yield columns
            first += len(some)

    names = [f"v{index}" for index in range(len(places))]
    more: list[tuple[str, type]] = [(name, int if name == "length" else str) for name in ranges]
    relation = Relation([("place", int), *[(name, str) for name in names], *more], batches)
    connection.register(f"{lookup.name}_rows", relation)
    connection.execute(
        f"CREATE TEMP TABLE {lookup.name} AS SELECT {', '.join([*names, *ranges])} FROM {lookup.name}_rows "
        f"QUALIFY row_number() OVER (PARTITION BY {', '.join(names[: lookup.keys])} ORDER BY place) = 1"
    )
    connection.unregister(f"{lookup.name}_rows")


def _ranges(networks: Iterable[str]) -> list[Column]:
    """First and last address and length of networks. What is no network has no address in it."""
    found = [range_of(network) or ("", "", -1) for network in networks]
    lows, highs = [low.encode() for low, _, _ in found], [high.encode() for _, high, _ in found]
    return [
        Texts(offsets_of(map(len, lows)), b"".join(lows)),
        Texts(offsets_of(map(len, highs)), b"".join(highs)),
        array("q", [length for _, _, length in found]),
    ]
