"""The DNS server of a VPC: sockets made in its namespace, served on the cloud's loop."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable

from cloudarium.substrate.net import dns_wire
from cloudarium.substrate.net.dns_wire import Resolver

log = logging.getLogger(__name__)

PORT = 53
_DATAGRAMS_PER_TURN = 64
"""Queries served before other work of the loop gets its turn."""
_MAX_TCP, _TCP_IDLE = 64, 10.0
"""Connections at a time per VPC, and host seconds one may be silent (RFC 7766 wants a few)."""


class DnsServer:
    """Answers on every given address of one VPC, over UDP and TCP, until closed."""

    def __init__(self, vpc_id: str, domain: str, resolver: Resolver) -> None:
        self.domain = domain
        self._vpc_id, self._resolver = vpc_id, resolver
        self._datagram_sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, datagrams: list[socket.socket], listeners: list[socket.socket]) -> None:
        """Take over sockets that are bound, and listening, in the VPC's namespace."""
        loop = asyncio.get_running_loop()
        for sock in datagrams:
            self._datagram_sockets.append(sock)
            loop.add_reader(sock.fileno(), self._drain, sock)
        for sock in listeners:
            self._servers.append(await asyncio.start_server(self._connected, sock=sock))

    def close(self) -> None:
        """Stop answering and close the sockets."""
        loop = asyncio.get_running_loop()
        for sock in self._datagram_sockets:
            loop.remove_reader(sock.fileno())
            sock.close()
        for server in self._servers:
            server.close()
        for task in self._connections:
            task.cancel()
        self._datagram_sockets.clear()
        self._servers.clear()

    def _answer(self, query: bytes, *, udp: bool) -> bytes | None:
        return dns_wire.answer(query, self._vpc_id, self.domain, self._resolver, udp=udp)

    def _drain(self, sock: socket.socket) -> None:
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                query, peer = sock.recvfrom(dns_wire.MAX_QUERY + 1)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # A client that went away: the error of an earlier answer (ICMP), reported here.
                continue
            response = self._answer(query, udp=True)
            if response is not None:
                try:
                    sock.sendto(response, peer)
                except OSError as error:
                    log.debug("a DNS answer to %s was not sent: %s", peer, error)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= _MAX_TCP:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            # The loop's own timer, not the cloud's clock: it guards against real clients that are silent.
            async with asyncio.timeout(_TCP_IDLE):
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                query = await reader.readexactly(length)
                response = self._answer(query, udp=False)
                if response is None:
                    return
                writer.write(struct.pack("!H", len(response)) + response)
                await writer.drain()


def open_sockets(
    addresses: tuple[str, ...], make: Callable[[int], socket.socket]
) -> tuple[list[socket.socket], list[socket.socket]]:
    """UDP and TCP sockets on port 53 of each address; `make` makes a socket of a type in the right namespace."""
    datagrams: list[socket.socket] = []
    listeners: list[socket.socket] = []
    try:
        for address in addresses:
            datagrams.append(make(socket.SOCK_DGRAM))
            datagrams[-1].bind((address, PORT))
            listeners.append(make(socket.SOCK_STREAM))
            listeners[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listeners[-1].bind((address, PORT))
            listeners[-1].listen(_MAX_TCP)
    except OSError:
        for sock in (*datagrams, *listeners):
            sock.close()
        raise
    return datagrams, listeners
