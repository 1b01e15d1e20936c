"""The bodies of lookup tables on disk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TextIO

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.ids import hex_token
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.lookups.tables import LookupTable

CONTROLLER = "logs.lookup-files"


class LookupFiles:
    """A folder of CSV files, one for each version of a table. A file never changes once it has its name."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        """Open the folder, made if need be. What no record names is left over from a crash, and goes."""
        self._cloud = cloud
        self._table = cloud.store.table(LookupTable)
        self._folder = folder
        folder.mkdir(exist_ok=True)
        named = self._named()
        for path in folder.iterdir():
            if path.name not in named:
                path.unlink()

    def begin(self) -> None:
        """From now on files go when their tables do."""
        self._table.watch(self._changed)
        self._cloud.controller(CONTROLLER, self._remove, lambda: ())

    def _named(self) -> set[str]:
        return {each.file for _, each in self._table.everywhere()}

    def _changed(self, scope: Scope, name: str, old: LookupTable | None, new: LookupTable | None) -> None:
        if old is not None and (new is None or new.file != old.file):
            self._cloud.enqueue(CONTROLLER, old.file)

    async def _remove(self, name: str) -> None:
        # Not before it is certain that no record will name it after a crash.
        await self._cloud.store.durable()
        if name not in self._named():
            (self._folder / name).unlink(missing_ok=True)

    def write(self, body: bytes) -> str:
        """A new file, which is in the kernel once this returns; its name. Runs in a thread. Raises ``OSError``."""
        name = f"{hex_token(20)}.csv"
        temporary = self._folder / f"{name}.tmp"
        try:
            temporary.write_bytes(body)
            temporary.rename(self._folder / name)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return name

    def drop(self, name: str) -> None:
        """Remove a file that got no record."""
        (self._folder / name).unlink(missing_ok=True)

    def opened(self, table: LookupTable) -> TextIO:
        """A table's CSV to be read, also when the table is replaced meanwhile; ``content`` closes it."""
        return open(self._folder / table.file, encoding="utf-8", newline="")

    async def body(self, table: LookupTable) -> str:
        """A table's CSV."""
        return await asyncio.to_thread(content, self.opened(table))


def content(opened: TextIO) -> str:
    """All of a file, which is closed."""
    with opened as file:
        return file.read()
