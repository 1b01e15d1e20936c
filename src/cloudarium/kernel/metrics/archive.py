"""The metrics' file: which series there are, the points of the last minutes as they came, and blocks of older buckets.

A block is a delta: what is added to an interval later is another block, and reading adds them up. Not for services:
they use ``Metrics``.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from cloudarium.kernel.metrics.buckets import Bucket

log = logging.getLogger(__name__)

Points = list[tuple[int, int, int, Bucket]]
"""Series, second, which tiers it is for, points."""
Block = tuple[int, int, int, list[tuple[int, Bucket]]]
"""Series, tier (seconds per bucket), start of the first bucket, buckets by start."""

_points = msgspec.msgpack.Decoder(Points)
_buckets = msgspec.msgpack.Decoder(list[tuple[int, Bucket]])
_encoder = msgspec.msgpack.Encoder()


class SeriesRow(msgspec.Struct, array_like=True):
    """A series as stored: ``last`` is when its last point was (cloud seconds).

    Its points in rows of ``recent`` up to ``mark`` are in blocks, or in a later row, and no longer count there.
    """

    id: int
    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    last: int
    mark: int = 0


class Archive:
    """One file. ``path`` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._database = database = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(
            "CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, data BLOB, last INTEGER, mark INTEGER)"
        )
        database.execute("CREATE TABLE IF NOT EXISTS recent (id INTEGER PRIMARY KEY, data BLOB)")
        database.execute("CREATE TABLE IF NOT EXISTS blocks (series INTEGER, tier INTEGER, start INTEGER, data BLOB)")
        database.execute("CREATE INDEX IF NOT EXISTS blocks_by_series ON blocks (series, tier, start)")
        database.execute("CREATE INDEX IF NOT EXISTS blocks_by_age ON blocks (tier, start)")

    def series(self) -> Iterator[SeriesRow]:
        """Every series."""
        for data, last, mark in self._database.execute("SELECT data, last, mark FROM series ORDER BY id"):
            row = msgspec.msgpack.decode(data, type=SeriesRow)
            row.last, row.mark = max(row.last, last), mark
            yield row

    def recent(self) -> Iterator[tuple[int, Points]]:
        """Points as they came, by the row they are in; see ``SeriesRow`` for which of them still count."""
        for id_, data in self._database.execute("SELECT id, data FROM recent ORDER BY id"):
            yield id_, _points.decode(data)

    def mark(self) -> int:
        """The last row of recent points."""
        return int(self._database.execute("SELECT max(id) FROM recent").fetchone()[0] or 0)

    def append(self, made: Sequence[SeriesRow], points: Points) -> int:
        """Keep points (and the series that are new with them); returns the bytes written. Raises sqlite3.Error."""
        data = _encoder.encode(points)
        with self._transaction():
            self._add_series(made)
            self._database.execute("INSERT INTO recent (data) VALUES (?)", (data,))
        return len(data)

    def roll(self, blocks: Iterable[Block], kept: Points, last: Iterable[tuple[int, int]]) -> None:
        """Put older buckets of some series into blocks; ``kept`` is all else they have. ``last`` is (when, series)."""
        with self._transaction():
            mark = self.mark()
            self._database.executemany(
                "INSERT INTO blocks (series, tier, start, data) VALUES (?, ?, ?, ?)",
                ((series, tier, start, _encoder.encode(buckets)) for series, tier, start, buckets in blocks),
            )
            self._database.execute("INSERT INTO recent (id, data) VALUES (?, ?)", (mark + 1, _encoder.encode(kept)))
            self._database.executemany(
                "UPDATE series SET last = ?, mark = ? WHERE id = ?", ((when, mark, series) for when, series in last)
            )

    def drop_recent(self, mark: int, most: int) -> int:
        """Forget up to ``most`` rows up to ``mark``, whose series were all rolled since; says how many."""
        chosen = "SELECT id FROM recent WHERE id <= ? LIMIT ?"
        return self._database.execute(f"DELETE FROM recent WHERE id IN ({chosen})", (mark, most)).rowcount

    def read(self, series: int, tier: int, start: float, end: float) -> Iterator[tuple[int, Bucket]]:
        """Buckets of blocks that may overlap ``[start, end)``: by start, several for one where points came late."""
        rows = self._database.execute(
            "SELECT data FROM blocks WHERE series = ? AND tier = ? AND start >= ? AND start < ?",
            (series, tier, start, end),
        )
        for (data,) in rows:
            yield from _buckets.decode(data)

    def drop_blocks(self, tier: int, before: float, most: int) -> int:
        """Forget up to ``most`` blocks that began before a time; says how many."""
        chosen = "SELECT rowid FROM blocks WHERE tier = ? AND start < ? LIMIT ?"
        return self._database.execute(f"DELETE FROM blocks WHERE rowid IN ({chosen})", (tier, before, most)).rowcount

    def drop_series(self, ids: Iterable[int]) -> None:
        """Forget series."""
        with self._transaction():
            self._database.executemany("DELETE FROM series WHERE id = ?", ((id_,) for id_ in ids))

    def clear(self) -> None:
        """Forget everything."""
        for table in ("series", "recent", "blocks"):
            self._database.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _add_series(self, made: Sequence[SeriesRow]) -> None:
        self._database.executemany(
            "INSERT INTO series (id, data, last, mark) VALUES (?, ?, ?, 0)",
            ((row.id, _encoder.encode(row), row.last) for row in made),
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise
