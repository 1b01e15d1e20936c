"""A client's HTTP/1.1 connection as a socket: its state, its buffers, and how it changes hands or ends."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from cloudarium.substrate.http.chunked import ChunkedBody
from cloudarium.substrate.http.exchange import ConnectionInfo, Exchange
from cloudarium.substrate.http.forwarding import Prepared
from cloudarium.substrate.http.request_reader import RequestReader
from cloudarium.substrate.http.routing import Forward, Listener, Tally
from cloudarium.substrate.http.wheel import NO_DEADLINE

if TYPE_CHECKING:
    from cloudarium.substrate.http.engine import HandOn, ProxyEngine, SharedPort
    from cloudarium.substrate.http.upstream_h1 import UpstreamH1

HIGH_WATER: Final = 256 * 1024
_FLUSH_INTERVAL: Final = 0.005
_FIRST_TIMEOUT: Final = 60.0
"""Seconds for a connection of a shared port to say whose it is."""


class ClientSocket(asyncio.Protocol):
    """Everything about the connection that is not HTTP."""

    __slots__ = (
        "_body",
        "_buffer",
        "_closing",
        "_decision",
        "_draining",
        "_encode",
        "_head_begun",
        "_keep_alive",
        "_listener",
        "_port",
        "_prepared",
        "_reader",
        "_ready",
        "_repeatable",
        "_request",
        "_responding",
        "_retire_at",
        "_tally",
        "_transport",
        "_tunnel_ends",
        "_upstream",
        "_wheel",
        "_write",
        "_write_paused",
        "deadline",
        "engine",
        "exchange",
        "info",
        "takes_chunks",
        "takes_upgrade",
    )

    def __init__(self, engine: ProxyEngine, port: Listener | SharedPort, initial: bytes = b"") -> None:
        """``initial`` was read by somebody else: it comes before what arrives, which may be before we are told."""
        self.engine = engine
        self._wheel = engine.wheel
        self._port = port
        self._listener: Listener | None = port if isinstance(port, Listener) else None
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.info: ConnectionInfo = cast(ConnectionInfo, None)
        self._reader = RequestReader(forgiving=True)
        self._prepared: Prepared | None = None
        self._repeatable = False
        """Whether a request with the same field block may take the short way."""
        self._ready = False
        """Whether it may do so now: nothing is under way or waiting."""
        self._buffer = initial
        self.exchange: Exchange | None = None
        self._decision: Forward = cast(Forward, None)
        self._tally: Tally | None = None
        """Where the exchange under way is counted, if it ends well."""
        self._upstream: UpstreamH1 | None = None
        self._write: Callable[[bytes], None] = cast(Callable[[bytes], None], None)
        self._request = b""
        self._body: int | ChunkedBody | None = None
        self._keep_alive = True
        self._responding = False
        self._encode = False
        self._closing = False
        self._draining = False
        self._head_begun = False
        self._write_paused = False
        self._tunnel_ends = -1
        self._retire_at = NO_DEADLINE
        self.deadline = NO_DEADLINE
        self.takes_chunks = True
        self.takes_upgrade = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._write = transport.write
        peer = transport.get_extra_info("peername") or ("127.0.0.1", 0)
        own = transport.get_extra_info("sockname") or ("127.0.0.1", 0)
        if not isinstance(peer, tuple):  # a Unix socket
            peer = own = ("127.0.0.1", 0)
        self.info = ConnectionInfo(peer[:2], own[:2], self.engine.now(), transport.get_extra_info("ssl_object"))
        if self._listener is not None:
            self._listener.counters.connections_accepted += 1
            self._listener.counters.connections_open += 1
            self.deadline = self._wheel.time + self._listener.settings.idle_timeout
            self._retire_at = self._wheel.time + self._listener.settings.client_keep_alive
        else:
            self.deadline = self._wheel.time + _FIRST_TIMEOUT

    def pause_writing(self) -> None:
        """asyncio's."""
        self._write_paused = True
        self._ready = False
        if self._upstream is not None:
            self._upstream.pause_reading()

    def resume_writing(self) -> None:
        """asyncio's."""
        self._write_paused = False
        if self._upstream is not None:
            self._upstream.resume_reading()
        elif self._buffer:
            self._pump()

    def _pump(self) -> None:
        self._resume_reading()
        self.data_received(b"")

    def _pause_reading(self) -> None:
        if not self._transport.is_closing() and self._transport.is_reading():
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

    # --- ports shared by several listeners, and connections that go elsewhere

    def _choose_listener(self, data: bytes, start: int) -> Listener | None:
        """The listener that the Host of the head just read names; None once the connection has been handed on."""
        port = self._port
        assert not isinstance(port, Listener)
        listener = port.choose(self._reader.headers.marked.get(b"host", b""))
        if listener is None:
            self._hand_on(port.hand_on, data[start:])
        elif listener is not self._listener:
            if self._listener is not None:
                self._listener.counters.connections_open -= 1
            listener.counters.connections_accepted += 1
            listener.counters.connections_open += 1
            self._listener = listener
            self._retire_at = self._wheel.time + listener.settings.client_keep_alive
        return listener

    def _hand_on(self, receive: HandOn, unread: bytes) -> None:
        """Give the connection away with what was read from it, once what was written has left."""
        self.exchange = None
        self._closing = True
        self._pause_reading()
        if self._transport.get_write_buffer_size():
            self.engine.loop.call_later(_FLUSH_INTERVAL, self._hand_on, receive, unread)
        elif not self._transport.is_closing():
            descriptor = os.dup(self._transport.get_extra_info("socket").fileno())
            self._transport.abort()
            receive(descriptor, unread)

    def serves(self, listener: Listener) -> bool:
        """Whether the connection is (at present) the listener's."""
        return self._listener is listener

    # --- the end

    def drain(self) -> None:
        """Close now when idle, otherwise after the response under way, saying so in it where that is still possible."""
        self._draining = True
        self._keep_alive = self._repeatable = self._ready = False
        if self.exchange is None and self._body is None:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _close(self) -> None:
        self._closing = True
        self._ready = False
        self._buffer = b""
        self._transport.close()

    def _reset(self) -> None:
        own: socket.socket = self._transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        self._closing = True
