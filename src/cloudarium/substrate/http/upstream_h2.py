"""An HTTP/2 connection to a target, shared by many exchanges (target groups with ProtocolVersion HTTP2 or GRPC)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.fields import Headers
from cloudarium.substrate.http.h2_guard import FrameGuard
from cloudarium.substrate.http.h2_sender import HIGH_WATER, LOW_WATER, H2Sender
from cloudarium.substrate.http.heads import ResponseHead
from cloudarium.substrate.http.syntax import RESPONSE_HEAD_LIMIT
from cloudarium.substrate.http.wheel import NO_DEADLINE, Wheel

if TYPE_CHECKING:
    from cloudarium.substrate.http.streams import Downstream
    from cloudarium.substrate.http.upstream import Upstream

_WINDOW: Final = 1024 * 1024
_DEFAULT_STREAMS: Final = 100


class UpstreamH2(asyncio.Protocol):
    """The connection; each exchange is an UpstreamH2Stream."""

    def __init__(self, upstream: Upstream, wheel: Wheel) -> None:
        self._upstream = upstream
        self._wheel = wheel
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self.connection: Any = h2.connection.H2Connection(config=config)
        self.sender = H2Sender(self.connection, wheel.loop)
        self.streams: dict[int, UpstreamH2Stream] = {}
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.ready: asyncio.Future[None] = wheel.loop.create_future()
        """Done once the target's settings came; fails with ConnectionError when it speaks no HTTP/2."""
        self.ready.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.deadline = NO_DEADLINE
        self._guard = FrameGuard()
        self._closing = False

    def has_room(self) -> bool:
        """Whether another stream may be opened."""
        limit = min(self.connection.remote_settings.max_concurrent_streams, _DEFAULT_STREAMS)
        return not self._closing and len(self.streams) < limit

    def start(self, downstream: Downstream, fields: list[tuple[bytes, bytes]], request_done: bool) -> UpstreamH2Stream:
        """Open a stream with a request's fields, pseudo-fields first."""
        number = self.connection.get_next_available_stream_id()
        stream = self.streams[number] = UpstreamH2Stream(self, number, downstream)
        self.deadline = NO_DEADLINE
        stream.request_done = request_done
        try:
            self.connection.send_headers(number, fields, end_stream=request_done)
        except h2.exceptions.ProtocolError:
            # The target ended the connection in the same turn of the loop. Its caller does not expect an end yet.
            self._closing = True
            self._wheel.loop.call_soon(stream.fail, Fault.TARGET_CLOSED)
        self.sender.flush_soon()
        return stream

    def drain(self) -> None:
        """Take no further streams; close after the last."""
        self._closing = True
        if not self.streams:
            self.close()

    def forget(self, stream: UpstreamH2Stream) -> None:
        """A stream is over."""
        self.streams.pop(stream.number, None)
        self.sender.drop(stream.number)
        if not self.streams:
            self.deadline = self._wheel.time + self._upstream.idle_timeout
            if self._closing:
                self.close()

    def close(self) -> None:
        """Close at once."""
        self._closing = True
        if self in self._upstream.h2:
            self._upstream.h2.remove(self)
        self._wheel.watched.discard(self)
        self.transport.abort()

    # --- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self.transport = cast(asyncio.Transport, transport)
        self.sender.attach(self.transport)
        self._upstream.connections_opened += 1
        self._upstream.open_connections += 1
        self._wheel.watched.add(self)
        self.connection.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: RESPONSE_HEAD_LIMIT,
            },
        )
        self.connection.initiate_connection()
        self.connection.increment_flow_control_window(_WINDOW)
        self.sender.flush()

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        try:
            self._guard.check(data)
            events = self.connection.receive_data(data)
        except (ProtocolError, h2.exceptions.ProtocolError):
            self._fail_all(Fault.RESPONSE_MALFORMED)
            return
        for event in events:
            self._take(event)
        self.sender.flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._upstream.open_connections -= 1
        self._fail_all(Fault.TARGET_RESET if exc is not None else Fault.TARGET_CLOSED)

    def pause_writing(self) -> None:
        """asyncio's."""
        self.sender.blocked = True

    def resume_writing(self) -> None:
        """asyncio's."""
        self.sender.blocked = False
        for number in list(self.sender.streams):
            if (stream := self.streams.get(number)) is not None:
                stream.pump()

    def on_deadline(self) -> None:
        """No stream for long enough."""
        if not self.streams:
            self.close()

    def _fail_all(self, fault: Fault) -> None:
        self.close()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(fault.value))
        for stream in list(self.streams.values()):
            stream.fail(fault)

    def _take(self, event: object) -> None:
        if isinstance(event, h2.events.RemoteSettingsChanged):
            if not self.ready.done():
                self.ready.set_result(None)
                self._upstream.h2.append(self)
            self.resume_writing()
            return
        if isinstance(event, h2.events.ConnectionTerminated):
            last = event.last_stream_id or 0
            for lost in [each for each in self.streams.values() if each.number > last]:
                lost.fail(Fault.TARGET_CLOSED)
            self.drain()
            return
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.WindowUpdated) and not number:
            self.resume_writing()
            return
        stream = self.streams.get(number) if number else None
        if stream is not None:
            stream.take(event)
        elif isinstance(event, h2.events.DataReceived):
            self.connection.acknowledge_received_data(event.flow_controlled_length or 0, number or 0)


