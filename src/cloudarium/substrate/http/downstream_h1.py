"""A client's HTTP/1.1 connection of the proxy.

What was measured on the way (bench/alb_engine.py measures the whole): uvloop's transports cost about as much per
message as raw sockets on an epoll of their own inside the same loop, and bring backpressure; tasks and futures per
request are out of the question, so there are callbacks only; a field block equal to the connection's last one is
recognised by one comparison, with everything derived from it kept; a target's response head that needs no change is
passed on in the very buffer it came in, body included.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from cloudarium.substrate.http.answers import balancer_headers, error_page, render_h1
from cloudarium.substrate.http.chunked import ChunkedBody, encode_chunk, encode_last_chunk
from cloudarium.substrate.http.desync import isolates
from cloudarium.substrate.http.exchange import ConnectionInfo, Exchange
from cloudarium.substrate.http.faults import STATUS_OF_FAULT, Fault, ProtocolError
from cloudarium.substrate.http.forwarding import Prepared, render_request_head
from cloudarium.substrate.http.framing import CHUNKED, UNTIL_CLOSE, RequestFraming
from cloudarium.substrate.http.heads import ResponseHead
from cloudarium.substrate.http.inspection import Refused, inspect
from cloudarium.substrate.http.request_reader import RequestReader
from cloudarium.substrate.http.routing import Decision, Fail, Forward, HandOff, Listener, Reset, Respond
from cloudarium.substrate.http.syntax import PLAIN_REQUEST_LINE, REQUEST_HEAD_LIMIT, REQUEST_LINE_LIMIT
from cloudarium.substrate.http.trace import new_trace
from cloudarium.substrate.http.upstream import ProtocolVersion
from cloudarium.substrate.http.wheel import NO_DEADLINE

if TYPE_CHECKING:
    from cloudarium.substrate.http.engine import HandOn, ProxyEngine, SharedPort
    from cloudarium.substrate.http.upstream_h1 import UpstreamH1

HIGH_WATER: Final = 256 * 1024
READ_AHEAD: Final = REQUEST_HEAD_LIMIT + 4
LINGER: Final = 5.0
_HTTP1: Final = ProtocolVersion.HTTP1
_H2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})


class DownstreamH1(asyncio.Protocol):
    """Requests in, one at a time and in order; responses out."""

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

    def __init__(self, engine: ProxyEngine, port: Listener | SharedPort) -> None:
        self.engine = engine
        self._wheel = engine.wheel
        self._port = port
        self._listener: Listener | None = port if isinstance(port, Listener) else None
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.info: ConnectionInfo = cast(ConnectionInfo, None)
        self._reader = RequestReader()
        self._prepared: Prepared | None = None
        self._repeatable = False
        """Whether a request with the same field block may take the short way."""
        self._ready = False
        """Whether it may do so now: nothing is under way or waiting."""
        self._buffer = b""
        self.exchange: Exchange | None = None
        self._decision: Forward = cast(Forward, None)
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

    # --- asyncio's callbacks

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
        self._wheel.watched.add(self)
        self.engine.connections.add(self)
        if self._listener is not None:
            self._listener.counters.connections_accepted += 1
            self._listener.counters.connections_open += 1
            self.deadline = self._wheel.time + self._listener.settings.idle_timeout
            self._retire_at = self._wheel.time + self._listener.settings.client_keep_alive
        else:
            self.deadline = self._wheel.time + 60.0

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if self._ready:
            self._ready = False
            prepared, line = self._prepared, PLAIN_REQUEST_LINE.match(data)
            assert prepared is not None
            if line is not None and data.startswith(prepared.block, line.end()):
                size = len(data)
                if size == line.end() + len(prepared.block) and size <= REQUEST_LINE_LIMIT:
                    self._take_repeated(line, prepared, data, size)
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

    # --- the request

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
        self._follow(router.route(exchange), exchange, prepared, framing, data, start)
        return len(data) if self._closing else end

    def _take_repeated(self, line: re.Match[bytes], prepared: Prepared, data: bytes, size: int) -> None:
        """A request like the connection's last but for the request line, alone in its piece: the usual."""
        listener = self._listener
        assert listener is not None
        now = self._wheel.time
        settings = listener.settings
        if settings is not prepared.settings or now >= self._retire_at:
            self._take_head(data, 0)
            return
        method, target = line.groups()
        router = listener.router
        exchange = self.exchange = Exchange(
            self.info, listener, router, method, target, 11, prepared.headers, self.engine.now()
        )
        exchange.received_bytes = size
        self.deadline = now + settings.idle_timeout
        self._keep_alive = self.takes_chunks = True
        self.takes_upgrade = False
        decision = router.route(exchange)
        if decision.__class__ is Forward:
            self._begin_forward(decision, exchange, prepared, None)
        else:
            self._follow(decision, exchange, prepared, None, data, 0)

    def _follow(
        self,
        decision: Decision,
        exchange: Exchange,
        prepared: Prepared,
        framing: RequestFraming | None,
        data: bytes,
        start: int,
    ) -> None:
        if decision.__class__ is Forward:
            self._begin_forward(decision, exchange, prepared, framing)
        elif isinstance(decision, HandOff):
            self._hand_on(decision.receive, data[start:])
        else:
            self._answer(decision, exchange)

    def _begin_forward(
        self, decision: Forward, exchange: Exchange, prepared: Prepared, framing: RequestFraming | None
    ) -> None:
        self._decision = decision
        upstream = decision.upstream
        if upstream.protocol is not _HTTP1:
            self.failed(Fault.PROTOCOL_MISMATCH)
            return
        exchange.upstream = upstream
        if framing is not None:
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
            isolated = framing is not None and framing.isolate
            connection.start(self, request, self._body is None, isolated, exchange.method != b"HEAD")
        else:
            self._dial(exchange)

    def _start(self, connection: UpstreamH1, exchange: Exchange, now: float) -> None:
        self._upstream = connection
        exchange.sent_at = now
        isolated = isolates(exchange.listener.settings.desync, exchange.tier)
        connection.start(self, self._request, self._body is None, isolated, exchange.method != b"HEAD")

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

    # --- the response: streams.Downstream

    def respond(self, head: ResponseHead, data: bytes, start: int, end: int, done: bool) -> None:
        """The response began."""
        exchange = self.exchange
        assert exchange is not None
        exchange.answered_at = self.engine.now()
        exchange.elb_status = exchange.target_status = head.status
        decision = self._decision
        if head.verbatim and self._keep_alive and decision.plain and self.takes_chunks and self._body is None:
            out = data if end == len(data) else data[:end]
            exchange.sent_bytes = end
            self._write(out)
        else:
            self._respond_rewritten(exchange, head, data[start:end])
        self._responding = True
        if done:
            self._complete(exchange, exchange.answered_at)
        else:
            self.deadline = self._wheel.time + exchange.listener.settings.idle_timeout

    def respond_whole(self, head: ResponseHead, data: bytes) -> None:
        """The whole response came."""
        exchange = self.exchange
        assert exchange is not None
        if not (head.verbatim and self._keep_alive and self._decision.plain and self.takes_chunks):
            self.respond(head, data, len(head.raw), len(data), True)
            return
        exchange.answered_at = exchange.finished_at = self.engine.now()
        exchange.elb_status = exchange.target_status = head.status
        exchange.sent_bytes = len(data)
        self._decision.upstream.active -= 1
        self.exchange = None
        self._upstream = None
        self.deadline = self._wheel.time + exchange.listener.settings.idle_timeout
        self._write(data)
        exchange.router.finished(exchange)
        if self._buffer:
            self._pump()
        else:
            self._ready = self._repeatable and not self._write_paused

    def _respond_rewritten(self, exchange: Exchange, head: ResponseHead, body: bytes) -> None:
        decision = self._decision
        has_body = exchange.method != b"HEAD" and head.length != 0
        transfer = b""
        if head.length < 0 and head.status >= 200:
            if exchange.version == 11:
                transfer = b"Transfer-Encoding: chunked\r\n" if has_body or head.length == CHUNKED else b""
                self._encode = has_body and head.length == UNTIL_CLOSE
            elif has_body:
                self._keep_alive = False
        fields = head.fields
        if not decision.plain:
            if decision.dropped_response_fields:
                dropped = decision.dropped_response_fields
                fields = b"".join([b"%b: %b\r\n" % f for f in head.end_to_end() if f[0].lower() not in dropped])
            fields += decision.response_fields
            if decision.on_response is not None:
                fields += decision.on_response(exchange, head)
        connection = b"Connection: keep-alive\r\n\r\n" if self._keep_alive else b"Connection: close\r\n\r\n"
        text = b"%b%b%b%b" % (head.status_line(), fields, transfer, connection)
        exchange.sent_bytes = len(text)
        self._transport.write(text)
        if body:
            self.more(body)

    def inform(self, raw: bytes) -> None:
        """An informational response."""
        if self.exchange is not None and self.exchange.version == 11:
            self._transport.write(raw)

    def more(self, data: bytes) -> None:
        """More of the body."""
        if self._tunnel_ends < 0 and self._encode:
            data = encode_chunk(data)
        exchange = self.exchange
        assert exchange is not None
        exchange.sent_bytes += len(data)
        self.deadline = self._wheel.time + exchange.listener.settings.idle_timeout
        self._transport.write(data)

    def end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The response is complete."""
        exchange = self.exchange
        assert exchange is not None
        if self._encode:
            self._transport.write(encode_last_chunk(trailers))
        self._complete(exchange, self.engine.now())

    def failed(self, fault: Fault) -> None:
        """There will be no (further) response."""
        exchange = self.exchange
        assert exchange is not None
        exchange.fault = fault
        if self._upstream is not None:
            self._upstream.abandon()
        if self._responding:
            self._keep_alive = False
            self._body = None
            self._complete(exchange, self.engine.now())
            return
        self._answer(Fail(STATUS_OF_FAULT[fault]), exchange)

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

    def hold(self) -> None:
        """The target does not keep up."""
        self._pause_reading()

    def unhold(self) -> None:
        """The target keeps up again."""
        self._resume_reading()

    # --- tunnels

    def switched(self, head: ResponseHead, first: bytes) -> None:
        """The target answered 101."""
        exchange = self.exchange
        assert exchange is not None
        exchange.answered_at = self.engine.now()
        exchange.elb_status = exchange.target_status = 101
        exchange.upgraded = True
        self._responding = True
        self._tunnel_ends = 0
        self.more(head.raw + first)
        if self._buffer:
            self._pump()

    def _send_through_tunnel(self, data: bytes) -> None:
        exchange, upstream = self.exchange, self._upstream
        if exchange is None or upstream is None:
            return
        exchange.received_bytes += len(data)
        self.deadline = self._wheel.time + exchange.listener.settings.idle_timeout
        upstream.send(data)

    def tunnel_ended(self) -> None:
        """The target will send nothing more."""
        if not self._closing and self._transport.can_write_eof():
            self._transport.write_eof()
        self._end_tunnel()

    def _end_tunnel(self) -> None:
        self._tunnel_ends += 1
        exchange = self.exchange
        if self._tunnel_ends == 2 and exchange is not None:
            if self._upstream is not None:
                self._upstream.abandon()
            self._keep_alive = False
            self._complete(exchange, self.engine.now())

    # --- answers of the load balancer's own, and the end

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
        exchange.classification_reason = ""
        self._keep_alive = False
        self.failed(error.fault)
        return len(data)

    def _answer(self, decision: Decision, exchange: Exchange) -> None:
        """Everything but Forward and HandOff."""
        if isinstance(decision, Respond):
            status, fields, body = decision.status, decision.fields, decision.body
        elif isinstance(decision, Fail):
            status, body = decision.status, error_page(decision.status)
            fields = [(b"Content-Type", b"text/html")]
        elif isinstance(decision, Reset):
            self._reset(exchange)
            return
        else:  # Blackhole: until the deadline
            self._responding = True
            self._keep_alive = False
            self._body = None
            self._pause_reading()
            return
        expects_continue = self._prepared is not None and self._prepared.expects_continue
        if decision.close or (expects_continue and self._body is not None and exchange.upstream is None):
            self._keep_alive = False
            self._body = None
        settings = exchange.listener.settings
        now = self.engine.now()
        fields = balancer_headers(now, fields, len(body), server=settings.server_field)
        if not exchange.trace_id:
            exchange.trace_id = b"Root=" + new_trace(exchange.received_at)
        out = render_h1(status, fields, body, keep_alive=self._keep_alive, head=exchange.method == b"HEAD")
        exchange.elb_status = status
        exchange.sent_bytes = len(out)
        self._transport.write(out)
        self._complete(exchange, now)

    def _complete(self, exchange: Exchange, now: float) -> None:
        exchange.finished_at = now
        if exchange.upstream is not None:
            exchange.upstream.active -= 1
        self.exchange = None
        self._upstream = None
        self._responding = self._encode = False
        self.deadline = self._wheel.time + exchange.listener.settings.idle_timeout
        exchange.router.finished(exchange)
        if self._body is not None:  # answered before the request was complete: read and forget the rest
            self.deadline = self._wheel.time + LINGER
            self._resume_reading()
        elif not self._keep_alive:
            self._close()
        elif self._buffer:
            self._pump()
        else:
            self._ready = self._repeatable and not self._write_paused

    def _client_gone(self) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        if self._upstream is not None:
            self._upstream.abandon()
        if exchange.fault is None:
            exchange.fault = Fault.CLIENT_CLOSED if self._body is None else Fault.REQUEST_BODY_INCOMPLETE
        if not self._responding:
            exchange.elb_status = STATUS_OF_FAULT[exchange.fault]
        self._body = None
        self._keep_alive = False
        self._buffer = b""
        self._complete(exchange, self.engine.now())

    def _reset(self, exchange: Exchange) -> None:
        own: socket.socket = self._transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._body = None
        self._keep_alive = False
        self._transport.abort()
        self._closing = True
        self._complete(exchange, self.engine.now())

    def _close(self) -> None:
        self._closing = True
        self._ready = False
        self._buffer = b""
        self._transport.close()

    def _pump(self) -> None:
        self._resume_reading()
        self.data_received(b"")

    # --- ports shared by several listeners, and connections that go elsewhere

    def _choose_listener(self, data: bytes, start: int) -> Listener | None:
        """The listener that the Host of the head just read names; None once the connection has been handed on."""
        port = self._port
        assert not isinstance(port, Listener)
        listener = port.choose(self._reader.headers.get(b"host") or b"")
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
            self.engine.loop.call_later(0.005, self._hand_on, receive, unread)
        elif not self._transport.is_closing():
            descriptor = os.dup(self._transport.get_extra_info("socket").fileno())
            self._transport.abort()
            receive(descriptor, unread)

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

    def serves(self, listener: Listener) -> bool:
        """Whether the connection is (at present) the listener's."""
        return self._listener is listener

    def drain(self) -> None:
        """Close now when idle, otherwise after the response under way, saying so in it where that is still possible."""
        self._draining = True
        self._keep_alive = self._repeatable = self._ready = False
        if self.exchange is None and self._body is None:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _pause_reading(self) -> None:
        if not self._transport.is_closing() and self._transport.is_reading():
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

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
            self.failed(Fault.REQUEST_TIMEOUT)
        else:
            self.failed(Fault.TARGET_TIMEOUT)
