"""Queries under way: scheduled, run in worker threads, kept for a week.

A query is a record; its controller runs it, so a query that a crash interrupted is run again. Results are in a file of
their own beside the logs, which is whole before the record says Complete.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO
from weakref import WeakKeyDictionary

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.indexing import spans
from cloudarium.services.logs.indexing.records import IndexSpan
from cloudarium.services.logs.ingest import PAST
from cloudarium.services.logs.insights.compile import Plan, compiled, indexes
from cloudarium.services.logs.insights.compile.plan import Input
from cloudarium.services.logs.insights.execution import Execution, Outcome, Reading
from cloudarium.services.logs.insights.language import parse
from cloudarium.services.logs.insights.lookups import opened
from cloudarium.services.logs.insights.ranges import before
from cloudarium.services.logs.insights.records import (
    ACTIVE,
    CANCELLED,
    COMPLETE,
    FAILED,
    RUNNING,
    TIMEOUT,
    QueryRun,
)  # fmt: skip
from cloudarium.services.logs.insights.results import Row, read, rows, write
from cloudarium.services.logs.insights.source import Events, Group, Stopped
from cloudarium.services.logs.lookups.tables import LookupTable
from cloudarium.services.logs.protection.history import histories
from cloudarium.services.logs.reading.masking import mask_of
from cloudarium.services.logs.resources import LogGroup
from cloudarium.services.logs.start import running

log = logging.getLogger(__name__)

CONTROLLER = "logs.queries"
AT_ONCE = 2
"""Queries that run at a time; each uses several threads."""
LONGEST = 3_600.0
KEPT = 7 * 86_400
"""Seconds, by https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html."""
MOST_KEPT = 10_000
"""Queries of an account in a region; a dashboard that asks every second would have more within a week."""


class Queries:
    """The queries of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._table = cloud.store.table(QueryRun)
        self._groups = cloud.store.table(LogGroup)
        self._lookups = cloud.store.table(LookupTable)
        self._spans = cloud.store.table(IndexSpan)
        self._storage = running(cloud).storage
        self._folder = self._storage.root.parent / "logs-insights"
        self._folder.mkdir(exist_ok=True)
        self._spill = self._folder / "spill"
        shutil.rmtree(self._spill, ignore_errors=True)
        self._running: dict[str, Execution] = {}
        self._active: dict[Scope, set[str]] = {}
        for scope, each in self._table.everywhere():
            if each.status in ACTIVE:
                self._active.setdefault(scope, set()).add(each.id)
        self._known: dict[Scope, dict[str, None]] = {}
        """Ids, oldest first."""
        for scope, each in sorted(self._table.everywhere(), key=lambda pair: pair[1].created):
            self._known.setdefault(scope, {})[each.id] = None
        kept = {self._path(name).name for names in self._known.values() for name in names}
        for path in self._folder.iterdir():
            if path.is_file() and path.name not in kept:
                path.unlink()

    def begin(self) -> None:
        """Take up the queries that there are."""
        self._cloud.on_close(self.close)
        self._cloud.controller(CONTROLLER, self.reconcile, self.keys, workers=AT_ONCE)

    async def close(self) -> None:
        """Stop what runs."""
        _queries.pop(self._cloud, None)
        for execution in list(self._running.values()):
            execution.stop()

    def keys(self) -> Iterable[tuple[Scope, str]]:
        """Every query: those that are over wait for their end."""
        return [(scope, each.id) for scope, each in self._table.everywhere()]

    def active(self, scope: Scope) -> int:
        """How many queries of an account in a region are scheduled or running."""
        return len(self._active.get(scope, ()))

    def submit(self, scope: Scope, query: QueryRun) -> None:
        """Schedule a query."""
        self._table.put(scope, query)
        self._active.setdefault(scope, set()).add(query.id)
        names = self._known.setdefault(scope, {})
        names[query.id] = None
        while len(names) > MOST_KEPT and (oldest := next(iter(names))) not in self._active[scope]:
            self._forget(scope, oldest)
        self._cloud.enqueue(CONTROLLER, (scope, query.id))

    def stop(self, scope: Scope, query: QueryRun) -> None:
        """Cancel a query that is not over."""
        self._over(scope, query.replace(status=CANCELLED))
        if (execution := self._running.get(query.id)) is not None:
            execution.stop()

    async def results(self, query: QueryRun, start: int, count: int) -> list[Row]:
        """Some of what a complete query found."""
        return await asyncio.to_thread(read, self._path(query.id), start, count)

    # -- running ---------------------------------------------------------------------------------------------------

    async def reconcile(self, key: tuple[Scope, str]) -> float | None:
        """Run a query, or drop it when its time is over."""
        scope, name = key
        query = self._table.get(scope, name)
        if query is None:
            return None
        if query.status in ACTIVE:
            query = query.replace(status=RUNNING)
            self._table.put(scope, query)
            finished = await self._run(scope, query)
            current = self._table.get(scope, name)
            if current is not None and current.status == RUNNING:
                self._over(scope, finished)
        remaining = query.created / 1000 + KEPT - self._cloud.clock.now()
        if remaining > 0:
            return remaining
        self._forget(scope, name)
        return None

    def _forget(self, scope: Scope, name: str) -> None:
        self._known.get(scope, {}).pop(name, None)
        self._table.delete(scope, name)
        self._path(name).unlink(missing_ok=True)

    def _over(self, scope: Scope, query: QueryRun) -> None:
        duration = int(self._cloud.clock.now() * 1000) - query.created
        self._table.put(scope, query.replace(duration=duration))
        self._active.get(scope, set()).discard(query.id)

    async def _run(self, scope: Scope, query: QueryRun) -> QueryRun:
        execution = self._running[query.id] = Execution()
        try:
            plan = compiled(parse(query.text), query.created / 1000, query.limit, (query.start, query.end))
            readings = self._readings(scope, query, plan)
            read = {group.uid for group in readings[""].groups}
            left = [
                name
                for name, uid in zip(query.names, query.groups, strict=True)
                if uid not in read and self._groups.find(scope, "uid", uid)
            ]
            query = query.replace(skipped=len(left), left=tuple(left))
            tables = opened(self._lookups, scope, running(self._cloud).lookups, plan.lookups)
            thread = asyncio.ensure_future(asyncio.to_thread(self._work, execution, plan, query, tables, readings))
            try:
                async with self._cloud.clock.timeout(LONGEST):
                    found, outcome = await asyncio.shield(thread)
            except (TimeoutError, asyncio.CancelledError):
                execution.stop()
                # The thread reads files that must stay open until it is done.
                await asyncio.wait([thread])
                if not thread.cancelled():
                    thread.exception()
                raise
        except TimeoutError:
            return query.replace(status=TIMEOUT)
        except Stopped:
            return query.replace(status=CANCELLED)
        except Exception as error:
            log.warning("query %s failed: %s", query.id, error)
            return query.replace(status=FAILED, message=str(error))
        finally:
            self._running.pop(query.id, None)
        return query.replace(
            status=COMPLETE, matched=outcome.matched, scanned=outcome.scanned, bytes=outcome.bytes, found=found
        )

    def _readings(self, scope: Scope, query: QueryRun, plan: Plan) -> dict[str, Reading]:
        """What the thread reads, put together while nothing else changes it."""
        window = query.start - plan.shift, query.end - plan.shift
        readings = {"": self._reading(scope, query, query.groups, window, plan)}
        for each, groups in zip(plan.inputs, query.nested, strict=True):
            readings[each.prefix] = self._reading(scope, query, groups, each.window, each)
        return readings

    def _reading(
        self, scope: Scope, query: QueryRun, uids: Iterable[str], window: tuple[int, int], plan: Plan | Input
    ) -> Reading:
        stopped = self._running[query.id].stopped
        listed = [found[0] for uid in uids if (found := self._groups.find(scope, "uid", uid))]
        groups = [made for each in listed if (made := self._group(scope, each, plan, query.created)) is not None]

        def events(start: int, end: int) -> Events:
            parts = [(group, self._storage.pieces(group.uid, max(start, group.oldest), end)) for group in groups]
            return Events(parts, start, end, plan.raw, stopped)

        earlier = events(*before(plan.diff, *window)) if plan.diff is not None else None
        return Reading(groups, events(*window), earlier)

    def _group(self, scope: Scope, group: LogGroup, plan: Plan | Input, now: int) -> Group | None:
        """A group as it is queried; None for one in which ``filterIndex`` finds nothing."""
        oldest = 0
        if group.retention is not None:
            oldest = int((self._cloud.clock.now() - group.retention * 86_400) * 1000)
        found = histories(self._cloud.store, scope, group)
        mask = mask_of(found, False) if found else None
        made = Group(group.uid, group.name, scope.account, scope.region, oldest, mask)
        if not plan.indexed:
            return made
        periods = spans.periods(self._spans, scope, group, now)
        since = indexes.since(plan.indexed, {field: min(listed)[0] for field, listed in periods.items()})
        if since is None:
            return None
        every = tuple((field, *period) for field, listed in periods.items() for period in listed)
        # An event is not much older than the call that brought it.
        return made._replace(oldest=max(oldest, since - PAST), indexed=every)

    def _work(
        self,
        execution: Execution,
        plan: Plan,
        query: QueryRun,
        tables: Mapping[str, TextIO],
        readings: Mapping[str, Reading],
    ) -> tuple[int, Outcome]:
        catalog = self._storage.root / "catalog.db"
        outcome = execution.run(plan, readings, catalog, self._spill, tables)
        return write(self._path(query.id), rows(plan, outcome.rows)), outcome._replace(rows=[])

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.rows"


_queries: WeakKeyDictionary[Cloud, Queries] = WeakKeyDictionary()


def queries(cloud: Cloud) -> Queries:
    """A cloud's queries, taken up on the first call: an account that never asks has nothing running."""
    found = _queries.get(cloud)
    if found is None:
        found = _queries[cloud] = Queries(cloud)
        found.begin()
    return found
