"""A server for handlers: the gateway's side of the engine.

    server = HttpServer(handler, now=clock.now)
    await server.serve(listening_socket)

A handler is called once per request and returns a Response or an awaitable of one; answering at once costs no task.
`divert` sees each request's Host before anything else and may send the whole connection elsewhere (a data plane in
another process); `adopt` takes such connections back.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from cloudarium.substrate.http.messages import Request, Response
from cloudarium.substrate.http.wheel import Wheel

if TYPE_CHECKING:
    from cloudarium.substrate.http.server_connection import ServerConnection

__all__ = ["HttpServer", "Request", "Response", "ServerLimits"]

Handler: TypeAlias = Callable[[Request], "Response | Awaitable[Response]"]
HandOn: TypeAlias = Callable[[int, bytes], None]
"""Takes a file descriptor of its own and the bytes that were read and not answered."""
Divert: TypeAlias = Callable[[bytes], "HandOn | None"]
"""Host as sent (empty without one) → where the connection goes, or None when it stays."""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a client may cost. Bytes and seconds."""

    body: int = 64 * 1024 * 1024
    """A larger body is answered 413, unless it is streamed."""
    idle_timeout: float = 75.0
    """Without a request, or between the pieces of one."""
    head_timeout: float = 30.0
    """From the first byte of a head to its last."""


class HttpServer:
    """Serves one handler on any number of sockets."""

    def __init__(
        self,
        handler: Handler,
        *,
        now: Callable[[], float] = time.time,
        limits: ServerLimits | None = None,
        divert: Divert | None = None,
        streams: Callable[[Request], bool] | None = None,
        server_name: bytes = b"",
    ) -> None:
        self.handler = handler
        self.now = now
        self.limits = limits or ServerLimits()
        self.divert = divert
        self.streams = streams
        """Whether a request (its body not read yet) gets `request.stream` instead of a whole body."""
        self.server_name = server_name
        """The Server field's value; none is sent when empty."""
        self.requests = 0
        """Requests answered so far."""
        self.loop = asyncio.get_running_loop()
        self.wheel = Wheel(self.loop)
        self.wheel.start()
        self.connections: set[ServerConnection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.AbstractServer] = []

    async def serve(self, listening: socket.socket | int) -> asyncio.AbstractServer:
        """Accept clients from a listening socket (or its descriptor, which is taken over)."""
        from cloudarium.substrate.http.server_connection import ServerConnection

        if isinstance(listening, int):
            listening = socket.socket(fileno=listening)
        listening.setblocking(False)
        server = await self.loop.create_server(lambda: ServerConnection(self), sock=listening, backlog=1024)
        self._servers.append(server)
        return server

    async def adopt(self, accepted: socket.socket | int, initial: bytes = b"") -> None:
        """Take over a client's connection that someone else accepted, with the bytes already read from it."""
        from cloudarium.substrate.http.server_connection import ServerConnection

        if isinstance(accepted, int):
            accepted = socket.socket(fileno=accepted)
        accepted.setblocking(False)
        _, protocol = await self.loop.connect_accepted_socket(lambda: ServerConnection(self, initial), sock=accepted)
        if initial:
            protocol.data_received(b"")

    async def close(self, grace: float = 0.0) -> None:
        """Stop accepting, let requests under way finish for `grace` seconds, then abort what is left."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in list(self.connections):
            connection.drain()
        if self.tasks and grace > 0:
            await asyncio.wait(list(self.tasks), timeout=grace)
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for connection in list(self.connections):
            connection.abort()
        self.wheel.stop()
