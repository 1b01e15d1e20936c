"""The proxy's engine: what all its connections share, and how clients come in, are handed on and are let go."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from cloudarium.substrate.http.routing import Listener
from cloudarium.substrate.http.upstream import Dialer
from cloudarium.substrate.http.wheel import Wheel

if TYPE_CHECKING:
    from cloudarium.substrate.http.downstream_h1 import DownstreamH1
    from cloudarium.substrate.http.downstream_h2 import DownstreamH2

ChooseListener: TypeAlias = "Callable[[bytes], Listener | None]"
"""Host as sent → the listener whose request it is, or None when the connection must be handed on."""
HandOn: TypeAlias = "Callable[[int, bytes], None]"
"""Takes a file descriptor of its own and the bytes that were read and not answered."""


class SharedPort:
    """Connections whose listener each request's Host decides, and which go elsewhere when it names none of ours."""

    __slots__ = ("choose", "hand_on")

    def __init__(self, choose: ChooseListener, hand_on: HandOn) -> None:
        self.choose = choose
        self.hand_on = hand_on


class ProxyEngine:
    """One per process and loop."""

    __slots__ = ("_servers", "connections", "dialer", "loop", "now", "wheel")

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float] = time.time) -> None:
        self.loop = loop
        self.now = now
        """Seconds since the epoch, on the cloud's clock."""
        self.wheel = Wheel(loop)
        self.wheel.start()
        self.dialer = Dialer(loop, self.wheel)
        self.connections: set[DownstreamH1 | DownstreamH2] = set()
        self._servers: list[asyncio.AbstractServer] = []

    async def serve(self, listening: socket.socket | int, listener: Listener) -> asyncio.AbstractServer:
        """Accept clients from a listening socket (or its descriptor, taken over) until the server is closed."""
        if isinstance(listening, int):
            listening = socket.socket(fileno=listening)
        listening.setblocking(False)
        server = await self.loop.create_server(lambda: self._connection(listener), sock=listening, backlog=1024)
        self._servers.append(server)
        return server

    async def adopt(
        self, accepted: socket.socket | int, initial: bytes = b"", *, listener: Listener | SharedPort
    ) -> DownstreamH1:
        """Take over a client's connection that someone else accepted, with the bytes already read from it."""
        if isinstance(accepted, int):
            accepted = socket.socket(fileno=accepted)
        accepted.setblocking(False)
        _, protocol = await self.loop.connect_accepted_socket(
            lambda: self._connection(listener, initial), sock=accepted
        )
        if initial:
            protocol.data_received(b"")
        return protocol

    def drain(self, listener: Listener | None = None) -> None:
        """Close idle client connections, and the others after the response under way (of one listener, or all)."""
        for connection in list(self.connections):
            if listener is None or connection.serves(listener):
                connection.drain()

    async def close(self) -> None:
        """Stop accepting and abort whatever is open."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        await self.dialer.close()
        for connection in list(self.connections):
            connection.abort()
        self.wheel.stop()

    def _connection(self, listener: Listener | SharedPort, initial: bytes = b"") -> DownstreamH1:
        from cloudarium.substrate.http.downstream_h1 import DownstreamH1

        return DownstreamH1(self, listener, initial)
