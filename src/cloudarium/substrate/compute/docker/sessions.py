"""A process of ``exec``: a connection to the engine that is its standard streams."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from cloudarium.substrate.compute.docker.api import Answer, Api
from cloudarium.substrate.compute.docker.streams import BadStream, Frames
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import ExecSpec

_CHUNK = 64 * 1024
_POLL = 0.1
"""Host seconds: the engine tells the end of a process to those who ask only."""
_END_OF_TRANSMISSION = b"\x04"


class Session:
    """See ``runtime.ExecSession``. ``kill(pid, number)`` sends a signal to a process of the machine."""

    def __init__(
        self, api: Api, exec_id: str, answer: Answer, terminal: bool, kill: Callable[[int, int], Awaitable[object]]
    ) -> None:
        self.pid = 0
        self._api = api
        self._id = exec_id
        self._answer = answer
        self._terminal = terminal
        self._kill = kill
        self._frames = Frames()
        self._output: list[tuple[str, bytes]] = []
        self._input_open = True
        self._writing = asyncio.Lock()
        self._resizing: asyncio.Task[Any] | None = None
        self._size: tuple[int, int] | None = None

    async def look(self) -> dict[str, Any]:
        """What the engine says of it; learns its pid."""
        found: dict[str, Any] = await self._api.call("GET", f"/exec/{self._id}/json") or {}
        self.pid = found.get("Pid") or self.pid
        return found

    async def read(self) -> tuple[str, bytes]:
        """Some output; ``("", b"")`` at the end."""
        while not self._output:
            try:
                data = await self._answer.reader.read(_CHUNK)
            except OSError:
                data = b""
            if not data:
                return "", b""
            if self._terminal:
                return "stdout", data
            try:
                self._output += self._frames.feed(data)
            except BadStream as error:
                raise ComputeError("failed", f"the engine's output cannot be read: {error}") from error
        return self._output.pop(0)

    async def write(self, data: bytes) -> None:
        """Give input."""
        async with self._writing:
            if not self._input_open or self._answer.writer.is_closing():
                raise BrokenPipeError("its input is closed")
            try:
                self._answer.writer.write(data)
                await self._answer.writer.drain()
            except OSError as error:
                raise BrokenPipeError("it does not read any more") from error

    def close_stdin(self) -> None:
        """End its input."""
        writer = self._answer.writer
        if not self._input_open or writer.is_closing():
            return
        if self._terminal:
            writer.write(_END_OF_TRANSMISSION)
        else:
            self._input_open = False
            writer.write_eof()

    def resize(self, rows: int, cols: int) -> None:
        """Set the terminal's size; of several sizes the last one is reached."""
        if self._terminal:
            self._size = (rows, cols)
            if self._resizing is None or self._resizing.done():
                self._resizing = asyncio.get_running_loop().create_task(self._resize())

    async def _resize(self) -> None:
        while self._size is not None:
            (rows, cols), self._size = self._size, None
            with contextlib.suppress(ComputeError):  # it has ended
                await self._api.call("POST", f"/exec/{self._id}/resize", {"h": rows, "w": cols})

    async def signal(self, number: int) -> None:
        """Send a signal to the process. The API cannot: a helper with the machine's processes in sight does."""
        if (await self.look()).get("Running") and self.pid > 0:
            await self._kill(self.pid, number)

    async def wait(self) -> int:
        """Its exit code."""
        while True:
            found = await self.look()
            if not found.get("Running") and found.get("ExitCode") is not None:
                return int(found["ExitCode"])
            await asyncio.sleep(_POLL)

    async def close(self) -> None:
        """Forget it; kills it when it still runs."""
        if self._resizing is not None:
            self._resizing.cancel()
        try:
            await self.signal(9)
        except ComputeError:
            pass  # its container is gone, and it too
        finally:
            self._answer.close()


def exec_body(spec: ExecSpec) -> dict[str, Any]:
    """The body of ``POST /containers/<id>/exec``. Raises ComputeError. Pure."""
    if not spec.argv:
        raise ComputeError("invalid", "no command specified")
    body: dict[str, Any] = {
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": spec.terminal,
        "Cmd": spec.argv,
        "Env": list(spec.env) + (["TERM=xterm"] if spec.terminal else []),
        "WorkingDir": spec.cwd,
    }
    if spec.terminal:
        body["ConsoleSize"] = [spec.rows, spec.cols]
    if spec.user is not None:
        body["User"] = spec.user
    return body


async def open_session(api: Api, path: str, spec: ExecSpec, kill: Callable[[int, int], Awaitable[object]]) -> Session:
    """Run a process in the container at ``path``. Raises ComputeError."""
    made = await api.call("POST", f"{path}/exec", body=exec_body(spec))
    exec_id = str(made["Id"])
    start: dict[str, Any] = {"Detach": False, "Tty": spec.terminal}
    if spec.terminal:
        start["ConsoleSize"] = [spec.rows, spec.cols]
    answer = await api.open("POST", f"/exec/{exec_id}/start", body=start, upgrade=True)
    session = Session(api, exec_id, answer, spec.terminal, kill)
    try:
        await session.look()
    except BaseException:
        answer.close()
        raise
    session.resize(spec.rows, spec.cols)  # engines before API 1.42 know no size at the start
    return session
