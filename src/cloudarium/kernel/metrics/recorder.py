"""Where points come in, and where CloudWatch reads them.

What is recent is in memory, by minute and (for three hours) by second, and in the file as it came, so that a point
that was answered for survives any death of the process. Every quarter of an hour older buckets move into blocks of the
file, in every tier CloudWatch keeps: a second for three hours, a minute for 15 days, five minutes for 63 days, an hour
for 455 days. Reading adds up blocks and memory. So a series that is idle costs its name and little more.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import functools
import gc
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cloudarium.kernel.clock import Clock, Timer
from cloudarium.kernel.metrics import rolling
from cloudarium.kernel.metrics.archive import Archive, Points, SeriesRow
from cloudarium.kernel.metrics.buckets import Bucket
from cloudarium.kernel.metrics.series import Dimensions, Index, MetricKey, Named, Series, length
from cloudarium.kernel.store import Scope, Store

log = logging.getLogger(__name__)

_DAY = 86_400
_RECENT = 900
"""Seconds for which buckets stay in memory: what alarms look at."""
_MOST_RECENT = 3 * 3_600
"""The same while the file refuses."""
_ROLL_EVERY = 900.0
_ROLL_AT_ONCE = 200
_ROLL_BYTES = 32 * 1024 * 1024
"""Recent points in the file that make rolling due sooner."""
_DROP_AT_ONCE = 2_000
_FORGET_SERIES = 455 * _DAY
_FORGET_AT_ONCE = 5_000
_MOST_PENDING = 500_000
"""Points that wait in memory for a file that refuses them; beyond, the oldest are only in their buckets."""
MOST_SERIES = 2_000_000
MOST_CHARACTERS = 256 * 1024 * 1024
"""Of the dimensions of all metrics: thirty of a thousand characters make a metric as large as hundreds usually are."""


class Point(NamedTuple):
    """Points to record: all of them belong to the second of ``at`` (cloud seconds)."""

    key: MetricKey
    unit: str
    bucket: Bucket
    at: float
    high_resolution: bool = False


class TooManyMetrics(Exception):
    """A cloud keeps up to MOST_SERIES metrics, of MOST_CHARACTERS: more would fill the machine's memory."""


