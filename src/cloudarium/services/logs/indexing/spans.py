"""When which fields of a group were indexed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloudarium.kernel.ids import hex_token
from cloudarium.kernel.store import Scope, Store, Table
from cloudarium.services.logs.indexing.document import Indexed
from cloudarium.services.logs.indexing.records import ACCOUNT, IndexSpan
from cloudarium.services.logs.resources import STANDARD, LogGroup

KEPT = 30 * 86_400_000
"""Milliseconds for which an event stays indexed after it came in."""
ALWAYS = 1 << 62
Period = tuple[int, int]
"""From a time of ingestion to another one (exclusive), in milliseconds."""


def change(
    store: Store, scope: Scope, owner: str, now: int, new: Indexed | None, prefixes: tuple[str, ...] = ()
) -> None:
    """From now on a policy indexes these fields, or nothing any more. What ended too long ago to matter is dropped."""
    table = store.table(IndexSpan)
    for span in table.all(scope):
        if span.until is not None and span.until < now - KEPT:
            table.delete(scope, span.id)
    for span in table.find(scope, "owner", owner):
        if span.until is not None:
            continue
        if new is not None and (span.fields, span.facets, span.prefixes) == (*new, prefixes):
            return
        if span.since == now:
            table.delete(scope, span.id)
        else:
            table.put(scope, span.replace(until=now))
    if new is not None:
        made = IndexSpan(
            id=hex_token(20), owner=owner, fields=new.fields, facets=new.facets, prefixes=prefixes, since=now
        )
        table.put(scope, made)


def forget(store: Store, scope: Scope, owner: str) -> None:
    """Drop everything of a policy, also what it indexed."""
    table = store.table(IndexSpan)
    for span in table.find(scope, "owner", owner):
        table.delete(scope, span.id)


def periods(table: Table[IndexSpan], scope: Scope, group: LogGroup, now: int) -> dict[str, list[Period]]:
    """For each field the times of ingestion in which a group's events were indexed, as far as they still are.

    As long as a group has a policy of its own those of the account do not apply to it.
    """
    found: dict[str, list[Period]] = {}
    if group.log_class != STANDARD:
        return found
    own = table.find(scope, "owner", group.uid)
    taken = sorted(_period(span) for span in own)
    for span in own:
        _add(found, span.fields, [_period(span)], now - KEPT)
    for span in table.all(scope):
        applies = span.owner.startswith(ACCOUNT) and (not span.prefixes or group.name.startswith(span.prefixes))
        if applies:
            _add(found, span.fields, without(_period(span), taken), now - KEPT)
    return found


def _period(span: IndexSpan) -> Period:
    return span.since, ALWAYS if span.until is None else span.until


def _add(found: dict[str, list[Period]], fields: Sequence[str], more: Iterable[Period], oldest: int) -> None:
    for start, end in more:
        if end > oldest:
            for field in fields:
                found.setdefault(field, []).append((max(start, oldest), end))


def without(period: Period, taken: Sequence[Period]) -> list[Period]:
    """What is left of a period outside of others, which are sorted and do not overlap."""
    left: list[Period] = []
    start, end = period
    for first, last in taken:
        if first >= end:
            break
        if first > start:
            left.append((start, first))
        start = max(start, last)
    if start < end:
        left.append((start, end))
    return left
