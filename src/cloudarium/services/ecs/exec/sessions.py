"""Sessions: a token is given out, a client comes with it, and its terminal is joined to a process in the container.

A session belongs to the cloud's process and ends with it, with its client or with its command, whichever is first. The
command starts as soon as the client has shown its token, while both sides still greet each other.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommand.html
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import shlex
import string
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.exec import handshake, messages
from cloudarium.services.ecs.exec.channel import RESEND_AFTER, WINDOW, Channel
from cloudarium.services.ecs.exec.messages import MAX_MESSAGE, MalformedMessage, Message, PayloadType
from cloudarium.services.ecs.exec.transcripts import Destination, Transcript
from cloudarium.substrate.compute.spec import ExecSpec
from cloudarium.substrate.http.messages import Request, Response

if TYPE_CHECKING:
    from cloudarium.substrate.compute.runtime import ExecSession
    from cloudarium.substrate.http.websocket import WebSocket

log = logging.getLogger(__name__)

PATH = "/v1/data-channel/"
OWN_CLIENT = "cloudarium/"
"""How our own client's version begins: it is told the command's exit code, for which the plugin has no ear."""
_TOKEN_LIFE = 60.0
"""Cloud seconds within which the client must come."""
_PIECE = 4_096
_GREETING_TIMEOUT = 15.0
_LAST_WORDS = 3.0
_MAX_WAITING = 1_000
_ID_LETTERS = string.ascii_lowercase + string.digits


class Session:
    """A session that was asked for; open once its client has come."""

    def __init__(
        self, runtime_id: str, container: str, command: str, expires: float, scope: Scope, transcript: Transcript
    ) -> None:
        self.id = "ecs-execute-command-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(17))
        self.token = secrets.token_urlsafe(192)
        self.runtime_id = runtime_id
        self.container = container
        self.command = command
        self.expires = expires
        self.scope = scope
        self.transcript = transcript


class Sessions:
    """Every session of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._waiting: dict[str, Session] = {}

    def open(self, runtime_id: str, container: str, command: str, scope: Scope, where: Destination) -> dict[str, str]:
        """Prepare a session whose transcript goes to ``where``; the answer is AWS's ``session`` structure."""
        now = self._cloud.clock.now()
        for known in list(self._waiting.values()):
            if known.expires < now or len(self._waiting) >= _MAX_WAITING:
                del self._waiting[known.id]
        session = Session(runtime_id, container, command, now + _TOKEN_LIFE, scope, Transcript(where))
        self._waiting[session.id] = session
        return {
            "sessionId": session.id,
            "streamUrl": f"ws://127.0.0.1:{self._cloud.port}{PATH}{session.id}?role=publish_subscribe",
            "tokenValue": session.token,
        }

    def accept(self, request: Request) -> Response:
        """A client comes: its connection becomes the session's."""
        from cloudarium.substrate.http.websocket import wants_websocket

        if not wants_websocket(request):
            return Response(426, [(b"Upgrade", b"websocket")], close=True)
        name = request.path.decode("latin-1")[len(PATH) :]
        return Response(101, hand_on=lambda fd, unread: self._serve(name, request, fd, unread))

    def _serve(self, name: str, request: Request, fd: int, unread: bytes) -> None:
        # Not a task that an advance of the clock waits for: it lives as long as a person types.
        task = asyncio.get_running_loop().create_task(self._run(name, request, fd, unread), name=f"session {name}")
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def _run(self, name: str, request: Request, fd: int, unread: bytes) -> None:
        from cloudarium.substrate.http.websocket import accept

        socket = await accept(fd, request, unread, max_message=MAX_MESSAGE)
        try:
            async with asyncio.timeout(_GREETING_TIMEOUT):
                first = await socket.receive()
            opening = msgspec.json.decode(first or b"", type=handshake.OpenDataChannel)
        except (TimeoutError, msgspec.DecodeError):
            socket.close(1002, "the first message must be an OpenDataChannel request")
            return
        session = self._waiting.get(name)
        if session is None or not hmac.compare_digest(session.token.encode(), opening.token_value.encode()):
            socket.close(1008, "the token is not valid")
            return
        del self._waiting[name]
        if session.expires < self._cloud.clock.now():
            socket.close(1008, "the token has expired")
            return
        try:
            await _Conversation(self._cloud, session, socket, opening.client_version).run()
        except (ConnectionError, MalformedMessage, msgspec.DecodeError) as error:
            log.info("%s ended: %s", session.id, error)
        except Exception:
            log.exception("%s failed", session.id)
        finally:
            socket.close()


_tasks: set[asyncio.Task[None]] = set()
_by_cloud: WeakKeyDictionary[Cloud, Sessions] = WeakKeyDictionary()


