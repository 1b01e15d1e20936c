"""Field indexes of a group, with the first and the last event that each of them has."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cloudarium.kernel.context import Context
from cloudarium.services.logs.indexing import spans
from cloudarium.services.logs.indexing.document import FACET, INDEX
from cloudarium.services.logs.indexing.records import IndexSpan
from cloudarium.services.logs.indexing.spans import ALWAYS, KEPT, Period
from cloudarium.services.logs.ingest import PAST
from cloudarium.services.logs.insights.compile.indexes import INDEXED
from cloudarium.services.logs.insights.compile.plan import Plan
from cloudarium.services.logs.insights.compile.scope import Scope
from cloudarium.services.logs.insights.execution import Execution, Reading
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.source import Events, Group
from cloudarium.services.logs.resources import STANDARD, LogGroup
from cloudarium.services.logs.start import running


class Index(NamedTuple):
    """An index. ``first`` and ``last`` are milliseconds, None when no event has the field."""

    group: str
    field: str
    type: str
    category: str
    first: int | None
    last: int | None


class Search(NamedTuple):
    """What a thread needs to find the times of a group's indexes."""

    group: Group
    events: Events
    folder: Path
    periods: dict[str, list[Period]]
    current: frozenset[str]
    facets: frozenset[str]


def begun(ctx: Context, group: LogGroup, now: int) -> Search:
    """Put together what is looked at, while nothing else changes it. ``now`` is in milliseconds."""
    table = ctx.table(IndexSpan)
    periods = spans.periods(table, ctx.scope, group, now)
    current = frozenset(name for name, listed in periods.items() if any(end == ALWAYS for _, end in listed))
    if group.log_class == STANDARD:
        periods = {**{name: [(now - KEPT, ALWAYS)] for name in INDEXED}, **periods}
    facets = frozenset(
        name for span in table.all(ctx.scope) if span.until is None and _applies(span, group) for name in span.facets
    )
    storage, oldest = running(ctx.cloud).storage, now - KEPT - PAST
    if group.retention is not None:
        oldest = max(oldest, now - group.retention * 86_400_000)
    listed = Group(group.uid, group.name, ctx.account, ctx.region, oldest, None)
    events = Events([(listed, storage.pieces(group.uid, oldest))], oldest, ALWAYS, False, lambda: False)
    return Search(listed, events, storage.root, periods, current, facets)


def _applies(span: IndexSpan, group: LogGroup) -> bool:
    return span.owner == group.uid or (not span.prefixes or group.name.startswith(span.prefixes))


def found(search: Search) -> list[Index]:
    """The indexes, in a thread. Of those that are not asked for by a policy only the ones that events have."""
    times = _times(search) if search.periods else {}
    made = []
    for field, (first, last) in times.items():
        category = "CUSTOM" if field in search.current else "DEFAULT" if field in INDEXED else "INACTIVE"
        if first is not None or category == "CUSTOM":
            kind = FACET if category == "CUSTOM" and field in search.facets else INDEX
            made.append(Index(search.group.name, field, kind, category, first, last))
    return made


def _times(search: Search) -> dict[str, tuple[int | None, int | None]]:
    scope, selected = Scope(), []
    for field, listed in search.periods.items():
        value = scope.resolve(tree.Field(tuple(field.split("."))))
        came = " OR ".join(f"(ingested >= {start} AND ingested < {end})" for start, end in listed)
        test = f"FILTER (WHERE {value.sql} IS NOT NULL AND ({came}))"
        selected += [f"min(time) {test}", f"max(time) {test}"]
    base = scope.base(False)
    head = ", ".join(f"{name} AS ({body})" for name, body in base)
    plan = Plan((), f"WITH {head} SELECT {', '.join(selected)} FROM {base[-1][0]}", (), False, "", None, False)
    catalog, spill = search.folder / "catalog.db", search.folder.parent / "logs-insights" / "spill"
    readings = {"": Reading([search.group], search.events)}
    ((*row,),) = Execution().run(plan, readings, catalog, spill).rows
    return {field: (row[2 * place], row[2 * place + 1]) for place, field in enumerate(search.periods)}
