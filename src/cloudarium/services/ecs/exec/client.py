"""The client's end of a session: what the session-manager-plugin does, for those who lack it, and for tests."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from cloudarium.services.ecs.exec import handshake, messages
from cloudarium.services.ecs.exec.channel import RESEND_AFTER, Channel
from cloudarium.services.ecs.exec.messages import MAX_MESSAGE, PayloadType
from cloudarium.services.ecs.exec.sessions import OWN_CLIENT
from cloudarium.substrate.http.websocket import WebSocket, connect


class Client:
    """One session as its user sees it. ``output`` is called with what the command writes to its terminal."""

    def __init__(self, socket: WebSocket, token: str, output: Callable[[bytes], None]) -> None:
        self._socket = socket
        self._output = output
        self._channel = Channel(messages.INPUT, socket.send, asyncio.get_running_loop().time)
        self._ready = asyncio.Event()
        self.exit_code: int | None = None
        """What the command returned; None when it was not told."""
        self.reason = ""
        """Why the session ended, when it did not simply end."""
        opening = handshake.OpenDataChannel(
            request_id=str(uuid.uuid4()),
            token_value=token,
            client_id=str(uuid.uuid4()),
            client_version=OWN_CLIENT + "1",
        )
        socket.send(msgspec.json.encode(opening).decode())

    @classmethod
    async def open(cls, url: str, token: str, output: Callable[[bytes], None]) -> Client:
        """Connect to a session's stream address. Raises OSError."""
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        socket = await connect(parts.hostname or "", parts.port or 80, target, max_message=MAX_MESSAGE)
        return cls(socket, token, output)

    async def run(self) -> None:
        """Take part until the session is over. Raises ConnectionError when it breaks off."""
        resending = asyncio.create_task(self._resend())
        try:
            while (data := await self._socket.receive()) is not None:
                for message in self._channel.receive(data if isinstance(data, bytes) else data.encode()):
                    if message.kind == messages.CHANNEL_CLOSED:
                        self.reason = msgspec.json.decode(message.payload, type=handshake.ChannelClosed).output
                        return
                    self._take(message)
            if self.exit_code is None:
                raise ConnectionError("the session broke off")
        finally:
            self._ready.set()
            resending.cancel()
            self._socket.close()

    async def ready(self) -> None:
        """Wait until the handshake is over."""
        await self._ready.wait()

    def write(self, data: bytes) -> None:
        """Type into the command's terminal."""
        for start in range(0, len(data), 1_024):
            self._channel.post(PayloadType.OUTPUT, data[start : start + 1_024])

    def resize(self, rows: int, columns: int) -> None:
        """Tell the size of the terminal."""
        self._channel.post(PayloadType.SIZE, msgspec.json.encode(handshake.TerminalSize(cols=columns, rows=rows)))

    def terminate(self) -> None:
        """End the session and its command."""
        self._channel.post(PayloadType.FLAG, messages.TERMINATE_SESSION.to_bytes(4, "big"))

    def _take(self, message: messages.Message) -> None:
        kind = message.payload_type
        if kind in (PayloadType.OUTPUT, PayloadType.STDERR):
            self._output(message.payload)
        elif kind == PayloadType.EXIT_CODE:
            self.exit_code = int(message.payload)
        elif kind == PayloadType.HANDSHAKE_REQUEST:
            asked = msgspec.json.decode(message.payload, type=handshake.HandshakeRequest)
            done = [
                handshake.ProcessedAction(action_type=action.action_type, action_status=1)
                if action.action_type == "SessionType"
                else handshake.ProcessedAction(action_type=action.action_type, action_status=3, error="not supported")
                for action in asked.requested_client_actions
            ]
            answer = handshake.HandshakeResponse(client_version=OWN_CLIENT + "1", processed_client_actions=done)
            self._channel.post(PayloadType.HANDSHAKE_RESPONSE, msgspec.json.encode(answer))
        elif kind == PayloadType.HANDSHAKE_COMPLETE:
            self._ready.set()

    async def _resend(self) -> None:
        while True:
            await asyncio.sleep(RESEND_AFTER / 2)
            self._channel.resend()
