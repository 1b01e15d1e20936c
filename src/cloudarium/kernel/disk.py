"""The store's file: SQLite in WAL mode, written in group commits, checkpointed in the background.

Not for services: they use ``store``.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

_GROUP = 2000
"""Rows per INSERT: SQLite takes 32,766 variables in a statement."""

_CHECKPOINT_BYTES = 16 * 1024 * 1024
"""Bytes committed after which a checkpoint is started in the background."""


class Scope(NamedTuple):
    """The account and region a record belongs to; global services use the region ``aws-global``."""

    account: str
    region: str


class JournalEntry(NamedTuple):
    """One line of an append-only journal: when (cloud seconds), where, under which key, what."""

    id: int
    account: str
    region: str
    time: float
    key: str
    data: bytes


Rows = Mapping[tuple[str, Scope, str], "tuple[int, bytes] | None"]
"""(table, scope, key) to (version of the struct, encoded record), or None for a deleted one."""

Line = tuple[str, str, str, float, str, bytes]
"""Journal, account, region, time, key, data."""


class Disk:
    """One database. ``path`` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._checkpointing = False
        self._since_checkpoint = 0
        self._database = database = sqlite3.connect(
            str(path) if path else ":memory:", isolation_level=None, check_same_thread=False
        )
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute(
            "CREATE TABLE IF NOT EXISTS records (name TEXT, account TEXT, region TEXT, key TEXT, version INTEGER,"
            " data BLOB, PRIMARY KEY (name, account, region, key))"
        )
        database.execute(
            "CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY, name TEXT, account TEXT, region TEXT,"
            " time REAL, key TEXT, data BLOB)"
        )
        database.execute("CREATE INDEX IF NOT EXISTS journal_by_key ON journal (key)")

    def records(self) -> Iterator[tuple[str, Scope, str, int, bytes]]:
        """Every record: table, scope, key, version and data, in the order in which they were first written."""
        rows = self._database.execute("SELECT name, account, region, key, version, data FROM records ORDER BY rowid")
        for name, account, region, key, version, data in rows:
            yield name, Scope(account, region), key, version, data

    def commit(self, rows: Rows, lines: Sequence[Line]) -> None:
        """Write all of it or nothing; raises ``sqlite3.Error`` when the disk refuses."""
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            puts = [(n, s.account, s.region, k, r[0], r[1]) for (n, s, k), r in rows.items() if r is not None]
            _insert(
                database,
                "INSERT INTO records (name, account, region, key, version, data) VALUES ",
                puts,
                " ON CONFLICT DO UPDATE SET version = excluded.version, data = excluded.data",
            )
            for (name, scope, key), row in rows.items():
                if row is None:
                    database.execute(
                        "DELETE FROM records WHERE name = ? AND account = ? AND region = ? AND key = ?",
                        (name, scope.account, scope.region, key),
                    )
            _insert(database, "INSERT INTO journal (name, account, region, time, key, data) VALUES ", lines, "")
            database.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise
        self._written(sum(len(put[5]) for put in puts) + sum(len(line[5]) for line in lines))

    def read(
        self,
        journal: str,
        scope: Scope,
        *,
        start: float,
        end: float,
        key: str | None,
        before_id: int | None,
        limit: int,
    ) -> list[JournalEntry]:
        """See ``Store.read``."""
        where, values = "name = ? AND account = ? AND region = ? AND time >= ? AND time <= ? AND id < ?", [
            journal, scope.account, scope.region, start, end, before_id or 1 << 62
        ]  # fmt: skip
        if key is not None:
            where, values = where + " AND key = ?", [*values, key]
        rows = self._database.execute(
            f"SELECT id, account, region, time, key, data FROM journal WHERE {where} ORDER BY id DESC LIMIT ?",
            [*values, limit],
        )
        return [JournalEntry(*row) for row in rows]

    def trim(self, journal: str, *, keep: int) -> None:
        """See ``Store.trim``."""
        newest = self._database.execute("SELECT max(id) FROM journal").fetchone()[0] or 0
        # Ids grow, so this reads only the old end of the table, however long the journal is.
        self._database.execute("DELETE FROM journal WHERE id <= ? AND name = ?", (newest - keep, journal))

    def clear(self) -> None:
        """Forget everything."""
        self._database.execute("DELETE FROM records")
        self._database.execute("DELETE FROM journal")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def checkpointing(self) -> bool:
        """Whether a checkpoint is under way."""
        return self._checkpointing

    def _written(self, size: int) -> None:
        self._since_checkpoint += size
        if self._path is not None and not self._checkpointing and self._since_checkpoint > _CHECKPOINT_BYTES:
            self._checkpointing = True
            self._since_checkpoint = 0
            threading.Thread(target=self._checkpoint, args=(self._path,), daemon=True).start()

    def _checkpoint(self, path: Path) -> None:
        # Passive: never makes a commit wait. Once all of the log is copied the next commit starts it from the front.
        try:
            with contextlib.closing(sqlite3.connect(str(path))) as database:
                database.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            log.warning("checkpoint failed, will try again: %s", error)
        finally:
            self._checkpointing = False


def _insert(database: sqlite3.Connection, head: str, rows: Sequence[tuple[Any, ...]], tail: str) -> None:
    """Insert in few statements: each one hands the interpreter lock to other threads and must win it back."""
    for first in range(0, len(rows), _GROUP):
        group = rows[first : first + _GROUP]
        values = ",".join(["(" + ",".join("?" * len(group[0])) + ")"] * len(group))
        database.execute(head + values + tail, [value for row in group for value in row])
