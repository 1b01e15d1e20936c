"""One HTTP/2 request of a client and its response: streams.Downstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import h2.errors
import h2.events
import h2.exceptions

from cloudarium.substrate.http.answers import balancer_headers, error_page
from cloudarium.substrate.http.exchange import Exchange
from cloudarium.substrate.http.faults import STATUS_OF_FAULT, Fault
from cloudarium.substrate.http.fields import Headers
from cloudarium.substrate.http.forwarding import (
    Prepared,
    end_to_end_request_fields,
    render_request_head,
)
from cloudarium.substrate.http.framing import CHUNKED
from cloudarium.substrate.http.h2_sender import HIGH_WATER, LOW_WATER
from cloudarium.substrate.http.heads import ResponseHead
from cloudarium.substrate.http.request_framing import RequestFraming
from cloudarium.substrate.http.routing import Decision, Fail, Forward, Reset, Respond
from cloudarium.substrate.http.trace import new_trace
from cloudarium.substrate.http.upstream import ProtocolVersion, Upstream

if TYPE_CHECKING:
    from cloudarium.substrate.http.downstream_h2 import DownstreamH2
    from cloudarium.substrate.http.streams import UpstreamStream
    from cloudarium.substrate.http.upstream_h1 import UpstreamH1
    from cloudarium.substrate.http.upstream_h2 import UpstreamH2

_READ_AHEAD: Final = 64 * 1024
_IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})


def split_lines(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Rendered field lines → fields with lower-case names, as HTTP/2 wants them."""
    fields = []
    for line in lines.split(b"\r\n"):
        if line:
            name, _, value = line.partition(b":")
            fields.append((name.lower(), value.strip()))
    return fields


