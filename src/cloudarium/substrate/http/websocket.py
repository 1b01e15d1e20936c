"""A websocket of our own making, either end (RFC 6455; wsproto does the framing).

    async with timeout: socket = await accept(fd, request, initial)        after a handler handed a connection on
    socket = await connect(host, port, target)                             as a client

Websockets that pass through a load balancer are not these: the engine forwards their bytes unread.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Final, cast

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from cloudarium.substrate.http.messages import Request

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_HEAD: Final = 16 * 1024
_MAX_WAITING: Final = 256
"""Messages received and not taken yet before reading pauses."""


class HandshakeFailed(ConnectionError):
    """The other side does not want to speak websocket."""


class WebSocket(asyncio.Protocol):
    """One open websocket. Made by ``accept`` and ``connect``."""

    def __init__(self, kind: ConnectionType, max_message: int, initial: bytes = b"") -> None:
        self._frames = Connection(kind)
        self._max_message = max_message
        self._initial = initial
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._pieces: list[bytes | str] = []
        self._size = 0
        self._received: deque[bytes | str] = deque()
        self._arrived = asyncio.Event()
        self._ended = False
        self._may_write = asyncio.Event()
        self._may_write.set()

    # -- for users -------------------------------------------------------------------------------------------------

    async def receive(self) -> bytes | str | None:
        """The next message, or None when there are no more."""
        while not self._received:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._received.popleft()
        if len(self._received) == _MAX_WAITING // 2 and not self._transport.is_closing():
            self._transport.resume_reading()
        return message

    def send(self, data: bytes | str) -> None:
        """Send one message; ``drained`` tells when more is welcome. Nothing happens on a closed socket."""
        if not self._ended:
            self._write(BytesMessage(data=data) if isinstance(data, bytes) else TextMessage(data=data))

    async def drained(self) -> None:
        """Wait until the peer takes what was sent."""
        await self._may_write.wait()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and close."""
        if not self._ended:
            self._write(CloseConnection(code=code, reason=reason))
        self._end()
        self._transport.close()

    # -- asyncio's -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)

    def begin(self, opening: bytes = b"") -> None:
        """Send the rest of the handshake and read what had come with it."""
        if opening:
            self._transport.write(opening)
        initial, self._initial = self._initial, b""
        if initial:
            self.data_received(initial)

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if self._ended:
            return
        try:
            self._frames.receive_data(data)
            for event in self._frames.events():
                if isinstance(event, (BytesMessage, TextMessage)):
                    self._take(event)
                elif isinstance(event, Ping):
                    self._write(event.response())
                elif isinstance(event, CloseConnection):
                    self._write(event.response())
                    self._end()
                    self._transport.close()
                elif not isinstance(event, Pong):
                    self.close(1002)
        except RemoteProtocolError as error:
            if error.event_hint is not None:
                self._write(error.event_hint)
            self._end()
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._end()

    def pause_writing(self) -> None:
        """asyncio's."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """asyncio's."""
        self._may_write.set()

    # -- means -----------------------------------------------------------------------------------------------------

    def _take(self, event: BytesMessage | TextMessage) -> None:
        piece: bytes | str = bytes(event.data) if isinstance(event, BytesMessage) else event.data
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._max_message:
            self.close(1009, "the message is too large")
            return
        if not event.message_finished:
            return
        pieces, self._pieces, self._size = self._pieces, [], 0
        joined = pieces[0][:0].join(pieces) if len(pieces) > 1 else pieces[0]  # type: ignore[arg-type]
        self._received.append(joined)
        if len(self._received) >= _MAX_WAITING:
            self._transport.pause_reading()
        self._arrived.set()

    def _write(self, event: Event) -> None:
        if self._transport.is_closing():
            return
        try:
            self._transport.write(self._frames.send(event))
        except LocalProtocolError:
            # The peer closed first: there is nobody to tell.
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._arrived.set()
        self._may_write.set()


def wants_websocket(request: Request) -> bool:
    """Whether a request asks for a websocket in the way we speak it."""
    upgrade = (request.get(b"upgrade") or b"").lower()
    connection = (request.get(b"connection") or b"").lower()
    return (
        request.method == b"GET"
        and upgrade == b"websocket"
        and b"upgrade" in connection
        and request.get(b"sec-websocket-version") == b"13"
        and len(request.get(b"sec-websocket-key") or b"") == 24
    )


async def accept(fd: int, request: Request, initial: bytes, *, max_message: int) -> WebSocket:
    """Take over the connection on which ``request``, which wants a websocket, came; owns ``fd``."""
    key = request.get(b"sec-websocket-key") or b""
    made = WebSocket(ConnectionType.SERVER, max_message, initial)
    accepted = socket.socket(fileno=fd)
    accepted.setblocking(False)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: made, sock=accepted)
    made.begin(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % _answer_to(key)
    )
    return made


async def connect(host: str, port: int, target: str, *, max_message: int) -> WebSocket:
    """Open a websocket. Raises OSError, HandshakeFailed."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    key = base64.b64encode(os.urandom(16))
    try:
        await loop.sock_connect(connection, (host, port))
        opening = (
            b"GET %b HTTP/1.1\r\nHost: %b:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n"
        )
        await loop.sock_sendall(connection, opening % (target.encode(), host.encode(), port, key))
        head = b""
        while b"\r\n\r\n" not in head:
            piece = await loop.sock_recv(connection, 4096)
            if not piece or len(head) > _MAX_HEAD:
                raise HandshakeFailed("the connection ended during the handshake")
            head += piece
        head, _, rest = head.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101") or _answer_to(key) not in head:
            raise HandshakeFailed(head.partition(b"\r\n")[0].decode("latin-1"))
    except BaseException:
        connection.close()
        raise
    made = WebSocket(ConnectionType.CLIENT, max_message, rest)
    await loop.connect_accepted_socket(lambda: made, sock=connection)
    made.begin()
    return made


def _answer_to(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
