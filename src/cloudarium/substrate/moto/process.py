"""The moto process as the cloud sees it: one supervised child, one socket, requests under way by id."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from pathlib import Path
from typing import Any

import cloudarium
from cloudarium.kernel.supervision import Child, Exit, Supervisor
from cloudarium.substrate.moto import frames

log = logging.getLogger(__name__)

ENTRY = "cloudarium.substrate.moto.child:serve"
FOLDER = "CLOUDARIUM_MOTO_FOLDER"
BIRTH = "CLOUDARIUM_MOTO_BIRTH"


class Gone(Exception):
    """The child is not there (any more)."""


class MotoProcess:
    """One life of the moto process."""

    def __init__(self) -> None:
        self.ready: dict[str, Any] = {}
        """What the child said when it began to serve: version, replayed, differing."""
        self._child: Child | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
        self._next = frames.READY + 1
        self._alive = True

    @property
    def alive(self) -> bool:
        """Whether requests can be sent."""
        return self._alive

    @property
    def pid(self) -> int | None:
        """The process id, None when it has ended."""
        return self._child.pid if self._child is not None else None

    async def start(self, supervisor: Supervisor, folder: Path | None, birth: float) -> None:
        """Start the process and wait until it serves, which includes replaying its journal; raises ``Gone``."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = supervisor.start(
                "moto",
                ENTRY,
                fds=[theirs.fileno()],
                env=_environment(folder, birth),
                on_exit=self._ended,
            )
        ours.setblocking(False)
        reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
        ready = self._waiting[frames.READY] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.get_running_loop().create_task(self._read(reader), name="moto")
        self.ready, _ = await ready

    async def ask(self, header: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Send a request and wait for its answer; raises ``Gone`` when the child dies before."""
        if not self._alive or self._writer is None:
            raise Gone("moto is not running")
        number = self._next
        self._next += 1
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.writelines(frames.pack({**header, "id": number}, body))
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            got: tuple[dict[str, Any], bytes] = await answer
            return got
        finally:
            self._waiting.pop(number, None)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                head, size = frames.lengths(await reader.readexactly(frames.PREFIX.size))
                header = frames.decode(await reader.readexactly(head))
                body = await reader.readexactly(size) if size else b""
                future = self._waiting.get(header["id"])
                if future is not None and not future.done():
                    future.set_result((header, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception:
            log.exception("the moto process sent something unreadable")
        finally:
            self._fail()

    def _ended(self, child: Child, end: Exit) -> None:
        if self._reading is None:
            self._fail()

    def _fail(self) -> None:
        self._alive = False
        if self._writer is not None:
            self._writer.close()
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(Gone("the moto process ended"))
                # Its caller may have stopped waiting: then nobody asks, and that is no defect.
                future.exception()

    async def stop(self) -> None:
        """End the process at once. Nothing is lost: whatever it answered is in the journal."""
        self._fail()
        if self._child is not None:
            self._child.kill()
            await self._child.stop(grace=0.0)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


def _environment(folder: Path | None, birth: float) -> dict[str, str]:
    added = {
        # Replayed calls must walk sets in the order of the first time.
        "PYTHONHASHSEED": "0",
        FOLDER: str(folder) if folder is not None else "",
        BIRTH: repr(birth),
    }
    root = str(Path(cloudarium.__file__).parents[1])
    if not root.endswith("-packages"):
        # Run from a checkout that is not installed: the child must find this package too.
        added["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return added
