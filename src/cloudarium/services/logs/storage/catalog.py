"""Log streams, in SQLite: found by name, listed by name or by the time of the last event.

First and last times are written behind (``touch``): they follow from the frames and are made good from them after a
crash, so that PutLogEvents costs no row. A disk that is full keeps nobody from reading: what could not be written is
looked up in memory. Whatever must be written raises ``OSError`` then.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cloudarium.services.logs.storage.entities import Entities

log = logging.getLogger(__name__)

_KNOWN = 10_000
"""Streams whose ids are kept in memory."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
    first INTEGER, last INTEGER, ingested INTEGER);
CREATE UNIQUE INDEX IF NOT EXISTS by_name ON streams (grp, name);
CREATE INDEX IF NOT EXISTS by_last ON streams (grp, ifnull(last, -1), name);
"""
_COLUMNS = "id, name, created, first, last, ingested"


class StreamRow(NamedTuple):
    """A log stream; times in milliseconds since 1970, None before the first event."""

    id: int
    name: str
    created: int
    first: int | None
    last: int | None
    ingested: int | None


class Catalog:
    """The streams of every group of a cloud."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_SCHEMA)
        self.entities = Entities(self._db)
        self._ids: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._touched: dict[int, tuple[int, int, int]] = {}
        self._refused = False

    def create(self, group: str, name: str, now: int) -> bool:
        """Make a stream; False when there is one of this name."""
        try:
            with self._writing():
                self._db.execute("INSERT INTO streams (grp, name, created) VALUES (?, ?, ?)", (group, name, now))
        except sqlite3.IntegrityError:
            return False
        return True

    def id_of(self, group: str, name: str) -> int | None:
        """A stream's id."""
        known = self._ids
        if (found := known.get((group, name))) is not None:
            known.move_to_end((group, name))
            return found
        row = self._db.execute("SELECT id FROM streams WHERE grp = ? AND name = ?", (group, name)).fetchone()
        if row is None:
            return None
        known[group, name] = row[0]
        if len(known) > _KNOWN:
            known.popitem(last=False)
        return int(row[0])

    def names(self, ids: Iterable[int]) -> dict[int, str]:
        """Names by id; streams that were deleted are missing."""
        wanted = list(ids)
        found: dict[int, str] = {}
        for at in range(0, len(wanted), 500):
            part = wanted[at : at + 500]
            marks = ",".join("?" * len(part))
            found.update(self._db.execute(f"SELECT id, name FROM streams WHERE id IN ({marks})", part))
        return found

    def delete(self, group: str, name: str) -> int | None:
        """Remove a stream; its id, or None when there was none."""
        found = self.id_of(group, name)
        if found is not None:
            with self._writing():
                self.entities.forget(found)
                self._db.execute("DELETE FROM streams WHERE id = ?", (found,))
            self._ids.pop((group, name), None)
            self._touched.pop(found, None)
        return found

    def delete_group(self, group: str) -> None:
        """Remove every stream of a group."""
        with self._writing():
            self.entities.forget_group(group)
            self._db.execute("DELETE FROM streams WHERE grp = ?", (group,))
        for key in [key for key in self._ids if key[0] == group]:
            self._touched.pop(self._ids.pop(key), None)

    def groups(self) -> list[str]:
        """Every group that has streams."""
        found: list[str] = []
        last: str | None = ""
        # One step of the index per group, however many streams it has.
        while last is not None:
            last = self._db.execute("SELECT min(grp) FROM streams WHERE grp > ?", (last,)).fetchone()[0]
            if last is not None:
                found.append(last)
        return found

    def touch(self, stream: int, first: int, last: int, ingested: int) -> None:
        """Events from ``first`` to ``last`` came at ``ingested``."""
        if (old := self._touched.get(stream)) is not None:
            first, last, ingested = min(first, old[0]), max(last, old[1]), max(ingested, old[2])
        self._touched[stream] = (first, last, ingested)
        if len(self._touched) >= _KNOWN:
            self.try_flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(str(error)) from error

    def flush(self) -> None:
        """Write what ``touch`` was told."""
        if not self._touched:
            return
        rows = [(first, last, ingested, stream) for stream, (first, last, ingested) in self._touched.items()]
        with self._writing():
            self._db.execute("BEGIN")
            try:
                self._db.executemany(
                    "UPDATE streams SET first = min(ifnull(first, ?1), ?1), last = max(ifnull(last, ?2), ?2), "
                    "ingested = max(ifnull(ingested, ?3), ?3) WHERE id = ?4",
                    rows,
                )
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        self._touched.clear()
        self._refused = False

    def try_flush(self) -> None:
        """The same, where it may as well be done later."""
        try:
            self.flush()
        except OSError as error:
            if not self._refused:
                self._refused = True
                log.error("the times of log streams could not be written: %s", error)

    def _fresh(self, row: StreamRow) -> StreamRow:
        """A row with what could not be written yet."""
        if (touched := self._touched.get(row.id)) is None:
            return row
        first, last, ingested = touched
        return row._replace(
            first=first if row.first is None else min(first, row.first),
            last=last if row.last is None else max(last, row.last),
            ingested=ingested if row.ingested is None else max(ingested, row.ingested),
        )

    def find(self, group: str, name: str) -> StreamRow | None:
        """One stream by name."""
        self.try_flush()
        query = f"SELECT {_COLUMNS} FROM streams WHERE grp = ? AND name = ?"
        row = self._db.execute(query, (group, name)).fetchone()
        return self._fresh(StreamRow(*row)) if row else None

    def ids_with_prefix(self, group: str, prefix: str) -> list[int]:
        """Ids of the streams whose names begin with ``prefix``."""
        query = "SELECT id FROM streams WHERE grp = ? AND name >= ? AND name < ?"
        return [row[0] for row in self._db.execute(query, (group, prefix, prefix + "\U0010ffff"))]

    def by_name(
        self, group: str, *, prefix: str = "", after: str | None = None, descending: bool = False, limit: int = 50
    ) -> list[StreamRow]:
        """Streams in order of their names, beyond ``after``."""
        self.try_flush()
        conditions, values = ["grp = ?"], [group]
        if prefix:
            # No character of a name sorts behind the last code point.
            conditions.append("name >= ? AND name < ?")
            values += [prefix, prefix + "\U0010ffff"]
        if after is not None:
            conditions.append("name < ?" if descending else "name > ?")
            values.append(after)
        order = "DESC" if descending else "ASC"
        query = f"SELECT {_COLUMNS} FROM streams WHERE {' AND '.join(conditions)} ORDER BY name {order} LIMIT ?"
        return [self._fresh(StreamRow(*row)) for row in self._db.execute(query, (*values, limit))]

    def by_last(
        self, group: str, *, after: tuple[int, str] | None = None, descending: bool = False, limit: int = 50
    ) -> list[StreamRow]:
        """Streams in order of their last events (those without any come first), beyond ``after``."""
        self.try_flush()
        values: list[object] = [group]
        where = "grp = ?"
        if after is not None:
            where += f" AND (ifnull(last, -1), name) {'<' if descending else '>'} (?, ?)"
            values += after
        order = "DESC" if descending else "ASC"
        query = (
            f"SELECT {_COLUMNS} FROM streams WHERE {where} "
            f"ORDER BY ifnull(last, -1) {order}, name {order} LIMIT ?"
        )  # fmt: skip
        return [self._fresh(StreamRow(*row)) for row in self._db.execute(query, (*values, limit))]

    def count(self, group: str) -> int:
        """How many streams a group has."""
        return int(self._db.execute("SELECT count(*) FROM streams WHERE grp = ?", (group,)).fetchone()[0])

    def close(self) -> None:
        """Write what is left and close the file."""
        self.try_flush()
        self._db.close()
