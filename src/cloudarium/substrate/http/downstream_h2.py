"""A client's HTTP/2 connection of the proxy: prior knowledge today, ALPN when there is TLS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import hyperframe.frame

from cloudarium.substrate.http.downstream_h2_stream import DownstreamH2Stream
from cloudarium.substrate.http.faults import ProtocolError
from cloudarium.substrate.http.h2_guard import FrameGuard
from cloudarium.substrate.http.h2_sender import H2Sender
from cloudarium.substrate.http.syntax import REQUEST_HEAD_LIMIT
from cloudarium.substrate.http.wheel import NO_DEADLINE

if TYPE_CHECKING:
    from cloudarium.substrate.http.engine import ProxyEngine
    from cloudarium.substrate.http.exchange import ConnectionInfo
    from cloudarium.substrate.http.routing import Listener

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STREAMS_LIMIT: Final = 128
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html"""
_WINDOW: Final = 1024 * 1024
_RESETS_LIMIT: Final = 128
"""Streams that a client may reset beyond those it let finish ("rapid reset", CVE-2023-44487)."""


class DownstreamH2(asyncio.Protocol):
    """The connection; each exchange is a DownstreamH2Stream."""

    def __init__(self, engine: ProxyEngine, listener: Listener, info: ConnectionInfo) -> None:
        self.engine = engine
        self.listener = listener
        self.info = info
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self.connection: Any = h2.connection.H2Connection(config=config)
        self.connection.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_LIMIT,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: REQUEST_HEAD_LIMIT,
            },
        )
        self.sender = H2Sender(self.connection, engine.loop)
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.streams: dict[int, DownstreamH2Stream] = {}
        self.deadline = NO_DEADLINE
        self._retire_at = engine.wheel.time + listener.settings.client_keep_alive
        self._guard = FrameGuard(skip=len(PREFACE))
        self._resets = 0
        self._finished = 0
        self._draining = False

    # --- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self.transport = cast(asyncio.Transport, transport)
        self.sender.attach(self.transport)
        self.engine.connections.add(self)
        self.engine.wheel.watched.add(self)
        self.touch()
        self.connection.initiate_connection()
        self.connection.increment_flow_control_window(_WINDOW)
        self.sender.flush()

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self.touch()
        try:
            self._guard.check(data)
            events = self.connection.receive_data(data)
        except ProtocolError:
            self._end_with(h2.errors.ErrorCodes.FRAME_SIZE_ERROR)
            return
        except h2.exceptions.ProtocolError:
            self.sender.flush()
            self._close()
            return
        for event in events:
            self._take(event)
            if self.transport.is_closing():
                return
        self.sender.flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self.engine.connections.discard(self)
        self.engine.wheel.watched.discard(self)
        self.listener.counters.connections_open -= 1
        for stream in list(self.streams.values()):
            stream.client_gone()

    def pause_writing(self) -> None:
        """asyncio's."""
        self.sender.blocked = True

    def resume_writing(self) -> None:
        """asyncio's."""
        self.sender.blocked = False
        for number in list(self.sender.streams):
            self._pump(number)

    # --- events

    def touch(self) -> None:
        """Something happened: the idle timeout begins anew."""
        self.deadline = self.engine.wheel.time + self.listener.settings.idle_timeout

    def _take(self, event: object) -> None:
        if isinstance(event, h2.events.RequestReceived):
            assert event.stream_id is not None
            if self._draining:
                self.connection.reset_stream(event.stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
                return
            fields = [(bytes(name), bytes(value)) for name, value in event.headers or []]
            stream = self.streams[event.stream_id] = DownstreamH2Stream(self, event.stream_id)
            stream.begin(fields, event.stream_ended is not None)
            if self.engine.wheel.time >= self._retire_at:
                self.drain()
            return
        if isinstance(event, h2.events.RemoteSettingsChanged) or (
            isinstance(event, h2.events.WindowUpdated) and not event.stream_id
        ):
            self.resume_writing()
            return
        if isinstance(event, h2.events.ConnectionTerminated):
            self._close()
            return
        if isinstance(event, h2.events.StreamReset):
            self._count_reset()
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.WindowUpdated):
            self._pump(event.stream_id or 0)
            return
        known = self.streams.get(number) if number else None
        if known is not None:
            known.take(event)
        elif isinstance(event, h2.events.DataReceived):
            self.connection.acknowledge_received_data(event.flow_controlled_length or 0, number or 0)

    def _pump(self, number: int) -> None:
        """Send more of a stream, which may be all that is left of its exchange."""
        self.touch()
        stream = self.streams.get(number)
        if stream is not None:
            stream.pump()
        else:
            self.sender.pump(number)
        if self._draining:
            self._close_when_idle()

    def _count_reset(self) -> None:
        self._resets += 1
        if self._resets > _RESETS_LIMIT + self._finished:
            self._end_with(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)

    def _end_with(self, code: h2.errors.ErrorCodes) -> None:
        """Tell the client what it did wrong (GOAWAY), and close."""
        self.connection.close_connection(code)
        self.sender.flush()
        self._close()

    def forget(self, stream: DownstreamH2Stream, *, finished: bool) -> None:
        """A stream is over; what it still has to send goes out."""
        self.streams.pop(stream.number, None)
        self._finished += finished
        if self._draining and not self.streams:
            self.engine.loop.call_soon(self._close_when_idle)

    # --- the end

    def serves(self, listener: Listener) -> bool:
        """Whether the connection is the listener's."""
        return self.listener is listener

    def drain(self) -> None:
        """Take no further requests (GOAWAY); close after the last response."""
        if self._draining:
            return
        self._draining = True
        self.sender.flush()
        # By hand: the library takes a connection that it said goodbye on to be over, and ours goes on answering.
        goodbye = hyperframe.frame.GoAwayFrame(0, last_stream_id=self.connection.highest_inbound_stream_id)
        self.transport.write(goodbye.serialize())
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        if not self.streams and not self.sender.streams:
            self.sender.flush()
            self._close()

    def abort(self) -> None:
        """Close at once."""
        self.transport.abort()

    def _close(self) -> None:
        self.transport.close()

    def on_deadline(self) -> None:
        """Nothing came or went for the idle timeout."""
        if not self.streams:
            if self._draining or self.sender.streams:
                self.abort()
            else:
                self.drain()
            return
        self.touch()
        for stream in list(self.streams.values()):
            stream.timed_out()
