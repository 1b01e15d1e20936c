"""Sending on HTTP/2: what the peer's windows do not yet allow waits here, bounded by pausing its source."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

import h2.connection
import h2.exceptions

HIGH_WATER: Final = 256 * 1024
LOW_WATER: Final = 64 * 1024
_FRAME: Final = 16 * 1024
_UNREAD_LIMIT: Final = 4 * 1024 * 1024


class Outbound:
    """What one stream has still to send."""

    __slots__ = ("ended", "pieces", "size", "trailers")

    def __init__(self) -> None:
        self.pieces: deque[bytes] = deque()
        self.size = 0
        self.ended = False
        self.trailers: list[tuple[bytes, bytes]] = []


class H2Sender:
    """The sending half of an HTTP/2 connection, and the one place that writes to its transport."""

    __slots__ = ("_loop", "_scheduled", "_transport", "blocked", "connection", "streams")

    def __init__(self, connection: h2.connection.H2Connection, loop: asyncio.AbstractEventLoop) -> None:
        self.connection: Any = connection
        self.streams: dict[int, Outbound] = {}
        self.blocked = False
        """Whether the transport's buffer is full."""
        self._loop = loop
        self._scheduled = False
        self._transport: asyncio.Transport | None = None

    def attach(self, transport: asyncio.Transport) -> None:
        """The transport to write to."""
        self._transport = transport

    def send(self, stream: int, data: bytes) -> int:
        """Queue payload; the stream's bytes still waiting."""
        outbound = self.streams.setdefault(stream, Outbound())
        if data:
            outbound.pieces.append(data)
            outbound.size += len(data)
        return self.pump(stream)

    def end(self, stream: int, trailers: list[tuple[bytes, bytes]]) -> None:
        """Nothing but the trailers follows what was queued."""
        outbound = self.streams.setdefault(stream, Outbound())
        outbound.ended = True
        outbound.trailers = trailers
        self.pump(stream)

    def pump(self, stream: int) -> int:
        """Send what the windows allow; the stream's bytes still waiting."""
        outbound = self.streams.get(stream)
        if outbound is None:
            return 0
        try:
            while outbound.pieces and not self.blocked:
                window = min(self.connection.local_flow_control_window(stream), _FRAME)
                if window <= 0:
                    break
                piece = outbound.pieces.popleft()
                if len(piece) > window:
                    outbound.pieces.appendleft(piece[window:])
                    piece = piece[:window]
                outbound.size -= len(piece)
                self.connection.send_data(stream, piece)
            if outbound.ended and not outbound.pieces:
                del self.streams[stream]
                if outbound.trailers:
                    fields = [(name.lower(), value) for name, value in outbound.trailers]
                    self.connection.send_headers(stream, fields, end_stream=True)
                else:
                    self.connection.end_stream(stream)
        except (h2.exceptions.ProtocolError, KeyError):
            self.streams.pop(stream, None)
            return 0
        self.flush_soon()
        return outbound.size

    def drop(self, stream: int) -> None:
        """Forget a stream's unsent bytes."""
        self.streams.pop(stream, None)

    def flush_soon(self) -> None:
        """Write what was rendered, together with whatever else comes up in this turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what was rendered."""
        self._scheduled = False
        data = self.connection.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > _UNREAD_LIMIT:
                self._transport.abort()  # payload is held back by `blocked`: this is a flood of pings and the like
