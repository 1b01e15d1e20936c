"""Targets: where requests go, the pool of connections to each, and dialing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.wheel import Wheel

if TYPE_CHECKING:
    from cloudarium.substrate.http.heads import ResponseHead
    from cloudarium.substrate.http.upstream_h1 import UpstreamH1
    from cloudarium.substrate.http.upstream_h2 import UpstreamH2

Dial: TypeAlias = "Callable[[Upstream], Awaitable[socket.socket]]"
"""Opens a connected stream socket to a target; raises ConnectionRefusedError, TimeoutError or another OSError."""


class ProtocolVersion(StrEnum):
    """A target group's ProtocolVersion."""

    HTTP1 = "HTTP1"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"


class Upstream:
    """One target: its address, its idle connections and its counters.

    Made and kept by the owner, so that pools outlive router snapshots; shared between them by reference. The engine
    opens no socket itself: `dial` does.
    """

    __slots__ = (
        "active",
        "address",
        "closed",
        "connect_errors",
        "connections_opened",
        "dial",
        "h2",
        "h2_waiting",
        "heads",
        "idle",
        "idle_timeout",
        "key",
        "last_head",
        "max_idle",
        "open_connections",
        "owner",
        "port",
        "protocol",
        "requests",
    )

    def __init__(
        self,
        address: str,
        port: int,
        dial: Dial,
        *,
        key: Any = None,
        protocol: ProtocolVersion = ProtocolVersion.HTTP1,
        max_idle: int = 256,
        idle_timeout: float = 60.0,
        owner: Any = None,
    ) -> None:
        self.address = address
        self.port = port
        self.dial = dial
        self.key = key
        """What `dial` needs to find the target; the engine never touches it."""
        self.protocol = protocol
        self.max_idle = max_idle
        self.idle_timeout = idle_timeout
        """Seconds after which an unused pooled connection is closed."""
        self.owner = owner
        """The load balancer's own record of the target; the engine never touches it."""
        self.idle: list[UpstreamH1] = []
        """Last in, first out: the warm connections are used and the others age."""
        self.h2: list[UpstreamH2] = []
        """HTTP/2 connections, each shared by many requests."""
        self.h2_waiting: list[tuple[Callable[[UpstreamH2], None], Callable[[Fault], None]]] = []
        """Who waits for the HTTP/2 connection that is being opened."""
        self.last_head: ResponseHead | None = None
        """The last response head: targets repeat themselves, and then it is not parsed again."""
        self.heads: dict[bytes, ResponseHead] = {}
        """Further response heads that came lately."""
        self.closed = False
        self.active = 0
        """Requests outstanding."""
        self.requests = 0
        self.connections_opened = 0
        """RequestCount's and NewConnectionCount's material; plain counters, collected by the owner."""
        self.open_connections = 0
        self.connect_errors = 0

    def close(self) -> None:
        """Close idle connections now and busy ones after their exchange (deregistration)."""
        self.closed = True
        for connection in list(self.idle):
            connection.close()
        for shared in list(self.h2):
            shared.drain()


async def open_socket(upstream: Upstream, timeout: float) -> socket.socket | Fault:
    """A connected, non-blocking socket to the target, or why there is none; `timeout` in seconds.

    The timeout guards a socket, so it runs on the loop's clock.
    """
    try:
        async with asyncio.timeout(timeout):
            connected = await upstream.dial(upstream)
    except TimeoutError:
        return Fault.CONNECT_TIMEOUT
    except ConnectionRefusedError:
        return Fault.CONNECT_REFUSED
    except OSError:
        return Fault.CONNECT_UNREACHABLE
    connected.setblocking(False)
    if connected.family in (socket.AF_INET, socket.AF_INET6):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


class Dialer:
    """Opens connections to targets as tasks of the engine, so that none is lost or outlives it."""

    __slots__ = ("loop", "tasks", "wheel")

    def __init__(self, loop: asyncio.AbstractEventLoop, wheel: Wheel) -> None:
        self.loop = loop
        self.wheel = wheel
        self.tasks: set[asyncio.Task[None]] = set()

    def connect_h1(
        self,
        upstream: Upstream,
        timeout: float,
        connected: Callable[[UpstreamH1], None],
        failed: Callable[[Fault], None],
    ) -> None:
        """Dial for HTTP/1.1 and call one of the two."""
        self._run(self._connect_h1(upstream, timeout, connected, failed))

    async def _connect_h1(
        self,
        upstream: Upstream,
        timeout: float,
        connected: Callable[[UpstreamH1], None],
        failed: Callable[[Fault], None],
    ) -> None:
        from cloudarium.substrate.http.upstream_h1 import UpstreamH1

        opened = await open_socket(upstream, timeout)
        if isinstance(opened, Fault):
            upstream.connect_errors += 1
            failed(opened)
            return
        try:
            _, connection = await self.loop.create_connection(lambda: UpstreamH1(upstream, self.wheel), sock=opened)
        except OSError:
            opened.close()
            upstream.connect_errors += 1
            failed(Fault.CONNECT_UNREACHABLE)
            return
        connected(connection)

    def connect_h2(
        self,
        upstream: Upstream,
        timeout: float,
        connected: Callable[[UpstreamH2], None],
        failed: Callable[[Fault], None],
    ) -> None:
        """Find or dial an HTTP/2 connection with room for a stream and call one of the two."""
        for connection in upstream.h2:
            if connection.has_room():
                connected(connection)
                return
        upstream.h2_waiting.append((connected, failed))
        if len(upstream.h2_waiting) == 1:
            self._run(self._connect_h2(upstream, timeout))

    async def _connect_h2(self, upstream: Upstream, timeout: float) -> None:
        from cloudarium.substrate.http.upstream_h2 import UpstreamH2

        while upstream.h2_waiting:
            opened = await open_socket(upstream, timeout)
            if not isinstance(opened, Fault):
                try:
                    _, made = await self.loop.create_connection(lambda: UpstreamH2(upstream, self.wheel), sock=opened)
                    async with asyncio.timeout(timeout):
                        await made.ready
                except TimeoutError:
                    made.close()
                    opened = Fault.CONNECT_TIMEOUT
                except OSError:
                    opened = Fault.RESPONSE_MALFORMED
            if isinstance(opened, Fault):
                upstream.connect_errors += 1
                waiting, upstream.h2_waiting = upstream.h2_waiting, []
                for _, failed in waiting:
                    failed(opened)
                return
            while upstream.h2_waiting and made.has_room():
                connected, _ = upstream.h2_waiting.pop(0)
                connected(made)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        """Cancel every dial under way."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