class DownstreamH2Stream:
    """Begins with its head; ends with its record."""

    takes_chunks = False
    takes_upgrade = False

    __slots__ = (
        "_body_done",
        "_client",
        "_decision",
        "_early",
        "_held",
        "_prepared",
        "_responding",
        "_unread",
        "_upstream",
        "_upstream_paused",
        "exchange",
        "number",
    )

    def __init__(self, client: DownstreamH2, number: int) -> None:
        self._client = client
        self.number = number
        self.exchange: Exchange | None = None
        self._decision: Forward | None = None
        self._prepared: Prepared | None = None
        self._upstream: UpstreamStream | None = None
        self._upstream_paused = False
        self._responding = False
        self._body_done = False
        self._held = False
        self._early: list[bytes] = []
        self._unread = 0

    # --- the request

    def begin(self, fields: list[tuple[bytes, bytes]], body_done: bool) -> None:
        """The head is complete (and valid: the library checks what HTTP/2 forbids)."""
        client = self._client
        pseudo = {name: value for name, value in fields if name.startswith(b":")}
        headers = Headers()
        authority = pseudo.get(b":authority", b"")
        if authority:
            headers.add(b"host", authority)
        cookies = []
        for name, value in fields:
            if name == b"cookie":
                cookies.append(value)
            elif not name.startswith(b":") and not (authority and name == b"host"):
                headers.add(name, value)
        if cookies:
            headers.add(b"cookie", b"; ".join(cookies))
        listener = client.listener
        exchange = self.exchange = Exchange(
            client.info,
            listener,
            listener.router,
            pseudo.get(b":method", b""),
            pseudo.get(b":path", b""),
            20,
            headers,
            client.engine.now(),
        )
        exchange.received_bytes = sum(len(name) + len(value) for name, value in fields)
        self._body_done = body_done
        self._prepared = prepared = Prepared(headers, client.info, listener.settings)
        exchange.headers = prepared.headers
        exchange.invalid_dropped = prepared.headers is not headers
        fault = self._fault_of(exchange, prepared)
        if fault is not None:
            self.failed(fault)
            return
        decision = exchange.router.route(exchange)
        if isinstance(decision, Forward):
            self._decision = decision
            if prepared.expects_continue and not body_done:
                client.connection.send_headers(self.number, [(b":status", b"100")])
            self._forward(decision, exchange, prepared)
        else:
            self._answer(decision)

    def _fault_of(self, exchange: Exchange, prepared: Prepared) -> Fault | None:
        if exchange.method == b"TRACE":
            return Fault.METHOD_NOT_ALLOWED
        if exchange.method == b"CONNECT" or not exchange.target.startswith((b"/", b"*")) or not exchange.host:
            return Fault.BAD_REQUEST
        if prepared.too_many_addresses:
            return Fault.TOO_MANY_FORWARDED_ADDRESSES
        return None

    def _forward(self, decision: Forward, exchange: Exchange, prepared: Prepared) -> None:
        upstream = decision.upstream
        grpc = (exchange.headers.get(b"content-type") or b"").startswith(b"application/grpc")
        if (upstream.protocol is ProtocolVersion.GRPC and exchange.method != b"POST") or (
            upstream.protocol is ProtocolVersion.HTTP1 and grpc
        ):
            self.failed(Fault.PROTOCOL_MISMATCH)
            return
        exchange.upstream = upstream
        upstream.requests += 1
        upstream.active += 1
        self._connect(upstream, exchange)

    def _connect(self, upstream: Upstream, exchange: Exchange) -> None:
        dialer = self._client.engine.dialer
        timeout = exchange.listener.settings.connect_timeout

        def failed(fault: Fault) -> None:
            if self.exchange is exchange:
                self.failed(fault)

        if upstream.protocol is not ProtocolVersion.HTTP1:
            dialer.connect_h2(upstream, timeout, lambda connection: self._start_h2(connection, exchange), failed)
        elif upstream.idle and not exchange.retried:
            self._start_h1(upstream.idle.pop(), exchange)
        else:
            dialer.connect_h1(upstream, timeout, lambda connection: self._start_h1(connection, exchange), failed)

    def _start_h1(self, connection: UpstreamH1, exchange: Exchange) -> None:
        if self.exchange is not exchange:
            connection.park()
            return
        assert self._prepared is not None and self._decision is not None
        framing: RequestFraming | None = None
        done = self._body_done and not self._early
        if not done and exchange.headers.get(b"content-length") is None:
            framing = RequestFraming(CHUNKED)
        exchange.sent_at = self._client.engine.now()
        head = render_request_head(exchange, self._prepared, self._decision, framing)
        self._upstream = connection
        connection.start(self, head, done, False, exchange.method != b"HEAD")
        if framing is not None:
            connection.encode_request()
        self._send_early(done)

    def _start_h2(self, connection: UpstreamH2, exchange: Exchange) -> None:
        if self.exchange is not exchange:
            return
        assert self._prepared is not None and self._decision is not None
        prepared, decision = self._prepared, self._decision
        render_request_head(exchange, prepared, decision, None)  # sets the trace id
        prefix = prepared.prefix if decision.host is None else prepared.prefix_for_host(decision.host)
        written = split_lines(prefix)
        authority = next((value for name, value in written if name == b"host"), b"")
        fields = [
            (b":method", exchange.method),
            (b":scheme", exchange.listener.settings.scheme.encode()),
            (b":authority", authority),
            (b":path", exchange.target),
            *[field for field in written if field[0] != b"host"],
            (b"x-amzn-trace-id", exchange.trace_id),
            *[(n.lower(), v) for n, v in end_to_end_request_fields(exchange.headers, frozenset())],
            *split_lines(decision.request_fields),
        ]
        if exchange.headers.get(b"te") == b"trailers":
            fields.append((b"te", b"trailers"))
        exchange.sent_at = self._client.engine.now()
        done = self._body_done and not self._early
        self._upstream = connection.start(self, fields, done)
        self._send_early(done)

    def _send_early(self, done: bool) -> None:
        upstream = self._upstream
        assert upstream is not None
        for piece in self._early:
            upstream.send(piece)
        self._early = []
        if self._upstream_paused:
            upstream.pause_reading()
        if self._body_done and not done:
            upstream.end_request([])
        if not self._held:
            self._acknowledge()

    def take(self, event: object) -> None:
        """An event of this stream."""
        if isinstance(event, h2.events.DataReceived):
            self._take_data(event.data or b"", event.flow_controlled_length or 0)
        elif isinstance(event, h2.events.StreamEnded):
            self._end_request([])
        elif isinstance(event, h2.events.TrailersReceived):
            self._end_request([(bytes(name), bytes(value)) for name, value in event.headers or []])
        elif isinstance(event, h2.events.StreamReset):
            self.client_gone()

    def _take_data(self, data: bytes, size: int) -> None:
        self._unread += size
        exchange, upstream = self.exchange, self._upstream
        if exchange is not None:
            exchange.received_bytes += len(data)
            if upstream is not None:
                upstream.send(data)
            elif data:
                self._early.append(data)
        if exchange is None or (upstream is not None and not self._held):
            self._acknowledge()

    def _end_request(self, trailers: list[tuple[bytes, bytes]]) -> None:
        if not self._body_done:
            self._body_done = True
            if self.exchange is None:
                self._client.forget(self, finished=True)
            elif self._upstream is not None:
                self._upstream.end_request(trailers)

    def _acknowledge(self) -> None:
        unread, self._unread = self._unread, 0
        if unread:
            try:
                self._client.connection.acknowledge_received_data(unread, self.number)
            except h2.exceptions.ProtocolError:
                return
            self._client.sender.flush_soon()

    def hold(self) -> None:
        """The target does not keep up: the client's window is opened no further."""
        self._held = True

    def unhold(self) -> None:
        """The target keeps up again."""
        self._held = False
        self._acknowledge()

    # --- the response

    def respond(self, head: ResponseHead, data: bytes, start: int, end: int, done: bool) -> None:
        """The response began."""
        exchange, decision = self.exchange, self._decision
        assert exchange is not None and decision is not None
        exchange.answered_at = self._client.engine.now()
        exchange.elb_status = exchange.target_status = head.status
        fields = [(n.lower(), v) for n, v in head.end_to_end() if n.lower() not in decision.dropped_response_fields]
        fields += split_lines(decision.response_fields)
        if decision.on_response is not None:
            fields += split_lines(decision.on_response(exchange, head))
        self._send_head(exchange, head.status, fields)
        if end > start:
            self.more(data[start:end])
        if done:
            self.end([])

    def respond_whole(self, head: ResponseHead, data: bytes) -> None:
        """The whole response came."""
        self.respond(head, data, len(head.raw), len(data), True)

    def _send_head(self, exchange: Exchange, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        self._responding = True
        exchange.sent_bytes += sum(len(name) + len(value) for name, value in fields)
        try:
            self._client.connection.send_headers(self.number, [(b":status", b"%d" % status), *fields])
        except h2.exceptions.ProtocolError:
            return
        self._client.sender.flush_soon()

    def inform(self, raw: bytes) -> None:
        """An informational response."""
        fields = split_lines(raw.partition(b"\r\n")[2])
        self._client.connection.send_headers(self.number, [(b":status", raw[9:12]), *fields])
        self._client.sender.flush_soon()

    def more(self, data: bytes) -> None:
        """More of the body."""
        exchange = self.exchange
        assert exchange is not None
        self._client.touch()
        exchange.sent_bytes += len(data)
        self._watch(self._client.sender.send(self.number, data))

    def pump(self) -> None:
        """The client's windows opened."""
        self._watch(self._client.sender.pump(self.number))

    def _watch(self, waiting: int) -> None:
        if waiting > HIGH_WATER and not self._upstream_paused:
            self._upstream_paused = True
            if self._upstream is not None:
                self._upstream.pause_reading()
        elif waiting < LOW_WATER and self._upstream_paused:
            self._upstream_paused = False
            if self._upstream is not None:
                self._upstream.resume_reading()

    def end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The response is complete."""
        self._client.sender.end(self.number, trailers)
        self._complete()

    def failed(self, fault: Fault) -> None:
        """There will be no (further) response."""
        exchange = self.exchange
        assert exchange is not None
        exchange.fault = fault
        if self._upstream is not None:
            self._upstream.abandon()
        if self._responding:
            self._reset(h2.errors.ErrorCodes.INTERNAL_ERROR)
            self._complete()
        else:
            self._answer(Fail(STATUS_OF_FAULT[fault]))

    def went_stale(self) -> None:
        """A pooled connection closed before any byte of a response: once more, on a fresh one."""
        exchange = self.exchange
        assert exchange is not None and exchange.upstream is not None
        self._upstream = None
        streamed = exchange.headers.get(b"content-length") is not None or exchange.method not in _IDEMPOTENT
        if exchange.retried or streamed or not self._body_done:
            self.failed(Fault.TARGET_CLOSED)
            return
        exchange.retried = True
        self._connect(exchange.upstream, exchange)

    def switched(self, head: ResponseHead, first: bytes) -> None:
        """Never: `takes_upgrade` is False."""
        raise NotImplementedError("tunnels over HTTP/2")

    def tunnel_ended(self) -> None:
        """Never, as above."""
        raise NotImplementedError("tunnels over HTTP/2")

    # --- answers of the load balancer's own, and the end

    def _answer(self, decision: Decision) -> None:
        exchange = self.exchange
        assert exchange is not None
        if isinstance(decision, Respond):
            status, fields, body = decision.status, decision.fields, decision.body
        elif isinstance(decision, Fail):
            status, fields, body = decision.status, [(b"Content-Type", b"text/html")], error_page(decision.status)
        elif isinstance(decision, Reset):
            self._reset(h2.errors.ErrorCodes.REFUSED_STREAM)
            self._complete()
            return
        else:  # Blackhole
            self._responding = True
            return
        settings = exchange.listener.settings
        own = balancer_headers(self._client.engine.now(), fields, len(body), server=settings.server_field)
        if not exchange.trace_id:
            exchange.trace_id = b"Root=" + new_trace(exchange.received_at)
        exchange.elb_status = status
        self._send_head(exchange, status, [(name.lower(), value) for name, value in own])
        if body and exchange.method != b"HEAD":
            self.more(body)
        self._client.sender.end(self.number, [])
        self._complete()

    def _complete(self) -> None:
        exchange = self.exchange
        assert exchange is not None
        exchange.finished_at = self._client.engine.now()
        if exchange.upstream is not None:
            exchange.upstream.active -= 1
        self.exchange = None
        self._upstream = None
        exchange.router.finished(exchange)
        if self._body_done:
            self._client.forget(self, finished=exchange.fault is not Fault.CLIENT_CLOSED)

    def _reset(self, code: Any) -> None:
        self._client.sender.drop(self.number)
        try:
            self._client.connection.reset_stream(self.number, code)
        except h2.exceptions.ProtocolError:
            pass
        self._body_done = True
        self._client.sender.flush_soon()

    def client_gone(self) -> None:
        """The client reset the stream or closed the connection."""
        exchange, self._body_done = self.exchange, True
        self._client.sender.drop(self.number)
        if exchange is None:
            self._client.forget(self, finished=True)
            return
        exchange.fault = Fault.CLIENT_CLOSED
        if self._upstream is not None:
            self._upstream.abandon()
        if not self._responding:
            exchange.elb_status = STATUS_OF_FAULT[Fault.CLIENT_CLOSED]
        self._complete()

    def timed_out(self) -> None:
        """Nothing moved on the connection for the idle timeout."""
        if self.exchange is None:
            self._client.forget(self, finished=True)
        elif self._responding:
            self.failed(Fault.RESPONSE_BODY_TIMEOUT)
        elif not self._body_done:
            self.failed(Fault.REQUEST_TIMEOUT)
        else:
            self.failed(Fault.TARGET_TIMEOUT)