class UpstreamH2Stream:
    """One exchange on the connection: streams.UpstreamStream."""

    __slots__ = ("_connection", "_held", "_paused", "_responded", "_unread", "downstream", "number", "request_done")

    takes_chunks = False

    def __init__(self, connection: UpstreamH2, number: int, downstream: Downstream) -> None:
        self._connection = connection
        self.number = number
        self.downstream: Downstream | None = downstream
        self.request_done = False
        self._responded = False
        self._held = False
        self._paused = False
        self._unread = 0

    def send(self, data: bytes) -> None:
        """More of the request's body."""
        self._watch(self._connection.sender.send(self.number, data))

    def end_request(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The request's body is complete."""
        self.request_done = True
        self._connection.sender.end(self.number, trailers)

    def pump(self) -> None:
        """The windows opened."""
        self._watch(self._connection.sender.pump(self.number))

    def _watch(self, waiting: int) -> None:
        downstream = self.downstream
        if downstream is None:
            return
        if waiting > HIGH_WATER and not self._held:
            self._held = True
            downstream.hold()
        elif waiting < LOW_WATER and self._held:
            self._held = False
            downstream.unhold()

    def abandon(self) -> None:
        """The client is gone."""
        self.downstream = None
        try:
            self._connection.connection.reset_stream(self.number, h2.errors.ErrorCodes.CANCEL)
        except h2.exceptions.ProtocolError:
            pass
        self._connection.sender.flush_soon()
        self._connection.forget(self)

    def pause_reading(self) -> None:
        """Open the window no further."""
        self._paused = True

    def resume_reading(self) -> None:
        """Open the window again."""
        self._paused = False
        unread, self._unread = self._unread, 0
        self._acknowledge(unread)

    def write_eof(self) -> None:
        """Tunnels do not run over HTTP/2 here."""
        raise NotImplementedError("tunnels over HTTP/2")

    def _acknowledge(self, size: int) -> None:
        if size:
            try:
                self._connection.connection.acknowledge_received_data(size, self.number)
            except h2.exceptions.ProtocolError:
                return
            self._connection.sender.flush_soon()

    def take(self, event: object) -> None:
        """An event of this stream."""
        downstream = self.downstream
        if downstream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            self._take_head(downstream, event.headers or [])
        elif isinstance(event, h2.events.DataReceived):
            size = event.flow_controlled_length or 0
            if event.data:
                downstream.more(event.data)
            if self._paused:
                self._unread += size
            else:
                self._acknowledge(size)
        elif isinstance(event, h2.events.TrailersReceived):
            self._end(downstream, [(bytes(name), bytes(value)) for name, value in event.headers or []])
        elif isinstance(event, h2.events.StreamEnded):
            self._end(downstream, [])
        elif isinstance(event, h2.events.StreamReset):
            self.fail(Fault.TARGET_RESET)
        elif isinstance(event, h2.events.WindowUpdated):
            self.pump()

    def _take_head(self, downstream: Downstream, fields: list[Any]) -> None:
        headers = Headers()
        status = 0
        for name, value in fields:
            if bytes(name) == b":status":
                # Three digits (RFC 9110 section 15); 101 has no meaning here (RFC 9113 section 8.6).
                status = int(value) if len(value) == 3 and bytes(value).isdigit() else 0
            elif not bytes(name).startswith(b":"):
                headers.add(bytes(name), bytes(value))
        try:
            if not 200 <= status <= 999:
                raise ProtocolError(502, "a response without a proper status")
            head = ResponseHead(b"", status, 1, b"", headers)
        except ProtocolError:
            self.fail(Fault.RESPONSE_MALFORMED)
            return
        head.verbatim = False
        self._responded = True
        downstream.respond(head, b"", 0, 0, False)

    def _end(self, downstream: Downstream, trailers: list[tuple[bytes, bytes]]) -> None:
        self.downstream = None
        if not self.request_done:
            try:
                self._connection.connection.reset_stream(self.number, h2.errors.ErrorCodes.NO_ERROR)
            except h2.exceptions.ProtocolError:
                pass
        self._connection.forget(self)
        downstream.end(trailers)

    def fail(self, fault: Fault) -> None:
        """There will be no (further) response."""
        downstream = self.downstream
        self.downstream = None
        self._connection.forget(self)
        if downstream is not None:
            downstream.failed(Fault.RESPONSE_BODY_INCOMPLETE if self._responded else fault)
