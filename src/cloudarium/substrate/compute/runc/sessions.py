"""A process of ``exec``, seen from the cloud: its descriptors are here, the shim only waits for its end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Awaitable, Callable

_CHUNK = 64 * 1024
_BUFFER_LIMIT = 1024 * 1024
_END_OF_TRANSMISSION = b"\x04"


class Session:
    """See ``runtime.ExecSession``.

    Args:
        pid: of the process.
        terminal: the master of its terminal, or None.
        stdin, stdout, stderr: our ends of its pipes, without a terminal.
        code: its exit code to come.
        kill: ``await kill(number)`` sends it a signal.
    """

    def __init__(
        self,
        pid: int,
        terminal: int | None,
        pipes: tuple[int, int, int] | None,
        code: asyncio.Future[int],
        kill: Callable[[int], Awaitable[object]],
    ) -> None:
        self.pid = pid
        self._loop = asyncio.get_running_loop()
        self._kill = kill
        self._terminal = terminal
        self._input: int | None = terminal
        self._sources: dict[int, str] = {}
        if terminal is not None:
            self._sources[terminal] = "stdout"
        elif pipes is not None:
            self._input, self._sources = pipes[0], {pipes[1]: "stdout", pipes[2]: "stderr"}
        self._output: list[tuple[str, bytes]] = []
        self._size = 0
        self._changed = asyncio.Event()
        self._code = code
        self._writing = asyncio.Lock()
        for fd in {*self._sources, self._input} - {None}:
            os.set_blocking(fd, False)  # type: ignore[arg-type]
        self._listen()

    def _listen(self) -> None:
        for fd in self._sources:
            self._loop.add_reader(fd, self._ready, fd)

    def _ready(self, fd: int) -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the terminal's other end any more
            data = b""
        self._changed.set()
        if data:
            self._output.append((self._sources[fd], data))
            self._size += len(data)
            if self._size >= _BUFFER_LIMIT:
                for each in self._sources:
                    self._loop.remove_reader(each)
            return
        self._loop.remove_reader(fd)
        del self._sources[fd]
        if fd != self._terminal:
            os.close(fd)

    async def read(self) -> tuple[str, bytes]:
        """Some output; ``("", b"")`` at the end."""
        while not self._output:
            if not self._sources:
                return "", b""
            self._changed.clear()
            await self._changed.wait()
        stream, data = self._output.pop(0)
        full, self._size = self._size >= _BUFFER_LIMIT, self._size - len(data)
        if full and self._size < _BUFFER_LIMIT:
            self._listen()
        return stream, data

    async def write(self, data: bytes) -> None:
        """Give input."""
        async with self._writing:
            view = memoryview(data)
            while view:
                if self._input is None:
                    raise BrokenPipeError("its input is closed")
                try:
                    view = view[os.write(self._input, view) :]
                except BlockingIOError:
                    await self._writable(self._input)
                except OSError as error:
                    raise BrokenPipeError(error.strerror) from None

    async def _writable(self, fd: int) -> None:
        ready = self._loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        self._loop.add_writer(fd, wake)
        try:
            await ready
        finally:
            if self._input == fd:
                self._loop.remove_writer(fd)

    def close_stdin(self) -> None:
        """End its input."""
        if self._terminal is not None:
            if self._input is not None:
                os.write(self._terminal, _END_OF_TRANSMISSION)
        elif self._input is not None:
            self._loop.remove_writer(self._input)
            os.close(self._input)
            self._input = None

    def resize(self, rows: int, cols: int) -> None:
        """Set the terminal's size."""
        if self._terminal is not None:
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    async def signal(self, number: int) -> None:
        """Send a signal to the process."""
        if not self._code.done():
            await self._kill(number)

    async def wait(self) -> int:
        """Its exit code."""
        return await asyncio.shield(self._code)

    async def close(self) -> None:
        """Forget it; kills it when it still runs."""
        for fd in list(self._sources):
            self._loop.remove_reader(fd)
            if fd != self._terminal:
                os.close(fd)
        self._sources.clear()
        self._changed.set()
        if self._terminal is None:
            self.close_stdin()
        else:
            self._loop.remove_reader(self._terminal)
            self._loop.remove_writer(self._terminal)
            os.close(self._terminal)
            self._terminal = self._input = None
        if not self._code.done():
            try:
                await self._kill(9)
            except OSError:
                pass  # its shim is gone, and it too
