"""The answering half of a client's HTTP/1.1 connection: streams.Downstream, tunnels, and the balancer's own answers."""

from __future__ import annotations

from typing import Final

from cloudarium.substrate.http.answers import balancer_headers, error_page, render_h1
from cloudarium.substrate.http.chunked import encode_chunk, encode_last_chunk
from cloudarium.substrate.http.client_socket import ClientSocket
from cloudarium.substrate.http.exchange import Exchange
from cloudarium.substrate.http.faults import STATUS_OF_FAULT, Fault
from cloudarium.substrate.http.framing import CHUNKED, UNTIL_CLOSE
from cloudarium.substrate.http.heads import ResponseHead
from cloudarium.substrate.http.routing import Decision, Fail, Reset, Respond
from cloudarium.substrate.http.trace import new_trace

LINGER: Final = 5.0
"""Seconds for a client to finish a request that was answered early, or to take its last bytes."""


class AnsweringClient(ClientSocket):
    """Writes responses and ends exchanges. A response that needs no change is passed on in the buffer it came in."""

    __slots__ = ()

    def respond_whole(self, head: ResponseHead, data: bytes) -> None:
        """The whole response came."""
        exchange = self.exchange
        assert exchange is not None
        decision = self._decision
        if not (head.verbatim and self._keep_alive and decision.plain and self.takes_chunks):
            self.respond(head, data, len(head.raw), len(data), True)
            return
        now = self.engine.now()
        decision.upstream.active -= 1
        self.exchange = None
        self._upstream = None
        self.deadline = self._wheel.time + exchange.listener.settings.idle_timeout
        self._write(data)
        tally = self._tally
        if tally is not None:
            tally.count(exchange.note, head.status, now - exchange.sent_at, exchange.received_bytes + len(data))
        else:
            exchange.answered_at = exchange.finished_at = now
            exchange.elb_status = exchange.target_status = head.status
            exchange.sent_bytes = len(data)
            exchange.router.finished(exchange)
        if self._buffer:
            self._pump()
        else:
            self._ready = self._repeatable and not self._write_paused

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

    # --- answers of the load balancer's own, and the end of an exchange

    def _answer(self, decision: Decision, exchange: Exchange) -> None:
        """Everything but Forward."""
        if isinstance(decision, Respond):
            status, fields, body = decision.status, decision.fields, decision.body
        elif isinstance(decision, Fail):
            status, body = decision.status, error_page(decision.status)
            fields = [(b"Content-Type", b"text/html")]
        elif isinstance(decision, Reset):
            self._body = None
            self._keep_alive = False
            self._reset()
            self._complete(exchange, self.engine.now())
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
        tally, status = self._tally, exchange.target_status
        if tally is not None and status and exchange.fault is None:
            seconds = exchange.answered_at - exchange.sent_at
            tally.count(exchange.note, status, seconds, exchange.received_bytes + exchange.sent_bytes)
        else:
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
