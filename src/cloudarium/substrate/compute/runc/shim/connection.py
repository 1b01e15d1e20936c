"""The shim's end of the socket to the cloud: one cloud at a time, the newest. A cloud that died is nothing special."""

from __future__ import annotations

import os
from collections import deque

from cloudarium.substrate.host import wire
from cloudarium.substrate.host.loop import READ, WRITE, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    Request = Callable[[dict[str, Any], list[int]], object]


class Connection:
    """``on_request(message, fds)`` owns the descriptors; ``on_lost()`` is called when the cloud is gone."""

    def __init__(self, loop: Loop, listener: socket.socket, on_request: Request, on_lost: Callable[[], object]) -> None:
        self._loop = loop
        self._listener = listener
        self._sock: socket.socket | None = None
        self.generation = 0
        """Which cloud it is: each numbers its own requests."""
        self._on_request = on_request
        self._on_lost = on_lost
        self._outgoing: deque[tuple[bytes, int | None]] = deque()
        listener.setblocking(False)
        loop.watch(listener, READ, lambda _: self._accept())

    def take(self, sock: socket.socket) -> None:
        """Talk to this one from now on."""
        self._drop()
        self.generation += 1
        sock.setblocking(False)
        self._sock = sock
        self._loop.watch(sock, READ, self._ready)

    def send(self, message: dict[str, Any], fd: int | None = None, generation: int | None = None) -> None:
        """Tell the cloud, if there is one; ``fd`` is duplicated. ``generation``: only if it is still that one."""
        if self._sock is not None and generation in (None, self.generation):
            self._outgoing.append((wire.encode(message), None if fd is None else os.dup(fd)))
            self._flush()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        self.take(sock)

    def _drop(self) -> None:
        if self._sock is None:
            return
        self._loop.unwatch(self._sock)
        self._sock.close()
        self._sock = None
        for _, fd in self._outgoing:
            if fd is not None:
                os.close(fd)
        self._outgoing.clear()
        self._on_lost()

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if not events & READ or self._sock is None:
            return
        try:
            data, fds = wire.receive(self._sock)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        if not data:
            self._drop()
        elif (message := wire.decode(data)) is not None:
            self._on_request(message, fds)
        else:
            wire.discard(fds)

    def _flush(self) -> None:
        while self._outgoing and self._sock is not None:
            data, fd = self._outgoing[0]
            try:
                wire.send(self._sock, data, [] if fd is None else [fd])
            except BlockingIOError:
                self._loop.watch(self._sock, READ | WRITE, self._ready)
                return
            except OSError:
                self._drop()
                return
            self._outgoing.popleft()
            if fd is not None:
                os.close(fd)
        if self._sock is not None:
            self._loop.watch(self._sock, READ, self._ready)
