"""Listening sockets of the host that the cloud asked for: TCP, and UDP for its DNS.

The agent keeps each open while the cloud is down, so that clients wait in the queue instead of being refused, and
the restarted cloud gets the very same socket when it asks for the same address again.
"""

from __future__ import annotations

import errno
import socket

from cloudarium.substrate.host.dials import address_family

LIMIT = 4096
"""Listeners open at a time."""

BACKLOG = 1024


def is_loopback(host: str) -> bool:
    """Whether a numeric address can be reached from this machine only."""
    if address_family(host) == socket.AF_INET:
        return socket.inet_pton(socket.AF_INET, host)[0] == 127
    return socket.inet_pton(socket.AF_INET6, host) == b"\0" * 15 + b"\1"


def open_listener(host: str, port: int, kind: str = "tcp") -> socket.socket:
    """A non-blocking TCP socket that listens, or a UDP socket that is bound. Raises OSError."""
    stream = kind == "tcp"
    type_ = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
    sock = socket.socket(address_family(host), type_ | socket.SOCK_NONBLOCK)
    try:
        if stream:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        if stream:
            sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


class Listeners:
    """The table of open listeners by address, and which of them the running cloud has asked for."""

    def __init__(self, anywhere: bool = False) -> None:
        """``anywhere`` allows other addresses than loopback."""
        self._anywhere = anywhere
        self._open: dict[tuple[str, str, int], socket.socket] = {}
        self._claimed: set[tuple[str, str, int]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def listen(self, host: str, port: int, kind: str = "tcp") -> tuple[socket.socket, int]:
        """The listener of an address and its port (port 0: a free one). The table keeps the socket. Raises OSError."""
        if not self._anywhere and not is_loopback(host):
            raise OSError(errno.EACCES, f"{host} is not a loopback address")
        sock = self._open.get((kind, host, port)) if port else None
        if sock is None:
            if len(self._open) >= LIMIT:
                raise OSError(errno.EMFILE, f"{LIMIT} listeners are open already")
            sock = open_listener(host, port, kind)
            port = sock.getsockname()[1]
            self._open[kind, host, port] = sock
        self._claimed.add((kind, host, port))
        return sock, port

    def close(self, host: str, port: int) -> None:
        """Stop listening. Raises OSError(ENOENT) for an address that is not open."""
        sock = self._open.pop(("tcp", host, port), None)
        if sock is None:
            raise OSError(errno.ENOENT, f"no listener on {host}:{port}")
        self._claimed.discard(("tcp", host, port))
        sock.close()

    def orphan(self) -> None:
        """The cloud died: what it had is kept, but nobody's, until asked for again."""
        self._claimed.clear()

    def sweep(self) -> None:
        """Close what nobody asked for again."""
        for address in [address for address in self._open if address not in self._claimed]:
            self._open.pop(address).close()
