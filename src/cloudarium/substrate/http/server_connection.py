"""One client's HTTP/1.1 connection of the server: requests in order, each to the handler, each answered."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Final, cast

from cloudarium.substrate.http.answers import http_date, phrase
from cloudarium.substrate.http.body_stream import BodyStream
from cloudarium.substrate.http.chunked import LAST_CHUNK, ChunkedBody, encode_chunk
from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.faults import STATUS_OF_FAULT, ProtocolError
from cloudarium.substrate.http.framing import CHUNKED, keeps_alive
from cloudarium.substrate.http.messages import Request, Response
from cloudarium.substrate.http.request_framing import request_framing
from cloudarium.substrate.http.request_reader import RequestReader
from cloudarium.substrate.http.syntax import EXPECT
from cloudarium.substrate.http.wheel import NO_DEADLINE

if TYPE_CHECKING:
    from cloudarium.substrate.http.server import HandOn, HttpServer

_READ_AHEAD: Final = 128 * 1024
_log: Final = logging.getLogger(__name__)


class ServerConnection(asyncio.Protocol):
    """Reads requests, calls the handler, writes responses."""

    __slots__ = (
        "_body",
        "_buffer",
        "_closing",
        "_drained",
        "_head_begun",
        "_keep_alive",
        "_peer",
        "_pieces",
        "_reader",
        "_request",
        "_responding",
        "_server",
        "_size",
        "_task",
        "_transport",
        "deadline",
    )

    def __init__(self, server: HttpServer, initial: bytes = b"") -> None:
        """``initial`` was read by somebody else: it comes before what arrives, which may be before we are told."""
        self._server = server
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._reader = RequestReader()
        self._peer = ("", 0)
        self._buffer = initial
        self._request: Request | None = None
        self._body: int | ChunkedBody | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._keep_alive = True
        self._responding = False
        self._head_begun = False
        self._closing = False
        self._drained: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.deadline = NO_DEADLINE

    # --- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._peer = (peer[0], peer[1])
        server = self._server
        server.connections.add(self)
        server.wheel.watched.add(self)
        self.deadline = server.wheel.time + server.limits.idle_timeout

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        position, size = 0, len(data)
        while position < size and not self._closing:
            if self._body is not None:
                position = self._take_body(data, position)
            elif self._request is None:
                end = self._take_head(data, position)
                if end == position:
                    break
                position = end
            else:
                break
        if position < size and not self._closing:
            self._buffer = data[position:] if position else data
            if len(self._buffer) >= _READ_AHEAD:
                self._pause_reading()

    def eof_received(self) -> bool:
        """asyncio's. A client that only stopped sending still gets its answers."""
        if self._request is not None and self._body is None:
            self._keep_alive = False
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._closing = True
        self._server.connections.discard(self)
        self._server.wheel.watched.discard(self)
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(ConnectionResetError("the client closed the connection"))
        if self._request is not None and self._request.stream is not None and self._body is not None:
            self._request.stream.end("the client closed the connection")
        self._request = None
        self._pieces.clear()

    def pause_writing(self) -> None:
        """asyncio's."""
        self._drained = self._server.loop.create_future()
        self._drained.add_done_callback(lambda future: future.cancelled() or future.exception())

    def resume_writing(self) -> None:
        """asyncio's."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # --- the request

    def _take_head(self, data: bytes, start: int) -> int:
        reader, server = self._reader, self._server
        try:
            end = reader.read(data, start)
            if end == start:
                if not self._head_begun:
                    self._head_begun = True
                    self.deadline = server.wheel.time + server.limits.head_timeout
                return start
            self._head_begun = False
            if end == start + 2:
                return end
            headers = reader.headers
            hosts = headers.get_all(b"host")
            if server.divert is not None:
                hand_on = server.divert(hosts[0] if hosts else b"")
                if hand_on is not None:
                    self._hand_on(hand_on, data[start:])
                    return len(data)
            framing = request_framing(reader.method, reader.minor, headers)
            if framing.fault is not None:
                raise ProtocolError(STATUS_OF_FAULT[framing.fault], framing.fault.value, framing.fault)
            severe = Tier.SEVERE in (reader.tier, headers.tier, framing.tier)
            if severe or framing.rewrite or len(hosts) > 1 or (reader.minor and not hosts):
                raise ProtocolError(400, "the request is ambiguous")
        except ProtocolError as error:
            return self._take_odd_head(data, start, error)
        request = Request(reader.method, reader.target, 10 + reader.minor, headers, b"", self._peer)
        request.received_bytes = end - start
        self._request = request
        self._keep_alive = keeps_alive(reader.minor, headers)
        self.deadline = server.wheel.time + server.limits.idle_timeout
        if framing.length:
            self._begin_body(request, framing.length)
        else:
            self._handle(request)
        return end

    def _take_odd_head(self, data: bytes, start: int, error: ProtocolError) -> int:
        """Refuse it; unless it is for somebody else, who may well take it."""
        server, reader = self._server, RequestReader(forgiving=True)
        if server.divert is not None:
            try:
                end = reader.read(data, start)
            except ProtocolError:
                end = len(data)
            if end == start:  # not all of it has come
                if not self._head_begun:
                    self._head_begun = True
                    self.deadline = server.wheel.time + server.limits.head_timeout
                return start
            hand_on = server.divert(reader.headers.marked.get(b"host", b""))
            if hand_on is not None:
                self._hand_on(hand_on, data[start:])
                return len(data)
        self._refuse(error)
        return len(data)

    def _begin_body(self, request: Request, length: int) -> None:
        self._size = 0
        if self._server.streams is not None and self._server.streams(request):
            request.stream = BodyStream(self._pause_reading, self._resume_reading)
        elif length > self._server.limits.body:
            self._refuse(ProtocolError(413, "the body is too large"))
            return
        self._body = ChunkedBody() if length == CHUNKED else length
        if request.fields.kinds & EXPECT and (request.get(b"expect") or b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.stream is not None:
            self._handle(request)

    def _take_body(self, data: bytes, start: int) -> int:
        body, request = self._body, self._request
        pieces: list[bytes] = []
        if isinstance(body, ChunkedBody):
            try:
                end = body.feed(data, start, pieces)
            except ProtocolError as error:
                self._refuse(error)
                return len(data)
            done = body.done
        else:
            assert body is not None
            end = min(start + body, len(data))
            pieces.append(data[start:end] if start or end < len(data) else data)
            self._body = body - (end - start)
            done = not self._body
        self._size += sum(map(len, pieces))
        self.deadline = self._server.wheel.time + self._server.limits.idle_timeout
        if request is not None:
            request.received_bytes += end - start
            if request.stream is not None:
                for piece in pieces:
                    request.stream.feed(piece)
            else:
                self._pieces += pieces
                if self._size > self._server.limits.body:
                    self._refuse(ProtocolError(413, "the body is too large"))
                    return len(data)
        if done:
            self._body = None
            if request is None:
                if not self._keep_alive:
                    self._close()
            elif request.stream is not None:
                request.stream.end()
            else:
                request.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces = []
                self._handle(request)
        return end

    # --- the handler and its answer

    def _handle(self, request: Request) -> None:
        try:
            answer = self._server.handler(request)
        except Exception:
            _log.exception("the handler failed", extra={"target": request.target})
            answer = Response(500, close=True)
        if isinstance(answer, Response) and answer.hand_on is not None:
            # A client that asks for an upgrade waits for the answer before it sends more.
            self._request = None
            self._hand_on(answer.hand_on, self._buffer)
        elif isinstance(answer, Response) and isinstance(answer.body, bytes):
            self._write(request, answer, answer.body)
        else:
            self._task = self._server.loop.create_task(self._await(request, answer))
            self._server.tasks.add(self._task)
            self._task.add_done_callback(self._server.tasks.discard)

    async def _await(self, request: Request, answer: Response | Awaitable[Response]) -> None:
        try:
            response = answer if isinstance(answer, Response) else await answer
        except Exception:
            _log.exception("the handler failed", extra={"target": request.target})
            response = Response(500, close=True)
        if self._request is not request:
            return
        if isinstance(response.body, bytes):
            self._write(request, response, response.body)
        else:
            await self._write_stream(request, response, response.body)

    def _write(self, request: Request, response: Response, body: bytes) -> None:
        status = response.status
        length = b"" if status < 200 or status in (204, 304) else b"Content-Length: %d\r\n" % len(body)
        if request.method == b"HEAD" and any(name.lower() == b"content-length" for name, _ in response.headers):
            # The handler says how long the body would be.
            length = b""
        head = self._render_head(response, length)
        self._transport.write(head + body if request.method != b"HEAD" and body else head)
        self._complete()

    def _render_head(self, response: Response, framing: bytes) -> bytes:
        if response.close or (self._body is not None):
            self._keep_alive = False
        request = self._request
        connection = b"" if self._keep_alive else b"Connection: close\r\n"
        if self._keep_alive and request is not None and request.version == 10:
            connection = b"Connection: keep-alive\r\n"
        server = self._server
        name = b"Server: %b\r\n" % server.server_name if server.server_name else b""
        fields = b"".join([b"%b: %b\r\n" % field for field in response.headers])
        status = response.status
        date = http_date(server.now())
        return b"HTTP/1.1 %d %b\r\nDate: %b\r\n%b%b%b%b\r\n" % (
            status,
            phrase(status),
            date,
            name,
            fields,
            framing,
            connection,
        )

    async def _write_stream(self, request: Request, response: Response, pieces: AsyncIterator[bytes]) -> None:
        # A handler that says how long the body is sends exactly that much.
        measured = any(name.lower() == b"content-length" for name, _ in response.headers)
        chunked = request.version == 11 and not measured
        if not chunked and not measured:
            self._keep_alive = False
        self._responding = True
        head = self._render_head(response, b"Transfer-Encoding: chunked\r\n" if chunked else b"")
        try:
            self._transport.write(head)
            if request.method != b"HEAD":
                async for piece in pieces:
                    if self._request is not request:
                        return
                    if piece:
                        self._transport.write(encode_chunk(piece) if chunked else piece)
                        self.deadline = self._server.wheel.time + self._server.limits.idle_timeout
                    if self._drained is not None:
                        await self._drained
                if chunked:
                    self._transport.write(LAST_CHUNK)
        except ConnectionResetError:
            return
        except Exception:
            _log.exception("the response body failed", extra={"target": request.target})
            self.abort()
            return
        if self._request is request:
            self._complete()

    def _complete(self) -> None:
        server = self._server
        server.requests += 1
        self._request = None
        self._responding = False
        self.deadline = server.wheel.time + server.limits.idle_timeout
        if self._body is not None:
            self.deadline = server.wheel.time + 5.0
            self._resume_reading()
        elif not self._keep_alive:
            self._close()
        elif self._buffer:
            self._resume_reading()
            self.data_received(b"")

    def _refuse(self, error: ProtocolError) -> None:
        """Answer a request that is no good, and close."""
        if self._request is not None and self._request.stream is not None:
            self._request.stream.end(error.reason)
        if not self._responding:
            text = error.reason.encode()
            status = error.status
            self._transport.write(
                b"HTTP/1.1 %d %b\r\nDate: %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                b"Connection: close\r\n\r\n%b"
                % (status, phrase(status), http_date(self._server.now()), len(text), text)
            )
        self._request = None
        self._body = None
        self._close()

    # --- the end

    def _hand_on(self, receive: HandOn, unread: bytes) -> None:
        """Give the connection away with what was read from it, once what was written has left."""
        self._closing = True
        self._pause_reading()
        if self._transport.get_write_buffer_size():
            self._server.loop.call_later(0.005, self._hand_on, receive, unread)
        elif not self._transport.is_closing():
            descriptor = os.dup(self._transport.get_extra_info("socket").fileno())
            self._transport.abort()
            receive(descriptor, unread)

    def drain(self) -> None:
        """Close now when idle, otherwise after the response under way."""
        self._keep_alive = False
        if self._request is None:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def on_deadline(self) -> None:
        """The client says nothing; while the handler works there is no deadline."""
        if self._request is not None and self._body is None:
            if self._responding and self._drained is not None:
                self.abort()
            return
        if self._closing:
            self.abort()
        elif self._request is not None or self._head_begun:
            self._refuse(ProtocolError(408, "the request did not come in time"))
        else:
            self._close()

    def _close(self) -> None:
        self._closing = True
        self._buffer = b""
        self._transport.close()

    def _pause_reading(self) -> None:
        if not self._transport.is_closing() and self._transport.is_reading():
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()
