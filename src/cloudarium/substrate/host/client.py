"""The cloud's side of the host agent: sockets of the host's network, awaited.

    host = HostClient(boot.channel_fd)
    sock = await host.dial("127.0.0.1", 8080, timeout=5.0)

One per cloud, on the running loop. Errors are the host's own: ConnectionRefusedError, TimeoutError, PermissionError …
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from cloudarium.substrate.host import wire


class HostClient:
    """Asks the host agent over ``channel`` (a SOCK_SEQPACKET socket or its descriptor, taken over)."""

    def __init__(self, channel: socket.socket | int, on_lost: Callable[[], object] | None = None) -> None:
        """``on_lost`` is called when the agent is gone. Must be made inside the running loop."""
        self._loop = asyncio.get_running_loop()
        self._channel = channel = channel if isinstance(channel, socket.socket) else socket.socket(fileno=channel)
        self._on_lost = on_lost
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[dict[str, Any], list[int]]]] = {}
        self._outgoing: deque[bytes] = deque()
        self._closed = False
        channel.setblocking(False)
        self._loop.add_reader(channel.fileno(), self._read)

    async def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """A non-blocking TCP socket connected from the host's network.

        ``host`` is a numeric address or ``localhost``; ``timeout`` is in host seconds, at most 120. Raises OSError.
        """
        return await self._socket({"op": "dial", "host": host, "port": port, "timeout": timeout})

    async def datagram(self, host: str, port: int) -> socket.socket:
        """A non-blocking UDP socket of the host's network, connected to a numeric address. Raises OSError."""
        return await self._socket({"op": "dial", "kind": "udp", "host": host, "port": port, "timeout": 1.0})

    async def listen(self, host: str, port: int) -> socket.socket:
        """A non-blocking listening TCP socket on a loopback address of the host; port 0 takes a free one.

        The agent keeps the port open until ``unlisten``, also after this socket is closed and after this cloud died,
        so a restarted cloud that asks for the same address loses no connection. It has to ask within 30 s of being
        ready. Raises OSError.
        """
        return await self._socket({"op": "listen", "host": host, "port": port})

    async def bind(self, host: str, port: int) -> socket.socket:
        """A non-blocking UDP socket bound to a loopback address of the host; kept as ``listen`` does. OSError."""
        return await self._socket({"op": "listen", "kind": "udp", "host": host, "port": port})

    async def unlisten(self, host: str, port: int) -> None:
        """Give a listener of ``listen`` back; the cloud's own copies are to be closed too. Raises OSError."""
        await self._ask({"op": "close", "host": host, "port": port})

    async def own_pid(self) -> int:
        """This process's id on the host, for programs there that are to look at it. Raises OSError."""
        request = {"op": "pid", "pid": os.getpid(), "within": os.stat("/proc/self/ns/pid").st_ino}
        return int((await self._ask(request))[0]["pid"])

    async def namespace(self, pid: int) -> int:
        """A descriptor, the caller's, of the network namespace of a process of the host; never the host's own.

        Raises OSError: EACCES for the host's own, and where the agent's user may not look at that process.
        """
        _, fds = await self._ask({"op": "namespace", "pid": pid})
        if not fds:
            raise OSError(errno.EBADMSG, "the host agent sent no namespace")
        fd = fds.pop(0)
        wire.discard(fds)
        return fd

    async def ready(self) -> None:
        """Say that the cloud answers on its port: ``cloudarium up --detach`` returns now."""
        await self._ask({"op": "ready"})

    async def stopping(self) -> None:
        """Say that the cloud is about to end by its own will (with status 0)."""
        await self._ask({"op": "stopping"})

    async def failed(self, reason: str) -> None:
        """Say in a line for people why the cloud is about to end with a status other than 0."""
        await self._ask({"op": "failed", "reason": reason[:2000]})

    def close(self) -> None:
        """Stop asking; what waits gets ConnectionResetError."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._channel.fileno())
        self._loop.remove_writer(self._channel.fileno())
        self._channel.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionResetError(errno.ECONNRESET, "the host agent is gone"))
        self._waiting.clear()

    async def _socket(self, request: dict[str, Any]) -> socket.socket:
        _, fds = await self._ask(request)
        if not fds:
            raise OSError(errno.EBADMSG, "the host agent sent no socket")
        sock = socket.socket(fileno=fds.pop(0))
        wire.discard(fds)
        sock.setblocking(False)
        return sock

    async def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        if self._closed:
            raise ConnectionResetError(errno.ECONNRESET, "the host agent is gone")
        id_ = next(self._ids)
        data = wire.encode({"id": id_, **request})
        future: asyncio.Future[tuple[dict[str, Any], list[int]]] = self._loop.create_future()
        self._waiting[id_] = future
        self._outgoing.append(data)
        if len(self._outgoing) == 1:
            self._write()
        try:
            answer, fds = await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                wire.discard(future.result()[1])  # answered between the cancelling and now
            raise
        finally:
            # A late answer to someone who stopped waiting finds nobody here, and its socket is closed on arrival.
            self._waiting.pop(id_, None)
        if "errno" in answer:
            raise OSError(int(answer["errno"]), str(answer.get("error", "")) or os.strerror(int(answer["errno"])))
        return answer, fds

    def _write(self) -> None:
        while self._outgoing:
            try:
                wire.send(self._channel, self._outgoing[0])
            except BlockingIOError:
                self._loop.add_writer(self._channel.fileno(), self._write_more)
                return
            except OSError:
                self._lost()
                return
            self._outgoing.popleft()

    def _write_more(self) -> None:
        self._loop.remove_writer(self._channel.fileno())
        self._write()

    def _read(self) -> None:
        for _ in range(64):
            try:
                data, fds = wire.receive(self._channel)
            except BlockingIOError:
                return
            except OSError:
                data, fds = b"", []
            if not data:
                self._lost()
                return
            answer = wire.decode(data) or {}
            future = self._waiting.pop(answer.get("id", 0), None)
            if future is None or future.done():
                wire.discard(fds)
            else:
                future.set_result((answer, fds))

    def _lost(self) -> None:
        self.close()
        if self._on_lost is not None:
            self._on_lost()
