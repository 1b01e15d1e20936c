"""From a container's pipes into its spool.

A chatty program writes line by line. Reading each one when it comes would cost a turn of the loop per line, so after a
read that soon followed another the pipe is left alone for some milliseconds, and then read empty at once.
"""

from __future__ import annotations

import errno
import fcntl
import os

# Host time: output is stamped with the host's clock, as everything that processes do.
from time import monotonic, time

from cloudarium.substrate.compute.runc.shim.spool import Nowhere, Spool
from cloudarium.substrate.host.loop import READ, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 256 * 1024
_SOON, _PAUSE = 0.02, 0.005
_F_SETPIPE_SZ = 1031


class Output:
    """The reading ends of a container's output; ``streams`` maps descriptors, taken over, to 1 or 2."""

    def __init__(
        self, loop: Loop, spool: Spool | Nowhere, streams: dict[int, int], on_data: Callable[[], object]
    ) -> None:
        self._loop = loop
        self._spool = spool
        self._streams = streams
        self._last = dict.fromkeys(streams, 0.0)
        self._waiting: set[int] = set()
        self._on_data = on_data
        self.ended = False
        for fd in streams:
            os.set_blocking(fd, False)
            loop.watch(fd, READ, lambda _, fd=fd: self._ready(fd))  # type: ignore[misc]

    def resume(self, position: tuple[int, int]) -> None:
        """The reader is done with what is before ``position``: there may be room again."""
        self._spool.acknowledge(position)
        waiting, self._waiting = self._waiting, set()
        for fd in waiting:
            self._watch(fd)

    def drain(self) -> None:
        """Read what is there now: nobody is left to write."""
        for fd in list(self._streams):
            while fd in self._streams and not self._spool.full and self._read(fd):
                pass

    def _watch(self, fd: int) -> None:
        if fd in self._streams:
            self._loop.watch(fd, READ, lambda _: self._ready(fd))

    def _ready(self, fd: int) -> None:
        if self._spool.full:
            self._loop.unwatch(fd)
            self._waiting.add(fd)
            return
        now = monotonic()
        before, self._last[fd] = self._last[fd], now
        if self._read(fd) and now - before < _SOON:
            self._loop.unwatch(fd)
            self._loop.call_later(_PAUSE, lambda: self._watch(fd))

    def _read(self, fd: int) -> bool:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return False
        except OSError as error:
            # A terminal whose other end nobody has open any more.
            if error.errno != errno.EIO:
                raise
            data = b""
        self._spool.add(self._streams[fd], data, time())
        if not data:
            self._loop.unwatch(fd)
            self._waiting.discard(fd)
            del self._streams[fd]
            os.close(fd)
            if not self._streams:
                self.ended = True
                self._spool.finish(time())
        self._on_data()
        return bool(data)


def pipe() -> tuple[int, int]:
    """A pipe with room for a burst, where this user may have that much."""
    read, write = os.pipe()
    try:
        fcntl.fcntl(read, _F_SETPIPE_SZ, _CHUNK)
    except OSError:
        pass
    return read, write
