"""All groups' events: the one way in and out of the files."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Iterator
from pathlib import Path
from typing import Any

from cloudarium.services.logs.storage.batch import Batch
from cloudarium.services.logs.storage.catalog import Catalog
from cloudarium.services.logs.storage.group import Group
from cloudarium.services.logs.storage.sweep import Piece, ascending, descending

log = logging.getLogger(__name__)

OPEN_GROUPS = 512
"""Groups whose files are open; the others are opened when they are used."""
_SEALING = 2
FOREVER = 1 << 62

Spawn = Callable[[Coroutine[Any, Any, None], str], object]


class LogStorage:
    """Events of log groups, by the groups' unique ids. Times are milliseconds since 1970."""

    def __init__(self, root: Path, spawn: Spawn) -> None:
        """``spawn`` starts a background task by coroutine and name."""
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.catalog = Catalog(root / "catalog.db")
        self._spawn = spawn
        self._groups: OrderedDict[str, Group] = OrderedDict()
        self._sealing: set[str] = set()
        self._slots = asyncio.Semaphore(_SEALING)
        self._removed: set[str] = set()
        self._closed = False

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(
        self,
        group: str,
        stream: int,
        ingested: int,
        times: list[int],
        messages: list[bytes],
        entity: str | None = None,
    ) -> int:
        """Append events of a stream, sorted by time. They survive the death of any process once this returns.

        ``entity`` is what they belong to, as JSON. Returns the sequence number of the first. Raises ``OSError`` when
        the disk refuses; then none is there.
        """
        files = self._open(group)
        self.catalog.entities.note(stream, files.next, entity)
        first = files.append(stream, ingested, times, messages)
        self.catalog.touch(stream, times[0], times[-1], ingested)
        if files.must_seal and group not in self._sealing:
            self._sealing.add(group)
            self._spawn(self._seal(group, files), f"logs seal {group}")
        return first

    def next(self, group: str) -> int:
        """The sequence number that the group's next event gets."""
        return self._open(group).next

    async def _seal(self, group: str, files: Group) -> None:
        try:
            async with self._slots:
                while group not in self._removed and (wal := files.to_seal()) is not None:
                    made = await asyncio.to_thread(files.seal, wal)
                    if self._closed:
                        # Both files are there; whoever opens the group next drops the one.
                        return
                    # The file that proves the streams' times goes away.
                    self.catalog.flush()
                    files.sealed(wal, made)
        except OSError as error:
            # Nothing is lost: the file stays as it is and is sealed with the next one.
            log.error("a log file of group %s could not be sealed: %s", group, error)
        finally:
            self._sealing.discard(group)

    # -- reading ---------------------------------------------------------------------------------------------------

    def scan(
        self,
        group: str,
        start: int = 0,
        end: int = FOREVER,
        streams: Collection[int] | None = None,
        *,
        newest_first: bool = False,
    ) -> Iterator[Batch]:
        """Events from ``start`` to ``end`` (both inclusive) in batches of up to a few MiB, in order of time.

        ``streams`` are ids of the catalog. With ``newest_first`` batches come newest first, each sorted upwards. What
        is appended meanwhile is not seen. The iterator may be used in a thread once made.
        """
        wanted = None if streams is None else frozenset(streams)
        pieces = list(self._open(group).pieces(start, end, wanted))
        return (descending if newest_first else ascending)(pieces, start, end)

    def pieces(self, group: str, start: int = 0, end: int = FOREVER) -> list[Piece]:
        """What may have events from ``start`` to ``end``, for readers that need no order and read in a thread."""
        return list(self._open(group).pieces(start, end, None))

    def since(self, group: str, seq: int) -> Iterator[Batch]:
        """Events in the order in which they came, from a sequence number on."""
        return self._open(group).since(seq)

    def stored(self, group: str) -> int:
        """Bytes on disk. Asks the folder: what is not open must not be opened for this."""
        try:
            return sum(entry.stat().st_size for entry in os.scandir(self.root / group))
        except FileNotFoundError:
            return 0

    def segments(self, group: str) -> list[Path]:
        """The sealed files, for caches that are made from them: a file never changes while it is there."""
        return [each.path for each in self._open(group).segments]

    # -- forgetting ------------------------------------------------------------------------------------------------

    def expire(self, group: str, before: int) -> int:
        """Delete files that only have events older than ``before``; how many."""
        # What the files prove of their streams is noted first; a full disk must not keep them from being deleted.
        self.catalog.try_flush()
        return self._open(group).expire(before)

    def remove(self, group: str) -> None:
        """Delete everything of a group."""
        self._removed.add(group)
        self._groups.pop(group, None)
        # First what makes room.
        shutil.rmtree(self.root / group, ignore_errors=True)
        self.catalog.delete_group(group)

    def sweep(self, kept: Collection[str]) -> None:
        """Delete everything of groups that are not among ``kept``: a crash may have come before the deletion's end."""
        there = {path.name for path in self.root.iterdir() if path.is_dir()}
        for group in (there | set(self.catalog.groups())) - set(kept):
            self.remove(group)

    def close(self) -> None:
        """Close every file."""
        self._closed = True
        self._groups.clear()
        self.catalog.close()

    def _open(self, group: str) -> Group:
        files = self._groups.get(group)
        if files is not None:
            self._groups.move_to_end(group)
            return files
        files = self._groups[group] = Group(self.root / group)
        for wal in (*files.superseded, *files.full, files.growing):
            frames = wal.frames
            for row in zip(frames.streams, frames.firsts, frames.lasts, frames.ingested, strict=True):
                self.catalog.touch(*row)
        if files.superseded:
            try:
                self.catalog.flush()
                files.drop_superseded()
            except OSError as error:
                log.error("log files of group %s that are sealed could not be removed: %s", group, error)
        if len(self._groups) > OPEN_GROUPS:
            for name in self._groups:
                # The growing file is found again by its name; one that is being sealed must not be opened twice.
                if name not in self._sealing and name != group:
                    del self._groups[name]
                    break
        return files
