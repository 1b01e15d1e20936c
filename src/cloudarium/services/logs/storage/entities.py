"""What events belong to, by stream: from which sequence number on, until the next one that is noted.

Producers say the same of a stream all the time, so that a row is written only when what they say changes; of streams
of which nothing was ever said there is none.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict

_KNOWN = 10_000
"""Streams whose latest entity is kept in memory."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entities (
    stream INTEGER NOT NULL, since INTEGER NOT NULL, entity TEXT, PRIMARY KEY (stream, since)) WITHOUT ROWID;
"""


class Entities:
    """The table ``entities`` of the catalog: an entity is JSON, None where a stream's events belong to none again."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)
        self._any = db.execute("SELECT EXISTS (SELECT 1 FROM entities)").fetchone()[0] == 1
        self._latest: OrderedDict[int, str | None] = OrderedDict()

    def note(self, stream: int, since: int, entity: str | None) -> None:
        """Events of a stream belong to ``entity`` from the sequence number ``since`` on. Survives the process.

        Raises ``OSError`` when the disk refuses.
        """
        if entity is None and not self._any:
            return
        if self._of(stream) != entity:
            try:
                self._db.execute("INSERT OR REPLACE INTO entities VALUES (?, ?, ?)", (stream, since, entity))
            except sqlite3.OperationalError as error:
                raise OSError(str(error)) from error
            self._latest[stream] = entity
            self._any = True

    def _of(self, stream: int) -> str | None:
        known = self._latest
        if stream in known:
            known.move_to_end(stream)
            return known[stream]
        query = "SELECT entity FROM entities WHERE stream = ? ORDER BY since DESC LIMIT 1"
        row = self._db.execute(query, (stream,)).fetchone()
        known[stream] = row[0] if row else None
        if len(known) > _KNOWN:
            known.popitem(last=False)
        return known[stream]

    def at(self, stream: int, seq: int) -> str | None:
        """What an event belongs to."""
        if not self._any:
            return None
        query = "SELECT entity FROM entities WHERE stream = ? AND since <= ? ORDER BY since DESC LIMIT 1"
        row = self._db.execute(query, (stream, seq)).fetchone()
        return row[0] if row else None

    def of_group(self, group: str) -> dict[int, list[tuple[int, str | None]]]:
        """By stream of a group: (since, entity), ascending."""
        query = (
            "SELECT stream, since, entity FROM entities JOIN streams ON streams.id = entities.stream "
            "WHERE streams.grp = ? ORDER BY stream, since"
        )
        found: dict[int, list[tuple[int, str | None]]] = {}
        for stream, since, entity in self._db.execute(query, (group,)) if self._any else ():
            found.setdefault(stream, []).append((since, entity))
        return found

    def forget(self, stream: int) -> None:
        """A stream is deleted."""
        if self._any:
            self._db.execute("DELETE FROM entities WHERE stream = ?", (stream,))
            self._latest.pop(stream, None)

    def forget_group(self, group: str) -> None:
        """A group is about to be deleted; its streams are still there."""
        if self._any:
            self._db.execute("DELETE FROM entities WHERE stream IN (SELECT id FROM streams WHERE grp = ?)", (group,))
            # Ids are never used again, so that what is left in memory does no harm; but it need not stay.
            self._latest.clear()