class Metrics:
    """Every metric of a cloud."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._clock = clock
        self._path = store.path.with_name("metrics.db") if store.path is not None else None
        self._opened: Archive | None = None
        self._index = Index()
        self._next_id = 1
        self._live: dict[int, Series] = {}
        """Series with buckets in memory."""
        self._made: list[SeriesRow] = []
        self._pending: Points = []
        self._written = 0
        self._flush_due = False
        self._timer: Timer | None = None
        self._rolling: asyncio.Task[None] | None = None
        self._rolled_before = 0
        self._forgotten_at = 0.0
        self._watchers: list[Callable[[Scope, MetricKey], None]] = []

    # -- coming in -------------------------------------------------------------------------------------------------

    def record(
        self,
        scope: Scope,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str = "None",
        *,
        count: float = 1.0,
        at: float | None = None,
    ) -> None:
        """Record ``count`` points of ``value`` at cloud time ``at`` (now when None)."""
        bucket = Bucket()
        bucket.add(value, count)
        self.merge(scope, MetricKey(namespace, name, tuple(sorted(dimensions.items()))), unit, bucket, at)

    def merge(self, scope: Scope, key: MetricKey, unit: str, bucket: Bucket, at: float | None = None) -> None:
        """Add a bucket of points that all belong to the second of ``at``."""
        self.put(scope, [Point(key, unit, bucket, self._clock.now() if at is None else at, True)])

    def put(self, scope: Scope, points: Sequence[Point]) -> None:
        """Record many points, which are safe soon. Raises TooManyMetrics before taking any."""
        self._archive()
        series = self._wait(scope, points)
        self._take(scope, points, series)
        if not self._flush_due:
            self._flush_due = True
            try:
                asyncio.get_running_loop().call_soon(self._flush_quietly)
            except RuntimeError:
                self._flush_quietly()

    def put_durably(self, scope: Scope, points: Sequence[Point]) -> None:
        """Record many points; on return they survive the death of any process. Takes all of them, or none.

        Raises OSError when the file refuses (the caller may then try again: nothing counts twice) and TooManyMetrics.
        """
        try:
            self._archive()
            waiting = len(self._pending)
            series = self._wait(scope, points)
            try:
                self._flush()
            except sqlite3.Error:
                del self._pending[waiting:]
                raise
        except sqlite3.Error as error:
            raise OSError(f"metrics could not be written: {error}") from error
        self._take(scope, points, series)

    def _wait(self, scope: Scope, points: Sequence[Point]) -> list[Series]:
        """Have points wait for the next flush; the series they belong to."""
        series = [self._series_for(scope, each) for each in points]
        self._pending += [
            (one.id, int(each.at), _tiers(each), each.bucket) for each, one in zip(points, series, strict=True)
        ]
        return series

    def _take(self, scope: Scope, points: Sequence[Point], series: Sequence[Series]) -> None:
        for each, one in zip(points, series, strict=True):
            self._add(one, int(each.at), _tiers(each), each.bucket)
            for watcher in self._watchers:
                watcher(scope, each.key)
        if self._timer is None or self._timer.when > self._clock.now() + _ROLL_EVERY:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._clock.call_later(_ROLL_EVERY, self._tick)

    def watch(self, watcher: Callable[[Scope, MetricKey], None]) -> None:
        """Call ``watcher`` for every point that comes in; it must be quick."""
        self._watchers.append(watcher)

    def _series_for(self, scope: Scope, point: Point) -> Series:
        key = point.key
        found = self._index.first(scope, key)
        while found is not None:
            if found.unit == point.unit:
                return found
            found = found.next
        if self._index.count >= MOST_SERIES:
            raise TooManyMetrics(f"this cloud has {MOST_SERIES} metrics, and keeps no more")
        if self._index.size + length(key.dimensions) > MOST_CHARACTERS:
            raise TooManyMetrics(
                f"the dimensions of this cloud's metrics have {MOST_CHARACTERS} characters, and no more"
            )
        series = Series(self._next_id, point.unit, -1)
        self._next_id += 1
        self._index.add(scope, key, series)
        row = SeriesRow(series.id, *scope, key.namespace, key.name, key.dimensions, series.unit, series.last)
        self._made.append(row)
        return series

    def _add(self, series: Series, second: int, tiers: int, bucket: Bucket) -> None:
        self._live[series.id] = series
        rolling.add(series, second, tiers, bucket)

    # -- going out -------------------------------------------------------------------------------------------------

    def read(
        self, scope: Scope, key: MetricKey, start: int, end: float, period: int, unit: str | None = None
    ) -> list[tuple[int, str, Bucket]]:
        """Data points of a metric that begin in ``[start, end)``: (begin, unit, bucket), in order of time.

        Each point covers ``period`` seconds from ``start`` on. Points in different units stay apart. Times for which
        nothing as fine as ``period`` is kept any more have none.
        """
        found: list[tuple[int, str, Bucket]] = []
        for series in self._series(scope, key):
            if unit is None or series.unit == unit:
                found += [(at, series.unit, bucket) for at, bucket in self._points(series, start, end, period)]
        found.sort(key=lambda point: point[0])
        return found

    def units(self, scope: Scope, key: MetricKey) -> list[str]:
        """The units in which a metric has points."""
        return [series.unit for series in self._series(scope, key)]

    def last(self, scope: Scope, key: MetricKey) -> int:
        """The second of a metric's last point, 0 when it never had one."""
        return max((0, *(series.last for series in self._series(scope, key))))

    def find(
        self,
        scope: Scope,
        namespace: str | None = None,
        name: str | None = None,
        *,
        since: float = 0.0,
        after: tuple[str, str] = ("", ""),
    ) -> Iterator[MetricKey]:
        """Metrics of an account and region that had points since a time, in order of namespace and name.

        Touches only those of the names given, and none whose namespace and name are before ``after``.
        """
        self._load()
        return self._index.find(scope, namespace, name, since, after)

    def _series(self, scope: Scope, key: MetricKey) -> Iterator[Series]:
        self._load()
        return self._index.of(scope, key)

    def _points(self, series: Series, start: int, end: float, period: int) -> list[tuple[int, Bucket]]:
        merged: dict[int, Bucket] = {}

        def take(begin: int, bucket: Bucket) -> None:
            if start <= begin < end:
                rolling.into(merged, start + (begin - start) // period * period, bucket)

        memory = series.seconds if period < 60 else series.minutes
        if memory is not None:
            if len(memory) <= 32:
                for begin, bucket in memory.items():
                    take(begin, bucket)
            else:
                begins = sorted(memory)
                for begin in begins[bisect.bisect_left(begins, start) : bisect.bisect_left(begins, end)]:
                    take(begin, memory[begin])
        if start < series.rolled and self._opened is not None:
            tier = rolling.tier_for(period, start)
            oldest = self._clock.now() - dict(rolling.TIERS)[tier]
            for begin, bucket in self._opened.read(series.id, tier, start - rolling.BLOCK[tier], end):
                if begin >= oldest - tier:
                    take(begin, bucket)
        return sorted(merged.items())

    # -- the file --------------------------------------------------------------------------------------------------

    def _archive(self) -> Archive:
        if self._opened is None:
            self._opened = Archive(self._path)
            with _many_that_stay():
                self._restore(self._opened)
        return self._opened

    def _load(self) -> None:
        if self._opened is None and self._path is not None and self._path.exists():
            self._archive()

    def _restore(self, archive: Archive) -> None:
        known: dict[int, tuple[Series, int]] = {}
        for known_row in archive.series():
            series = Series(known_row.id, known_row.unit, known_row.last)
            # What is in blocks is not known before they are read: up to now there may be some.
            series.rolled = known_row.last + 60
            key = MetricKey(known_row.namespace, known_row.name, known_row.dimensions)
            self._index.add(Scope(known_row.account, known_row.region), key, series)
            known[series.id] = (series, known_row.mark)
            self._next_id = max(self._next_id, known_row.id + 1)
        for row, points in archive.recent():
            for id_, second, tiers, bucket in points:
                there = known.get(id_)
                if there is not None and row > there[1]:
                    self._add(there[0], second, tiers, bucket)
        if known:
            self._timer = self._clock.call_later(_ROLL_EVERY, self._tick)

    def _flush_quietly(self) -> None:
        try:
            self._flush()
        except sqlite3.Error as error:
            del self._pending[:-_MOST_PENDING]
            log.error("metrics could not be written, will try again: %s", error)

    def _flush(self) -> None:
        self._flush_due = False
        if self._opened is None or not self._pending:
            return
        self._written += self._opened.append(self._made, self._pending)
        self._made, self._pending = [], []
        if self._written > _ROLL_BYTES and (self._rolling is None or self._rolling.done()):
            self._rolling = self._clock.spawn(self._tidy(), "roll metrics")

    async def roll(self) -> None:
        """Move what is older than a quarter of an hour from memory into blocks, some series at a time."""
        archive = self._opened
        if archive is None:
            return
        self._flush()
        # Whole hours make few blocks; when much comes in at once, memory counts more.
        before = int(self._clock.now() - _RECENT)
        before -= before % (300 if self._written > _ROLL_BYTES else 3_600)
        if before <= self._rolled_before and self._written <= _ROLL_BYTES:
            return
        mark, self._written, self._rolled_before = archive.mark(), 0, before
        live = list(self._live.values())
        for first in range(0, len(live), _ROLL_AT_ONCE):
            self._flush()
            self._roll_some(archive, live[first : first + _ROLL_AT_ONCE], before)
            await asyncio.sleep(0)
        await _in_turns(lambda: archive.drop_recent(mark, _DROP_AT_ONCE))
        for tier, retention in rolling.TIERS:
            before = int(self._clock.now()) - retention - rolling.BLOCK[tier]
            await _in_turns(functools.partial(archive.drop_blocks, tier, before, _DROP_AT_ONCE))

    def _roll_some(self, archive: Archive, some: Sequence[Series], before: int) -> None:
        blocks = [block for series in some for block in rolling.blocks(series, before)]
        archive.roll(
            blocks,
            [point for series in some for point in rolling.kept(series, before)],
            [(series.last, series.id) for series in some],
        )
        for series in some:
            # Only now: had the file refused, memory would still have it all.
            rolling.drop(series, before)
            if series.minutes is None and series.seconds is None:
                self._live.pop(series.id, None)

    def close(self) -> None:
        """Have everything in the file and close it."""
        self._flush_quietly()
        if self._rolling is not None:
            self._rolling.cancel()
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def forget(self) -> None:
        """Drop every point: the store has been reset."""
        if self._opened is not None:
            self._opened.clear()
        self._index.clear()
        self._live.clear()
        self._made, self._pending = [], []
        self._watchers.clear()

    def _tick(self) -> None:
        self._timer = self._clock.call_later(_ROLL_EVERY, self._tick)
        if self._rolling is None or self._rolling.done():
            self._rolling = self._clock.spawn(self._tidy(), "roll metrics")

    async def _tidy(self) -> None:
        try:
            while True:
                begun = self._clock.now()
                await self.roll()
                # Time may have been advanced by hours meanwhile.
                if self._clock.now() - begun < _ROLL_EVERY:
                    break
            await self._forget_old()
        except sqlite3.Error as error:
            log.error("metrics could not be written, will try again: %s", error)
            # What is older stays in the file as it came, and is found there at the next start.
            for series in list(self._live.values()):
                rolling.drop(series, int(self._clock.now()) - _MOST_RECENT)
        if not self._live and self._timer is not None:
            # Nothing to roll any more: what is left is to forget.
            self._timer.cancel()
            self._timer = self._clock.call_later(_DAY, self._tick) if self._index.count else None

    async def _forget_old(self) -> None:
        """Once a day: forget series that had no point for as long as anything is kept; some thousand at a time."""
        now = self._clock.now()
        if now < self._forgotten_at + _DAY:
            return
        self._forgotten_at = now
        for named, some in self._index.slices(_FORGET_AT_ONCE):
            self._forget_some(named, some, now - _FORGET_SERIES)
            await asyncio.sleep(0)

    def _forget_some(self, named: Named, some: Sequence[Dimensions], oldest: float) -> None:
        firsts = [first for dimensions in some if (first := named.get(dimensions)) is not None]
        gone = {series.id for first in firsts for series in first.units() if series.last < oldest}
        if not gone or self._opened is None:
            return
        self._opened.drop_series(gone)
        self._index.remove(named, some, gone)
        for id_ in gone:
            self._live.pop(id_, None)


def _tiers(point: Point) -> int:
    return rolling.BOTH if point.high_resolution else rolling.MINUTE


@contextlib.contextmanager
def _many_that_stay() -> Iterator[None]:
    """Make very many objects that live as long as the cloud: looking for garbage among them is half of the time."""
    wanted = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if wanted:
            gc.enable()


async def _in_turns(work: Callable[[], int]) -> None:
    """Do work until it says that nothing was left to do; others have their turn in between."""
    done = 1
    while done:
        done = work()
        await asyncio.sleep(0)
