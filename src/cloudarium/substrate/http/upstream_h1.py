"""An HTTP/1.1 connection to a target: one exchange at a time, pooled between exchanges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from cloudarium.substrate.http.chunked import ChunkedBody, encode_chunk, encode_last_chunk
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.framing import CHUNKED, NO_BODY, UNTIL_CLOSE
from cloudarium.substrate.http.heads import ResponseHead, parse_response_head
from cloudarium.substrate.http.syntax import RESPONSE_HEAD_LIMIT
from cloudarium.substrate.http.wheel import NO_DEADLINE, Wheel

if TYPE_CHECKING:
    from cloudarium.substrate.http.streams import Downstream
    from cloudarium.substrate.http.upstream import Upstream

_IDLE, _HEAD, _BODY, _TUNNEL, _CLOSED = range(5)
_KEPT_HEADS = 32
_KEPT_HEAD_LIMIT = 4096
WRITE_HIGH_WATER = 256 * 1024


class UpstreamH1(asyncio.Protocol):
    """Reads one response after another. `start` begins an exchange; the downstream is told of everything."""

    takes_chunks = True

    __slots__ = (
        "_body",
        "_close_after",
        "_encode_request",
        "_expects_body",
        "_held",
        "_partial",
        "_raw_body",
        "_state",
        "_transport",
        "_upstream",
        "_wheel",
        "_write",
        "deadline",
        "downstream",
        "request_done",
        "reused",
    )

    def __init__(self, upstream: Upstream, wheel: Wheel) -> None:
        self._upstream = upstream
        self._wheel = wheel
        self._state = _IDLE
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._write: Callable[[bytes], None] = cast(Callable[[bytes], None], None)
        self._partial = b""
        self._body: int | ChunkedBody = 0
        self._raw_body = True
        self._close_after = False
        self._encode_request = False
        self._held = False
        self._expects_body = True
        self.request_done = True
        self.reused = False
        self.deadline = NO_DEADLINE
        self.downstream: Downstream | None = None

    # --- the exchange, from the client's side

    def start(
        self, downstream: Downstream, data: bytes, request_done: bool, close_after: bool, expects_body: bool
    ) -> None:
        """Send a request's head; `expects_body` unless it was HEAD."""
        self._expects_body = expects_body
        self.downstream = downstream
        self._state = _HEAD
        self.request_done = request_done
        self._close_after = close_after
        self.deadline = NO_DEADLINE
        self._write(data)

    def send(self, data: bytes) -> None:
        """More of the request's body, framed as its head said (or as payload after `encode_request`)."""
        if self._state != _CLOSED:
            self._transport.write(encode_chunk(data) if self._encode_request else data)

    def encode_request(self) -> None:
        """From now on `send` gets payload and writes chunks."""
        self._encode_request = True

    def end_request(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The request's body is complete."""
        self.request_done = True
        if self._encode_request and self._state != _CLOSED:
            self._transport.write(encode_last_chunk(trailers))

    def abandon(self) -> None:
        """The client is gone; the connection with its half-done exchange is of no further use."""
        self.downstream = None
        self.close()

    def pause_reading(self) -> None:
        """Stop reading from the target."""
        if self._state != _CLOSED and not self._held:
            self._held = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read from the target again."""
        if self._held and self._state != _CLOSED:
            self._held = False
            self._transport.resume_reading()

    def write_eof(self) -> None:
        """Half-close a tunnel."""
        if self._state == _TUNNEL and not self._transport.is_closing():
            self._transport.write_eof()

    def park(self) -> None:
        """Put a fresh connection whose exchange is over into the pool."""
        self._finish(True)

    def close(self) -> None:
        """Close, and leave the pool."""
        if self._state == _CLOSED:
            return
        if self._state == _IDLE and self in self._upstream.idle:
            self._upstream.idle.remove(self)
        self._state = _CLOSED
        self._wheel.watched.discard(self)
        self._transport.abort()

    # --- the target's bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self._write = self._transport.write
        self._wheel.watched.add(self)
        self._upstream.connections_opened += 1
        self._upstream.open_connections += 1

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if self._state == _HEAD:
            if self._partial:
                data = self._partial + data
                self._partial = b""
            upstream = self._upstream
            head = upstream.last_head
            if head is not None and data.startswith(head.raw):
                if len(data) == head.whole and self._expects_body and self.request_done and not self._close_after:
                    # The usual: a whole response in one piece, and nothing to change about it.
                    downstream = self.downstream
                    assert downstream is not None
                    self.downstream = None
                    if upstream.closed or len(upstream.idle) >= upstream.max_idle or self._held:
                        self._finish(True)
                    else:
                        self._state = _IDLE
                        self.reused = True
                        self.deadline = self._wheel.time + upstream.idle_timeout
                        upstream.idle.append(self)
                    downstream.respond_whole(head, data)
                    return
            else:
                head = self._parse_head(data)
                while head is not None and head.status < 200:
                    data = self._take_informational(head, data)
                    head = self._parse_head(data) if data else None
                if head is None:
                    return
            self._take_response(head, data, len(head.raw))
        elif self._state == _BODY:
            self._take_body(data)
        elif self._state == _TUNNEL:
            assert self.downstream is not None
            self.downstream.more(data)
        elif self._state == _IDLE:
            self.close()  # nothing was asked

    def _parse_head(self, data: bytes) -> ResponseHead | None:
        end = data.find(b"\r\n\r\n")
        if end < 0 or end + 4 > RESPONSE_HEAD_LIMIT:
            if len(data) > RESPONSE_HEAD_LIMIT:
                self._fail(Fault.RESPONSE_HEADER_TOO_LARGE)
            elif not b"HTTP/1.".startswith(data[:7]) or (b"\n" in data and b"\r\n" not in data):
                self._fail(Fault.RESPONSE_MALFORMED)
            else:
                self._partial = data
            return None
        upstream, raw = self._upstream, data[: end + 4]
        head = upstream.heads.get(raw)
        if head is None:
            try:
                head = parse_response_head(raw)
            except ProtocolError:
                self._fail(Fault.RESPONSE_MALFORMED)
                return None
            if head.status < 200 or len(raw) > _KEPT_HEAD_LIMIT:
                return head
            if len(upstream.heads) >= _KEPT_HEADS:
                upstream.heads.clear()
            upstream.heads[raw] = head
        upstream.last_head = head
        return head

    def _take_informational(self, head: ResponseHead, data: bytes) -> bytes:
        """Returns what is left of the data and still has a head to begin with."""
        downstream = self.downstream
        assert downstream is not None and downstream.exchange is not None
        rest = data[len(head.raw) :]
        if head.status == 101:
            if not downstream.takes_upgrade:
                self._fail(Fault.RESPONSE_MALFORMED)
                return b""
            self._state = _TUNNEL
            downstream.switched(head, rest)
            return b""
        if head.status != 100:
            downstream.inform(head.raw)
        return rest

    def _take_response(self, head: ResponseHead, data: bytes, start: int) -> None:
        downstream = self.downstream
        assert downstream is not None and downstream.exchange is not None
        length = head.length if self._expects_body else NO_BODY
        if length >= 0:
            end = start + length
            size = len(data)
            if size < end:
                self._state = _BODY
                self._body = end - size
                self._close_after |= not head.keep_alive
                downstream.respond(head, data, start, size, False)
                return
            reusable = head.keep_alive and size == end
            self._finish(reusable)
            downstream.respond(head, data, start, end, True)
            return
        self._state = _BODY
        self._close_after |= not head.keep_alive
        if length == UNTIL_CLOSE:
            self._body = UNTIL_CLOSE
            self._close_after = True
            downstream.respond(head, data, start, len(data), False)
            return
        assert length == CHUNKED
        self._body = ChunkedBody()
        self._raw_body = downstream.takes_chunks
        if self._raw_body:
            try:
                end = self._body.feed(data, start)
            except ProtocolError:
                self._fail(Fault.RESPONSE_MALFORMED)
                return
            if self._body.done:
                self._finish(not self._close_after and end == len(data))
                downstream.respond(head, data, start, end, True)
            else:
                downstream.respond(head, data, start, end, False)
            return
        downstream.respond(head, data, start, start, False)
        if start < len(data) and self.downstream is downstream:
            self._take_body(data[start:])

    def _take_body(self, data: bytes) -> None:
        downstream = self.downstream
        assert downstream is not None
        body = self._body
        if isinstance(body, ChunkedBody):
            self._take_chunks(downstream, body, data)
        elif body == UNTIL_CLOSE:
            downstream.more(data)
        elif len(data) < body:
            self._body = body - len(data)
            downstream.more(data)
        else:
            self._finish(not self._close_after and len(data) == body)
            downstream.more(data if len(data) == body else data[:body])
            downstream.end([])

    def _take_chunks(self, downstream: Downstream, body: ChunkedBody, data: bytes) -> None:
        payload: list[bytes] | None = None if self._raw_body else []
        try:
            end = body.feed(data, 0, payload)
        except ProtocolError:
            self._fail(Fault.RESPONSE_BODY_MALFORMED)
            return
        if body.done:
            self._finish(not self._close_after and end == len(data))
        if payload is None:
            downstream.more(data if end == len(data) else data[:end])
        else:
            for piece in payload:
                downstream.more(piece)
        if body.done:
            downstream.end(body.trailers)

    def _finish(self, reusable: bool) -> None:
        """The response is complete: back to the pool, or close."""
        self.downstream = None
        self._encode_request = False
        upstream = self._upstream
        if (
            reusable
            and self.request_done
            and not self._close_after
            and not upstream.closed
            and len(upstream.idle) < upstream.max_idle
        ):
            self._state = _IDLE
            self.reused = True
            self.deadline = self._wheel.time + upstream.idle_timeout
            upstream.idle.append(self)
            if self._held:
                self.resume_reading()
        else:
            self.close()

    def _fail(self, fault: Fault) -> None:
        downstream = self.downstream
        self.downstream = None
        self.close()
        if downstream is not None:
            downstream.failed(fault)

    # --- the rest of asyncio's protocol

    def eof_received(self) -> bool:
        """asyncio's."""
        if self._state == _TUNNEL and self.downstream is not None:
            self.downstream.tunnel_ended()
            return True
        self._lost(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._upstream.open_connections -= 1
        self._lost(exc)

    def _lost(self, exc: Exception | None) -> None:
        state, downstream, partial = self._state, self.downstream, self._partial
        self.downstream = None
        self.close()
        if downstream is None:
            return
        if state == _BODY and self._body == UNTIL_CLOSE and exc is None:
            downstream.end([])
        elif state == _BODY:
            downstream.failed(Fault.RESPONSE_BODY_INCOMPLETE)
        elif state == _TUNNEL:
            downstream.tunnel_ended()
        elif self.reused and not partial:
            downstream.went_stale()
        else:
            downstream.failed(Fault.TARGET_RESET if exc is not None else Fault.TARGET_CLOSED)

    def pause_writing(self) -> None:
        """asyncio's."""
        if self.downstream is not None:
            self.downstream.hold()

    def resume_writing(self) -> None:
        """asyncio's."""
        if self.downstream is not None:
            self.downstream.unhold()

    def on_deadline(self) -> None:
        """An idle connection has been kept long enough."""
        if self._state == _IDLE:
            self.close()
