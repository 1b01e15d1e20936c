"""What exists: typed tables in memory, written through to SQLite.

A *record* is a frozen msgspec struct that names its table, its key and its secondary indexes. Records live per
``Scope`` (account and region), so a listing touches only its own. Reads never leave memory.

Writes are made inside a *transaction* (one per API call, or one per write elsewhere). They are visible at once, are
taken back if the block raises, and reach SQLite together with those of every other transaction of the same turn of
the loop: one group commit, whose end each transaction awaits. WAL without fsync survives the death of any process
(``kill -9``); checkpoints run in a thread. A transaction should not await between its writes: another call could see
them before they are certain.

Rows carry the version of their struct; ``Record.migrate`` lifts older ones when they are loaded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar, Token
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import msgspec

from cloudarium.kernel.disk import Disk, JournalEntry, Line, Scope

__all__ = ["JournalEntry", "Record", "Scope", "Store", "Table", "Transaction"]

log = logging.getLogger(__name__)

_MAX_PENDING_LINES = 50_000

_LAZY = 0.05
"""Host seconds that a journal line nobody waits for may stay in memory, so that many lines share a commit."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every stored struct. Subclasses set ``TABLE``, ``KEY`` and, where looked up otherwise, ``INDEXES``."""

    TABLE: ClassVar[str]
    KEY: ClassVar[str]
    INDEXES: ClassVar[tuple[str, ...]] = ()
    VERSION: ClassVar[int] = 1

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    @classmethod
    def migrate(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        """Fields of a row written by ``version`` (below ``VERSION``), lifted to today's; override where needed."""
        return fields


R = TypeVar("R", bound=Record)
Watcher = Callable[[Scope, str, R | None, R | None], None]
_Change = tuple["Table[Any]", Scope, str, Record | None, Record | None]


class Table(Generic[R]):
    """The records of one struct. Made through ``Store.table``."""

    def __init__(self, store: Store, kind: type[R]) -> None:
        self.kind = kind
        self._store = store
        self._rows: dict[Scope, dict[str, R]] = {}
        self._indexes: dict[str, dict[tuple[Scope, object], dict[str, R]]] = {name: {} for name in kind.INDEXES}
        self._watchers: list[Watcher[R]] = []

    def get(self, scope: Scope, key: str) -> R | None:
        """The record with this key, or None."""
        rows = self._rows.get(scope)
        return rows.get(key) if rows is not None else None

    def all(self, scope: Scope) -> list[R]:
        """Every record of the scope, in the order in which they were made."""
        return list(self._rows.get(scope, {}).values())

    def count(self, scope: Scope) -> int:
        """How many records the scope has."""
        return len(self._rows.get(scope, ()))

    def everywhere(self) -> Iterator[tuple[Scope, R]]:
        """Every record of every scope (for controllers at start)."""
        for scope, rows in list(self._rows.items()):
            for record in list(rows.values()):
                yield scope, record

    def scopes(self) -> list[Scope]:
        """Every scope that has records."""
        return [scope for scope, rows in self._rows.items() if rows]

    def find(self, scope: Scope, index: str, value: object) -> list[R]:
        """Records whose indexed field equals ``value`` (or, for a tuple-valued field, contains it)."""
        return list(self._indexes[index].get((scope, value), {}).values())

    def put(self, scope: Scope, record: R) -> None:
        """Insert or replace a record."""
        key = str(getattr(record, self.kind.KEY))
        self._store._write(self, scope, key, record)

    def delete(self, scope: Scope, key: str) -> R | None:
        """Remove a record; returns it, or None when there was none."""
        old = self.get(scope, key)
        if old is not None:
            self._store._write(self, scope, key, None)
        return old

    def watch(self, watcher: Watcher[R]) -> None:
        """Call ``watcher(scope, key, old, new)`` after each transaction that changed a record of this table."""
        self._watchers.append(watcher)

    # -- used by the store -----------------------------------------------------------------------------------------

    def _set(self, scope: Scope, key: str, record: R | None) -> R | None:
        rows = self._rows.setdefault(scope, {})
        old = rows.get(key)
        if record is None:
            rows.pop(key, None)
        else:
            rows[key] = record
        for name, index in self._indexes.items():
            if old is not None:
                for value in _index_values(old, name):
                    if (bucket := index.get((scope, value))) is not None:
                        bucket.pop(key, None)
                        if not bucket:
                            del index[(scope, value)]
            if record is not None:
                for value in _index_values(record, name):
                    index.setdefault((scope, value), {})[key] = record
        return old

    def _clear(self) -> None:
        self._rows.clear()
        for index in self._indexes.values():
            index.clear()


def _index_values(record: Record, name: str) -> Iterable[object]:
    value = getattr(record, name)
    return value if isinstance(value, tuple) else (value,)


class Transaction:
    """A block of writes that all happen or none. ``changed`` tells afterwards whether there were any.

    Leaving the block stages the writes; they are durable when ``Store.durable`` returns. Inside another transaction
    the block belongs to the outer one: all or nothing is the outer caller's.
    """

    __slots__ = ("_store", "_token", "changed", "changes", "open")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._token: Token[Transaction | None] | None = None
        self.changes: list[_Change] = []
        self.changed = False
        self.open = False

    def __enter__(self) -> Self:
        if _open_transaction() is None:
            self._token = _current.set(self)
            self.open = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if self._token is None:
            return
        self.open = False
        _current.reset(self._token)
        if not self.changes:
            return
        if kind is not None:
            for table, scope, key, old, _ in reversed(self.changes):
                table._set(scope, key, old)
        else:
            self.changed = True
            self._store._stage(self.changes)


_current: ContextVar[Transaction | None] = ContextVar("transaction", default=None)


def _open_transaction() -> Transaction | None:
    # A task started inside a transaction inherits the variable and may outlive the block.
    transaction = _current.get()
    return transaction if transaction is not None and transaction.open else None


class Store:
    """All tables and journals of one cloud. ``path`` None keeps everything in memory (``--ephemeral``)."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._tables: dict[str, Table[Any]] = {}
        self._unclaimed: dict[str, list[tuple[Scope, str, int, bytes]]] = {}
        self._pending_rows: dict[tuple[str, Scope, str], tuple[int, bytes] | None] = {}
        self._pending_journal: list[Line] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._flush_due = False
        self._lazy_flush: asyncio.TimerHandle | None = None
        self._encoder = msgspec.msgpack.Encoder()
        self._disk = Disk(path)
        for name, scope, key, version, data in self._disk.records():
            self._unclaimed.setdefault(name, []).append((scope, key, version, data))

    # -- tables ----------------------------------------------------------------------------------------------------

    def table(self, kind: type[R]) -> Table[R]:
        """The table of a record type; its rows are decoded the first time it is asked for."""
        table = self._tables.get(kind.TABLE)
        if table is None:
            table = self._tables[kind.TABLE] = Table(self, kind)
            for scope, key, version, data in self._unclaimed.pop(kind.TABLE, []):
                table._set(scope, key, _decode(kind, version, data))
        return cast("Table[R]", table)

    def has_rows(self, prefix: str) -> bool:
        """Whether any table whose name starts with ``prefix`` has rows (so that a service must be started)."""
        return any(name.startswith(prefix) for name in self._unclaimed) or any(
            any(table._rows.values()) for name, table in self._tables.items() if name.startswith(prefix)
        )

    # -- transactions ----------------------------------------------------------------------------------------------

    def begin(self) -> Transaction:
        """A transaction as a plain context manager, for blocks that do not await; see ``Transaction``."""
        return Transaction(self)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All writes of the block, or none; on leaving, waits until they are durable."""
        with Transaction(self) as transaction:
            yield
        if transaction.changed:
            await self.durable()

    async def durable(self) -> None:
        """Wait until everything written so far is in SQLite."""
        if self.path is None or not (self._pending_rows or self._pending_journal):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._schedule_flush()
        await waiter

    def _write(self, table: Table[Any], scope: Scope, key: str, record: Record | None) -> None:
        old = table._set(scope, key, record)
        change: _Change = (table, scope, key, old, record)
        transaction = _open_transaction()
        if transaction is not None:
            transaction.changes.append(change)
        else:
            self._stage([change])

    def _stage(self, changes: Sequence[_Change]) -> None:
        if self.path is not None:
            for table, scope, key, _, record in changes:
                row = None if record is None else (table.kind.VERSION, self._encoder.encode(record))
                self._pending_rows[(table.kind.TABLE, scope, key)] = row
            self._schedule_flush()
        for table, scope, key, old, record in changes:
            for watcher in table._watchers:
                try:
                    watcher(scope, key, old, record)
                except Exception:
                    log.exception("a watcher of %s failed", table.kind.TABLE)

    # -- journals --------------------------------------------------------------------------------------------------

    def append(self, journal: str, scope: Scope, time: float, key: str, data: bytes) -> None:
        """Append a line to a journal; it becomes durable with the next group commit, which is not hurried for it."""
        if len(self._pending_journal) >= _MAX_PENDING_LINES:
            # Only while the disk refuses: what is asked of the cloud meanwhile must not fill its memory.
            del self._pending_journal[:1000]
        self._pending_journal.append((journal, scope.account, scope.region, time, key, data))
        if self._lazy_flush is None and not self._flush_due:
            try:
                self._lazy_flush = asyncio.get_running_loop().call_later(_LAZY, self._flush_soon)
            except RuntimeError:
                self._flush_soon()

    def read(
        self,
        journal: str,
        scope: Scope,
        *,
        start: float = 0.0,
        end: float = 1e18,
        key: str | None = None,
        before_id: int | None = None,
        limit: int = 50,
    ) -> list[JournalEntry]:
        """Lines of a journal, newest first; ``before_id`` continues below an entry already seen."""
        self.flush()
        return self._disk.read(journal, scope, start=start, end=end, key=key, before_id=before_id, limit=limit)

    def trim(self, journal: str, *, keep: int) -> None:
        """Drop the oldest lines: those further back than ``keep`` lines of all journals together."""
        self.flush()
        self._disk.trim(journal, keep=keep)

    # -- the disk --------------------------------------------------------------------------------------------------

    def _schedule_flush(self) -> None:
        if self._flush_due:
            return
        self._flush_due = True
        try:
            asyncio.get_running_loop().call_soon(self._flush_soon)
        except RuntimeError:
            self._flush_soon()

    def _flush_soon(self) -> None:
        # A failing disk is told to those who wait; the rows stay pending for the next attempt.
        with contextlib.suppress(sqlite3.Error):
            self.flush()

    def flush(self) -> None:
        """Commit everything pending, now. Raises ``sqlite3.Error`` when the disk refuses."""
        self._flush_due = False
        if self._lazy_flush is not None:
            self._lazy_flush.cancel()
            self._lazy_flush = None
        rows, lines = self._pending_rows, self._pending_journal
        waiters, self._waiters = self._waiters, []
        if rows or lines:
            try:
                self._disk.commit(rows, lines)
            except sqlite3.Error as error:
                log.error("the store could not be written: %s", error)
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_exception(OSError(f"the store could not be written: {error}"))
                raise
            self._pending_rows, self._pending_journal = {}, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def reset(self) -> None:
        """Forget everything, watchers too: the services that registered them are started anew."""
        self._pending_rows, self._pending_journal = {}, []
        self._unclaimed.clear()
        for table in self._tables.values():
            table._clear()
            table._watchers.clear()
        self._disk.clear()

    def close(self) -> None:
        """Write what is pending and close the file."""
        with contextlib.suppress(sqlite3.Error):
            self.flush()
        self._disk.close()


def _decode(kind: type[R], version: int, data: bytes) -> R:
    if version == kind.VERSION:
        return msgspec.msgpack.decode(data, type=kind)
    fields = msgspec.msgpack.decode(data)
    return msgspec.convert(kind.migrate(fields, version), type=kind)
