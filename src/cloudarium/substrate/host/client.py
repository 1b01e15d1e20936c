"""The cloud's side of the host agent: sockets of the host's network, awaited.

    host = HostClient(boot.channel_fd)
    sock = await host.dial("127.0.0.1", 8080, timeout=5.0)

One per cloud, on the running loop. Errors are the host's own: ConnectionRefusedError, TimeoutError, PermissionError …
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from cloudarium.substrate.host import wire
from cloudarium.substrate.host.link import Link


class HostClient:
    """Asks the host agent over ``channel`` (a SOCK_SEQPACKET socket or its descriptor, taken over)."""

    def __init__(self, channel: socket.socket | int, on_lost: Callable[[], object] | None = None) -> None:
        """``on_lost`` is called when the agent is gone. Must be made inside the running loop."""
        channel = channel if isinstance(channel, socket.socket) else socket.socket(fileno=channel)
        self._link = Link(channel, "the host agent", _refusal, on_lost=on_lost)

    async def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """A non-blocking TCP socket connected from the host's network.

        ``host`` is a numeric address or ``localhost``; ``timeout`` is in host seconds, at most 120. Raises OSError.
        """
        return await self._socket(op="dial", host=host, port=port, timeout=timeout)

    async def datagram(self, host: str, port: int) -> socket.socket:
        """A non-blocking UDP socket of the host's network, connected to a numeric address. Raises OSError."""
        return await self._socket(op="dial", kind="udp", host=host, port=port, timeout=1.0)

    async def listen(self, host: str, port: int) -> socket.socket:
        """A non-blocking listening TCP socket on a loopback address of the host; port 0 takes a free one.

        The agent keeps the port open until ``unlisten``, also after this socket is closed and after this cloud died,
        so a restarted cloud that asks for the same address loses no connection. It has to ask within 30 s of being
        ready. Raises OSError.
        """
        return await self._socket(op="listen", host=host, port=port)

    async def bind(self, host: str, port: int) -> socket.socket:
        """A non-blocking UDP socket bound to a loopback address of the host; kept as ``listen`` does. OSError."""
        return await self._socket(op="listen", kind="udp", host=host, port=port)

    async def unlisten(self, host: str, port: int) -> None:
        """Give a listener of ``listen`` back; the cloud's own copies are to be closed too. Raises OSError."""
        await self._link.ask(op="close", host=host, port=port)

    async def own_pid(self) -> int:
        """This process's id on the host, for programs there that are to look at it. Raises OSError."""
        within = os.stat("/proc/self/ns/pid").st_ino
        return int((await self._link.ask(op="pid", pid=os.getpid(), within=within))[0]["pid"])

    async def namespace(self, pid: int) -> int:
        """A descriptor, the caller's, of the network namespace of a process of the host; never the host's own.

        Raises OSError: EACCES for the host's own, and where the agent's user may not look at that process.
        """
        _, fds = await self._link.ask(op="namespace", pid=pid)
        if not fds:
            raise OSError(errno.EBADMSG, "the host agent sent no namespace")
        fd = fds.pop(0)
        wire.discard(fds)
        return fd

    async def ready(self) -> None:
        """Say that the cloud answers on its port: ``cloudarium up --detach`` returns now."""
        await self._link.ask(op="ready")

    async def stopping(self) -> None:
        """Say that the cloud is about to end by its own will (with status 0)."""
        await self._link.ask(op="stopping")

    async def failed(self, reason: str) -> None:
        """Say in a line for people why the cloud is about to end with a status other than 0."""
        await self._link.ask(op="failed", reason=reason[:2000])

    def close(self) -> None:
        """Stop asking; what waits gets ConnectionResetError."""
        self._link.close()

    async def _socket(self, **request: Any) -> socket.socket:
        _, fds = await self._link.ask(**request)
        if not fds:
            raise OSError(errno.EBADMSG, "the host agent sent no socket")
        sock = socket.socket(fileno=fds.pop(0))
        wire.discard(fds)
        sock.setblocking(False)
        return sock


def _refusal(answer: dict[str, Any]) -> OSError | None:
    if "errno" not in answer:
        return None
    number = int(answer["errno"])
    return OSError(number, str(answer.get("error", "")) or os.strerror(number))