def sessions_of(cloud: Cloud) -> Sessions:
    """The sessions of a cloud, whose one port takes their clients from the first call on."""
    found = _by_cloud.get(cloud)
    if found is None:
        found = _by_cloud[cloud] = Sessions(cloud)
    cloud.upgrades[PATH] = found.accept
    return found


class _Conversation:
    """A client's channel and a process in a container, joined."""

    def __init__(self, cloud: Cloud, session: Session, socket: WebSocket, client_version: str) -> None:
        self._cloud = cloud
        self._session = session
        self._socket = socket
        self._ours = client_version.startswith(OWN_CLIENT)
        loop = asyncio.get_running_loop()
        self._channel = Channel(messages.OUTPUT, socket.send, loop.time)
        self._begun = loop.time()
        self._agreed = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._started = asyncio.Event()
        self._process: ExecSession | None = None

    async def run(self) -> None:
        session = self._session
        self._channel.post(PayloadType.HANDSHAKE_REQUEST, handshake.request(session.command))
        parts = {asyncio.create_task(self._read()), asyncio.create_task(self._resend())}
        try:
            try:
                argv = shlex.split(session.command)
                spec = ExecSpec(argv=argv, user="0", terminal=True, env=["TERM=xterm-256color"])
                self._process = await self._cloud.compute.exec(session.runtime_id, spec)
            except Exception as error:
                await self._close(f"Unable to start command: {error}")
                return
            self._started.set()
            writing = asyncio.create_task(self._write(self._process))
            parts |= {writing}
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
            if writing in done:
                if self._ours:
                    self._channel.post(PayloadType.EXIT_CODE, b"%d" % await self._process.wait())
                await self._close("")
        finally:
            for each in parts:
                each.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            if self._process is not None:
                with suppress(Exception):
                    await self._process.close()
                await session.transcript.deliver(self._cloud, session.scope, session.id)

    async def _read(self) -> None:
        """What the client says."""
        while (data := await self._socket.receive()) is not None:
            if isinstance(data, str):
                continue
            for message in self._channel.receive(data):
                await self._obey(message)
            self._acknowledged.set()

    async def _obey(self, message: Message) -> None:
        kind = message.payload_type
        if kind == PayloadType.HANDSHAKE_RESPONSE:
            self._agree(message.payload)
            return
        await self._started.wait()
        assert self._process is not None
        if kind == PayloadType.OUTPUT:
            with suppress(BrokenPipeError):
                await self._process.write(message.payload)
        elif kind == PayloadType.SIZE:
            with suppress(msgspec.DecodeError):
                size = msgspec.json.decode(message.payload, type=handshake.TerminalSize)
                if 0 < size.rows < 10_000 and 0 < size.cols < 10_000:
                    self._process.resize(size.rows, size.cols)
        elif kind == PayloadType.FLAG and int.from_bytes(message.payload, "big") == messages.TERMINATE_SESSION:
            await self._process.close()

    def _agree(self, payload: bytes) -> None:
        answer = msgspec.json.decode(payload, type=handshake.HandshakeResponse)
        if any(action.action_status != 1 for action in answer.processed_client_actions):
            raise ConnectionError(f"the client does not agree: {'; '.join(answer.errors or ())}")
        took = int((asyncio.get_running_loop().time() - self._begun) * 1e9)
        complete = handshake.HandshakeComplete(handshake_time_to_complete=took)
        self._channel.post(PayloadType.HANDSHAKE_COMPLETE, msgspec.json.encode(complete))
        self._agreed.set()

    async def _write(self, process: ExecSession) -> None:
        """What the process says."""
        await self._agreed.wait()
        while (data := (await process.read())[1]) != b"":
            self._session.transcript.add(data)
            for start in range(0, len(data), _PIECE):
                self._channel.post(PayloadType.OUTPUT, data[start : start + _PIECE])
            await self._socket.drained()
            await self._window(WINDOW)

    async def _window(self, most: int) -> None:
        """Wait until no more than so many messages are under way."""
        while self._channel.under_way > most:
            self._acknowledged.clear()
            await self._acknowledged.wait()

    async def _resend(self) -> None:
        while True:
            await asyncio.sleep(RESEND_AFTER / 2)
            self._channel.resend()

    async def _close(self, reason: str) -> None:
        """Tell the client that it is over, once it has taken everything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._agreed.wait()
                await self._window(0)
        closed = handshake.ChannelClosed(
            message_id=str(uuid.uuid4()),
            created_date=str(int(self._cloud.clock.now() * 1000)),
            destination_id=self._session.runtime_id,
            session_id=self._session.id,
            output=reason,
        )
        self._channel.post_aside(messages.CHANNEL_CLOSED, msgspec.json.encode(closed))
        await self._socket.drained()
