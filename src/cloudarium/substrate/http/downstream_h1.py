"""A client's HTTP/1.1 connection of the proxy.

What was measured on the way (bench/alb_engine.py measures the whole): uvloop's transports cost about as much per
message as raw sockets on an epoll of their own inside the same loop, and bring backpressure; tasks and futures per
request are out of the question, so there are callbacks only; a field block equal to the connection's last one is
recognised by one comparison, with everything derived from it kept, and so is a whole request; a target's response head
that needs no change is passed on in the very buffer it came in, body included.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from cloudarium.substrate.http.answers import error_page, render_h1
from cloudarium.substrate.http.chunked import ChunkedBody
from cloudarium.substrate.http.client_responses import LINGER, AnsweringClient
from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.exchange import Exchange
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.fields import parse_plain_fields
from cloudarium.substrate.http.forwarding import Prepared, render_request_head
from cloudarium.substrate.http.framing import CHUNKED
from cloudarium.substrate.http.inspection import Refused, inspect
from cloudarium.substrate.http.request_framing import RequestFraming
from cloudarium.substrate.http.routing import Forward
from cloudarium.substrate.http.syntax import (
    LOOKALIKE,
    PLAIN_REQUEST_LINE,
    REQUEST_HEAD_LIMIT,
    REQUEST_LINE_LIMIT,
)
from cloudarium.substrate.http.upstream import ProtocolVersion

if TYPE_CHECKING:
    from cloudarium.substrate.http.upstream_h1 import UpstreamH1

READ_AHEAD: Final = REQUEST_HEAD_LIMIT + 4
_HTTP1: Final = ProtocolVersion.HTTP1
_H2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})


class DownstreamH1(AnsweringClient):
    """Requests in, one at a time and in order; responses out."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        super().connection_made(transport)
        self._wheel.watched.add(self)
        self.engine.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if self._ready:
            self._ready = False
            prepared, size = self._prepared, len(data)
            if prepared is not None and data == prepared.request:
                # Clients that poll, and those that measure, say the same thing again and again.
                if prepared.before is None:
                    prepared.repeated()
                self._take_plain(prepared, data, size)
                return
            line = PLAIN_REQUEST_LINE.match(data)
            if line is not None and size <= REQUEST_LINE_LIMIT:
                fields_start = line.end()
                if prepared is None or not data.startswith(prepared.block, fields_start):
                    prepared = self._prepare_plain(data, fields_start)
                if prepared is not None and size == fields_start + len(prepared.block):
                    prepared.request, prepared.before = data, None
                    prepared.method, prepared.target = line.groups()
                    self._take_plain(prepared, data, size)
                    return
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        position, size = 0, len(data)
        while position < size and not self._closing:
            if self._tunnel_ends >= 0:
                self._send_through_tunnel(data[position:] if position else data)
                return
            if self._body is not None:
                if self.exchange is not None and self._upstream is None:
                    break  # not connected yet
                position = self._take_body(data, position)
            elif self.exchange is None and not self._write_paused:
                end = self._take_head(data, position)
                if end == position:
                    break
                position = end
            else:
                break
        if position < size and not self._closing:
            self._buffer = data[position:] if position else data
            if len(self._buffer) >= READ_AHEAD:
                self._pause_reading()

    def eof_received(self) -> bool:
        """asyncio's."""
        if self._tunnel_ends >= 0 and self._upstream is not None:
            self._upstream.write_eof()
            self._end_tunnel()
            return True
        if self.exchange is not None and self.exchange.listener.settings.half_close and self._body is None:
            self._keep_alive = False
            return True
        self._client_gone()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._client_gone()
        self._closing = True
        self.engine.connections.discard(self)
        self._wheel.watched.discard(self)
        if self._listener is not None:
            self._listener.counters.connections_open -= 1

    # --- the request

    def _prepare_plain(self, data: bytes, start: int) -> Prepared | None:
        """The fields that begin at `start` and end the data, when there is nothing about them that needs a look."""
        listener, block = self._listener, data[start:]
        if listener is None or data.find(b"\r\n\r\n", start - 2) + 4 != len(data):
            return None
        try:
            headers = parse_plain_fields(block)
        except ProtocolError:
            return None
        if headers is None or headers.kinds & LOOKALIKE:
            return None
        prepared = Prepared(headers, self.info, listener.settings, block)
        if not prepared.repeatable:
            return None
        self._prepared = prepared
        return prepared

    def _take_plain(self, prepared: Prepared, data: bytes, size: int) -> None:
        """A request without body and without fault, alone in its piece: the usual."""
        listener = self._listener
        assert listener is not None
        now = self._wheel.time
        settings = listener.settings
        if settings is not prepared.settings or now >= self._retire_at:
            self._take_head(data, 0)
            return
        router = listener.router
        exchange = self.exchange = Exchange(
            self.info, listener, router, prepared.method, prepared.target, 11, prepared.headers, self.engine.now()
        )
        exchange.received_bytes = size
        self.deadline = now + settings.idle_timeout
        self._keep_alive = self.takes_chunks = True
        self.takes_upgrade = False
        decision = router.route(exchange)
        if decision.__class__ is Forward:
            self._begin_forward(decision, exchange, prepared, None)
        else:
            self._answer(decision, exchange)

    def _take_head(self, data: bytes, start: int) -> int:
        reader = self._reader
        try:
            end = reader.read(data, start)
        except ProtocolError as error:
            return self._refuse_head(error, data, start)
        if end == start:
            if not self._head_begun:
                self._head_begun = True
                idle_timeout = 60.0 if self._listener is None else self._listener.settings.idle_timeout
                self.deadline = self._wheel.time + idle_timeout
            return start
        self._head_begun = False
        if end == start + 2:
            return end
        listener = self._listener
        if self._port is not listener or listener is None:
            listener = self._choose_listener(data, start)
            if listener is None:
                return len(data)
        settings = listener.settings
        prepared = self._prepared
        headers = reader.headers
        if prepared is None or prepared.source is not headers or prepared.settings is not settings:
            prepared = self._prepared = Prepared(headers, self.info, settings, reader.block)
            self._repeatable = prepared.repeatable and self._port is listener
        prepared.request = prepared.before = None
        router = listener.router
        exchange = self.exchange = Exchange(
            self.info,
            listener,
            router,
            reader.method,
            reader.target,
            10 + reader.minor,
            prepared.headers,
            self.engine.now(),
        )
        exchange.received_bytes = end - start
        wheel = self._wheel
        now = wheel.time
        self.deadline = now + settings.idle_timeout
        self._keep_alive = prepared.keeps_alive[reader.minor] and not self._draining and now < self._retire_at
        self.takes_chunks = reader.minor == 1
        self.takes_upgrade = False
        framing: RequestFraming | None = None
        if not (prepared.ordinary and not reader.tier and exchange.target[0] == 47 and exchange.method != b"TRACE"):
            try:
                framing = inspect(exchange, reader, prepared, settings)
            except Refused as refusal:
                self._keep_alive = False
                self.failed(refusal.fault)
                return len(data)
            if framing.length:
                self._body = ChunkedBody() if framing.length == CHUNKED else framing.length
            if framing.isolate:
                self._keep_alive = False
        decision = router.route(exchange)
        if decision.__class__ is Forward:
            self._begin_forward(decision, exchange, prepared, framing)
        else:
            self._answer(decision, exchange)
        return len(data) if self._closing else end

    def _begin_forward(
        self, decision: Forward, exchange: Exchange, prepared: Prepared, framing: RequestFraming | None
    ) -> None:
        self._decision = decision
        if prepared.listenable:
            self._tally = decision.tally
        else:
            self._tally = None
            exchange.invalid_dropped = prepared.settings.drop_invalid_fields
        upstream = decision.upstream
        if upstream.protocol is not _HTTP1:
            self.failed(Fault.PROTOCOL_MISMATCH)
            return
        exchange.upstream = upstream
        if framing is not None:
            if exchange.tier is not Tier.COMPLIANT:
                self._tally = None
            self.takes_upgrade = prepared.upgrade is not None and not framing.isolate
            if prepared.expects_continue and self._body is not None:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._request = request = render_request_head(exchange, prepared, decision, framing)
        upstream.requests += 1
        upstream.active += 1
        idle = upstream.idle
        if idle:
            connection = self._upstream = idle.pop()
            exchange.sent_at = exchange.received_at
            closes = framing is not None and framing.closes_target
            connection.start(self, request, self._body is None, closes, exchange.method != b"HEAD")
        else:
            self._dial(exchange)

    def _start(self, connection: UpstreamH1, exchange: Exchange, now: float) -> None:
        self._upstream = connection
        exchange.sent_at = now
        connection.start(self, self._request, self._body is None, exchange.closes_target, exchange.method != b"HEAD")

    def _dial(self, exchange: Exchange) -> None:
        upstream = self._decision.upstream

        def connected(connection: UpstreamH1) -> None:
            if self.exchange is not exchange:
                connection.park()
                return
            self._start(connection, exchange, self.engine.now())
            if self._write_paused:
                connection.pause_reading()
            if self._buffer:
                self._pump()

        def failed(fault: Fault) -> None:
            if self.exchange is exchange:
                self.failed(fault)

        self.engine.dialer.connect_h1(upstream, exchange.listener.settings.connect_timeout, connected, failed)

    def went_stale(self) -> None:
        """A pooled connection closed before any byte of a response: once more, on a fresh one."""
        exchange = self.exchange
        assert exchange is not None
        self._upstream = None
        if exchange.retried or not self._request or exchange.method not in _IDEMPOTENT:
            self.failed(Fault.TARGET_CLOSED)
            return
        exchange.retried = True
        self._dial(exchange)

    def _take_body(self, data: bytes, start: int) -> int:
        body, upstream, exchange = self._body, self._upstream, self.exchange
        trailers: list[tuple[bytes, bytes]] = []
        if isinstance(body, ChunkedBody):
            try:
                end = body.feed(data, start)
            except ProtocolError:
                self._body = None
                self._keep_alive = False
                if exchange is None:
                    self._close()
                else:
                    self.failed(Fault.BAD_REQUEST_BODY)
                return len(data)
            if body.done:
                self._body, trailers = None, body.trailers
        else:
            assert body is not None
            end = min(start + body, len(data))
            self._body = body - (end - start) or None
        if exchange is not None and upstream is not None:
            exchange.received_bytes += end - start
            self.deadline = self._wheel.time + exchange.listener.settings.idle_timeout
            self._request = b""
            upstream.send(data[start:end] if start or end < len(data) else data)
            if self._body is None:
                upstream.end_request(trailers)
        elif self._body is None and not self._keep_alive:
            self._close()
        return end

    # --- what is no request

    def _refuse_head(self, error: ProtocolError, data: bytes, start: int) -> int:
        speaks_h2 = self._listener is not None and self._listener.settings.http2
        if speaks_h2 and data.startswith(_H2_PREFACE[: len(data) - start], start):
            return self._become_h2(data, start)
        listener = self._listener
        if listener is None:
            self._transport.write(render_h1(400, [], error_page(400), keep_alive=False, head=False))
            self._close()
            return len(data)
        exchange = self.exchange = Exchange(
            self.info, listener, listener.router, b"-", b"-", 11, self._reader.headers, self.engine.now()
        )
        exchange.received_bytes = len(data) - start
        exchange.tier, exchange.classification_reason = error.verdict
        self._keep_alive = False
        self.failed(error.fault)
        return len(data)

    def _become_h2(self, data: bytes, start: int) -> int:
        from cloudarium.substrate.http.downstream_h2 import DownstreamH2

        assert self._listener is not None
        self._closing = True
        self.engine.connections.discard(self)
        self._wheel.watched.discard(self)
        successor = DownstreamH2(self.engine, self._listener, self.info)
        self._transport.set_protocol(successor)
        successor.connection_made(self._transport)
        successor.data_received(data[start:])
        return len(data)

    def on_deadline(self) -> None:
        """Something took too long: the client's head or body, the target's answer, or nobody says anything."""
        exchange = self.exchange
        self.deadline = self._wheel.time + LINGER
        if exchange is None:
            if self._buffer and self._body is None and not self._closing and self._listener is not None:
                self._refuse_head(ProtocolError(408, "slow", Fault.REQUEST_TIMEOUT), self._buffer, 0)
            elif self._closing:
                self._transport.abort()
            else:
                self._close()
        elif self._tunnel_ends >= 0:
            exchange.fault = Fault.TUNNEL_IDLE
            if self._upstream is not None:
                self._upstream.abandon()
            self._keep_alive = False
            self._complete(exchange, self.engine.now())
        elif self._responding:
            self.failed(Fault.CLIENT_CLOSED if self._write_paused else Fault.RESPONSE_BODY_TIMEOUT)
            self._transport.abort()
        elif self._body is not None:
            self._body = None
            self._keep_alive = False
            # Where the client may not send on, it is the target that takes nothing more.
            self.failed(Fault.REQUEST_TIMEOUT if self._transport.is_reading() else Fault.TARGET_TIMEOUT)
        else:
            self.failed(Fault.TARGET_TIMEOUT)
