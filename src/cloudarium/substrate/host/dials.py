"""Connecting out on the cloud's behalf, many at a time, without ever waiting for one."""

from __future__ import annotations

import errno
import os
import socket

from cloudarium.substrate.host.loop import WRITE, Loop, Timer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[socket.socket | None, int], object]

PENDING_LIMIT = 1024
"""Connects in progress; more are refused with EAGAIN."""


def address_family(host: str) -> int:
    """AF_INET or AF_INET6 for a numeric address. Raises OSError(EINVAL) for a name: resolving would block the agent."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return family
    raise OSError(errno.EINVAL, f"{host!r} is not a numeric address")


class Dials:
    """Connects in progress. Each is answered exactly once: with a connected socket and 0, or with None and an errno."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._pending: dict[socket.socket, tuple[Timer, Answer]] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def start(self, host: str, port: int, timeout: float, kind: str, answer: Answer) -> None:
        """Connect to a numeric address within ``timeout`` seconds. ``kind``: tcp or udp.

        The socket belongs to whoever is answered. Raises OSError when the connect cannot even begin.
        """
        if len(self._pending) >= PENDING_LIMIT:
            raise OSError(errno.EAGAIN, f"{PENDING_LIMIT} connects are in progress already")
        type_ = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
        sock = socket.socket(address_family(host), type_ | socket.SOCK_NONBLOCK)
        try:
            result = sock.connect_ex((host, port))
        except BaseException:
            sock.close()
            raise
        if result == errno.EINPROGRESS:
            timer = self._loop.call_later(timeout, lambda: self._settle(sock, errno.ETIMEDOUT))
            self._pending[sock] = (timer, answer)
            self._loop.watch(
                sock, WRITE, lambda _: self._settle(sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            )
        elif result:
            sock.close()
            answer(None, result)
        else:
            answer(sock, 0)

    def _settle(self, sock: socket.socket, result: int) -> None:
        timer, answer = self._pending.pop(sock)
        timer.cancel()
        self._loop.unwatch(sock)
        if result:
            sock.close()
            answer(None, result)
        else:
            answer(sock, 0)

    def abandon(self) -> None:
        """Drop all: whoever asked is gone."""
        for sock, (timer, _) in self._pending.items():
            timer.cancel()
            self._loop.unwatch(sock)
            sock.close()
        self._pending.clear()


def describe(number: int) -> str:
    """The kernel's text for an errno."""
    return os.strerror(number)
