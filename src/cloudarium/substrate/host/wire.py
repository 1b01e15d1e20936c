"""Messages between agent, init and cloud: one JSON object per datagram of a SOCK_SEQPACKET socket, with descriptors.

JSON because all three ends have it loaded anyway; the socket keeps the boundaries. What does not parse is ``None``:
the reader decides, and the agent answers or ignores but never fails.
"""

from __future__ import annotations

import array
import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIMIT = 32 * 1024
"""Bytes of one message. Longer ones are cut by the kernel and then do not parse."""

_FD_SPACE = socket.CMSG_SPACE(4 * array.array("i").itemsize)


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends, closed on exec."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def encode(message: dict[str, Any]) -> bytes:
    """The datagram for a message. Raises ValueError when it is too long."""
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > LIMIT:
        raise ValueError(f"a message of {len(data)} bytes is longer than {LIMIT}")
    return data


def decode(data: bytes) -> dict[str, Any] | None:
    """The message of a datagram; None when it is not a JSON object."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def send(sock: socket.socket, data: bytes, fds: list[int] | tuple[int, ...] = ()) -> None:
    """Send one datagram whole. Raises BlockingIOError on a full non-blocking socket."""
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([data], ancillary, socket.MSG_NOSIGNAL)


def receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    """One datagram and its descriptors (closed on exec, the caller's to close). Empty bytes: the other end is gone."""
    data, ancillary, _flags, _ = sock.recvmsg(LIMIT, _FD_SPACE, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return data, list(fds)


def discard(fds: list[int]) -> None:
    """Close descriptors nobody asked for."""
    for fd in fds:
        os.close(fd)
