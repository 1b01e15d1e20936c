"""A container as the cloud process knows it: its folder, the link to its shim, its end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runc import link
from cloudarium.substrate.compute.runc.reader import Reader
from cloudarium.substrate.compute.runtime import State
from cloudarium.substrate.compute.spec import Exit, LogRecord
from cloudarium.substrate.host.link import Link

SOCKET = "shim"


class Facts(msgspec.Struct, kw_only=True):
    """What the cloud must still know of a container after a restart; ``container.json`` in its folder."""

    id: str
    labels: dict[str, str]
    network_key: str
    stop_signal: int
    cgroup: str
    pause: bool


class Container:
    """One container; ``on_exit(container, exit)`` is called once."""

    def __init__(self, facts: Facts, folder: Path, on_exit: Callable[[Container, Exit], object]) -> None:
        self.facts = facts
        self.id = facts.id
        self.folder = folder
        self.state: State = "created"
        self.pid: int | None = None
        self.namespaces: dict[str, str] = {}
        self.link: Link | None = None
        self.execs: dict[int, asyncio.Future[int]] = {}
        """Exit codes to come, by the name of the exec."""
        self.exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._on_exit = on_exit
        self._keys = 0

    def connect(self, sock: socket.socket) -> None:
        """Talk to its shim."""
        self.link = link.connect(sock, "the shim", self._heard, self._lost)

    async def ask(self, what: str, fds: list[int] | None = None, **fields: Any) -> tuple[dict[str, Any], list[int]]:
        """Have the shim do something. Raises ComputeError."""
        if self.link is None:
            raise ComputeError("exited", "the container is not running")
        try:
            return await self.link.ask(fds or (), do=what, **fields)
        except ConnectionResetError:
            raise ComputeError("exited", "the container's supervisor was killed") from None

    def expect_exec(self) -> tuple[int, asyncio.Future[int]]:
        """A name for an exec, and its exit code to come: that may be here before the answer was looked at."""
        self._keys += 1
        code = self.execs[self._keys] = asyncio.get_running_loop().create_future()
        return self._keys, code

    def ended(self, end: Exit) -> None:
        """It is over; told once."""
        self.state = "exited"
        if not self.exit.done():
            self.exit.set_result(end)
            self._on_exit(self, end)

    def _heard(self, event: dict[str, Any]) -> None:
        if event["event"] == "exit":
            self.ended(msgspec.convert(event["exit"], Exit))
        elif event["event"] == "exec-exit" and (code := self.execs.pop(event["key"], None)) is not None:
            code.set_result(event["code"])

    def _lost(self) -> None:
        """The shim is gone; init kills what it kept."""
        self.link = None
        for code in self.execs.values():
            code.set_result(128 + 9)
        self.execs.clear()
        if not self.exit.done():
            self.ended(recorded_exit(self.folder) or self._record_loss("the container's supervisor was killed"))

    def _record_loss(self, reason: str) -> Exit:
        end = Exit(error=reason, finished_at=_now())
        record_exit(self.folder, end)
        return end

    def lost_with_tree(self) -> None:
        """No shim answers after a start: whatever ran is gone with the processes of that time."""
        self.ended(recorded_exit(self.folder) or self._record_loss("the cloud was killed while the container ran"))


class Logs:
    """See ``runtime.LogStream``."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._reader = Reader(container.folder / "log")
        self._closed = asyncio.Event()

    @property
    def dropped(self) -> int:
        """Bytes of output lost."""
        return self._reader.dropped

    def __aiter__(self) -> AsyncIterator[list[LogRecord]]:
        return self._batches()

    async def _batches(self) -> AsyncIterator[list[LogRecord]]:
        reader, container = self._reader, self._container
        if container.link is not None:
            # The shim may have waited for this since the last cloud.
            container.link.tell(do="log-acked", position=reader.position)
        while not self._closed.is_set():
            if batch := reader.read():
                yield batch
                continue
            if reader.ended:
                return
            if container.link is None:
                # Nobody writes any more; but the last may have been written since we looked.
                if batch := reader.read():
                    yield batch
                    continue
                return
            await self._more()

    async def _more(self) -> None:
        waiting = asyncio.ensure_future(self._container.ask("log-wait", position=self._reader.position))
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait((waiting, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
            waiting.cancel()
            if waiting.done() and not waiting.cancelled():
                waiting.exception()  # a lost shim is seen by its link

    def ack(self) -> None:
        """Everything yielded so far was delivered."""
        self._reader.ack()
        if self._container.link is not None:
            self._container.link.tell(do="log-acked", position=self._reader.position)

    def close(self) -> None:
        """Stop."""
        self._closed.set()
        self._reader.close()


def record_exit(folder: Path, end: Exit) -> None:
    """Write it down where the shim would have."""
    scratch = folder / "exit.json.new"
    try:
        scratch.write_bytes(msgspec.json.encode(end))
        scratch.replace(folder / "exit.json")
    except FileNotFoundError:
        pass  # it is being deleted


def recorded_exit(folder: Path) -> Exit | None:
    """What the shim wrote down."""
    try:
        return msgspec.json.decode((folder / "exit.json").read_bytes(), type=Exit)
    except (OSError, msgspec.MsgspecError):
        return None


def read_facts(folder: Path) -> Facts | None:
    """What is known of the container in a folder; None when its creation was not finished."""
    try:
        return msgspec.json.decode((folder / "container.json").read_bytes(), type=Facts)
    except (OSError, msgspec.MsgspecError):
        return None


def listen(run: Path) -> socket.socket:
    """The socket by which later clouds find the shim. By descriptor: paths of sockets are short."""
    folder = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.bind(f"/proc/self/fd/{folder}/{SOCKET}")
        sock.listen(4)
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(folder)
    return sock


def dial(run: Path) -> socket.socket | None:
    """Connect to a shim; None when there is none."""
    try:
        folder = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.connect(f"/proc/self/fd/{folder}/{SOCKET}")
    except OSError:
        sock.close()
        return None
    finally:
        os.close(folder)
    return sock


def _now() -> float:
    import time

    return time.time()  # ends of processes are told in the host's time


def write_json(path: Path, value: Any) -> None:
    """For the shim, which has no msgspec."""
    path.write_text(json.dumps(value))
