"""Sessions over real websockets, with a stand-in for the container's process."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.exec.client import Client
from cloudarium.services.ecs.exec.sessions import PATH, Session, Sessions
from cloudarium.services.ecs.exec.transcripts import Destination
from cloudarium.substrate.compute.spec import ExecSpec
from cloudarium.substrate.http.server import HttpServer, Request, Response
from cloudarium.substrate.http.websocket import HandshakeFailed, connect

pytestmark = pytest.mark.asyncio


class Process:
    """Says hello, then everything back in capitals until ``exit N``."""

    def __init__(self, spec: ExecSpec) -> None:
        self.spec = spec
        self.size = (spec.rows, spec.cols)
        self.closed = False
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        self._output.put_nowait(b"hello\r\n")
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def read(self) -> tuple[str, bytes]:
        data = await self._output.get()
        return ("stdout", data) if data else ("", b"")

    async def write(self, data: bytes) -> None:
        if data.startswith(b"exit "):
            self._code.set_result(int(data[5:]))
            self._output.put_nowait(b"")
        else:
            self._output.put_nowait(data.upper())

    def resize(self, rows: int, cols: int) -> None:
        self.size = (rows, cols)

    async def wait(self) -> int:
        return await self._code

    async def close(self) -> None:
        self.closed = True
        if not self._code.done():
            self._code.set_result(137)
            self._output.put_nowait(b"")


class Compute:
    """One container that runs anything but ``missing``."""

    def __init__(self) -> None:
        self.processes: list[Process] = []

    async def exec(self, container: str, spec: ExecSpec) -> Process:
        assert container == "container-1"
        if spec.argv == ["missing"]:
            raise RuntimeError("exec: missing: not found")
        self.processes.append(Process(spec))
        return self.processes[-1]


class World:
    """A port with sessions behind it."""

    def __init__(self, port: int) -> None:
        self.compute = Compute()
        self.clock = Clock()
        self.cloud: Any = SimpleNamespace(clock=self.clock, port=port, compute=self.compute, upgrades={})
        self.sessions = Sessions(self.cloud)

    def open(self, command: str) -> dict[str, str]:
        return self.sessions.open("container-1", "app", command, Scope("111122223333", "us-east-1"), Destination(""))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    listening = socket.create_server(("127.0.0.1", 0))
    world = World(listening.getsockname()[1])

    def handle(request: Request) -> Response:
        return world.sessions.accept(request) if request.path.startswith(PATH.encode()) else Response(404)

    server = HttpServer(handle)
    await server.serve(listening)
    yield world
    await server.close()


async def test_a_conversation(world: World) -> None:
    """Output, input, size, exit code, end."""
    session = world.open("sh -c 'echo $HOME'")
    heard: list[bytes] = []
    client = await Client.open(session["streamUrl"], session["tokenValue"], heard.append)
    running = asyncio.create_task(client.run())
    await client.ready()
    client.resize(50, 132)
    client.write(b"what is said")
    client.write(b"exit 7")
    async with asyncio.timeout(10):
        await running
    assert client.exit_code == 7 and client.reason == ""
    assert b"".join(heard) == b"hello\r\nWHAT IS SAID"
    (process,) = world.compute.processes
    assert process.spec.argv == ["sh", "-c", "echo $HOME"] and process.spec.user == "0" and process.spec.terminal
    assert process.size == (50, 132)
    assert process.closed


async def test_much_output_arrives_whole(world: World) -> None:
    """Megabytes, in pieces, in order."""
    session = world.open("sh")
    heard: list[bytes] = []
    client = await Client.open(session["streamUrl"], session["tokenValue"], heard.append)
    running = asyncio.create_task(client.run())
    await client.ready()
    text = b"".join(b"line %06d\n" % number for number in range(150_000))
    await world.compute.processes[0].write(text)
    client.write(b"exit 0")
    async with asyncio.timeout(30):
        await running
    assert b"".join(heard) == b"hello\r\n" + text.upper()


async def test_what_cannot_start_says_why(world: World) -> None:
    """The reason reaches the client."""
    session = world.open("missing")
    client = await Client.open(session["streamUrl"], session["tokenValue"], lambda data: None)
    async with asyncio.timeout(10):
        await client.run()
    assert client.reason == "Unable to start command: exec: missing: not found"
    assert client.exit_code is None


async def test_a_token_is_good_once_and_for_a_while(world: World) -> None:
    """Wrong, used and expired tokens are turned away, without a process."""
    session = world.open("sh")
    wrong = await Client.open(session["streamUrl"], "x" * 20, lambda data: None)
    with pytest.raises(ConnectionError):
        await wrong.run()
    right = await Client.open(session["streamUrl"], session["tokenValue"], lambda data: None)
    running = asyncio.create_task(right.run())
    await right.ready()
    again = await Client.open(session["streamUrl"], session["tokenValue"], lambda data: None)
    with pytest.raises(ConnectionError):
        await again.run()
    right.write(b"exit 0")
    async with asyncio.timeout(10):
        await running
    late = world.open("sh")
    await world.clock.advance(61)
    expired = await Client.open(late["streamUrl"], late["tokenValue"], lambda data: None)
    with pytest.raises(ConnectionError):
        await expired.run()
    assert len(world.compute.processes) == 1


async def test_the_process_ends_with_its_client(world: World) -> None:
    """A client that vanishes leaves nothing running; so does one that asks for the end."""
    for how in ("vanish", "terminate"):
        session = world.open("sh")
        client = await Client.open(session["streamUrl"], session["tokenValue"], lambda data: None)
        running = asyncio.create_task(client.run())
        await client.ready()
        if how == "vanish":
            running.cancel()
        else:
            client.terminate()
        async with asyncio.timeout(10):
            while not world.compute.processes[-1].closed:
                await asyncio.sleep(0.01)
            if how == "terminate":
                await running
                assert client.exit_code == 137


async def test_rubbish_ends_the_session(world: World) -> None:
    """Not a websocket, not JSON, not a message."""
    session = world.open("sh")
    with pytest.raises(HandshakeFailed):
        await connect("127.0.0.1", world.cloud.port, "/elsewhere", max_message=1000)
    for first in ("{}", "not json", b"\0\1"):
        rude = await connect("127.0.0.1", world.cloud.port, session["streamUrl"].partition("4566")[2] or PATH + "x",
                             max_message=1000)  # fmt: skip
        rude.send(first)
        async with asyncio.timeout(10):
            assert await rude.receive() is None
    path = PATH + session["sessionId"]
    client = await connect("127.0.0.1", world.cloud.port, path, max_message=1 << 20)
    opening = {"MessageSchemaVersion": "1.0", "RequestId": "r" * 16, "TokenValue": session["tokenValue"]}
    client.send(json.dumps(opening | {"ClientId": "c", "ClientVersion": "1.2.0"}))
    client.send(b"this is no message")
    async with asyncio.timeout(10):
        while await client.receive() is not None:
            pass
        while not world.compute.processes[-1].closed:
            await asyncio.sleep(0.01)


async def test_waiting_sessions_are_bounded(world: World) -> None:
    """Asking for sessions and never coming costs little."""
    for _ in range(3000):
        world.open("sh")
    kept: dict[str, Session] = world.sessions._waiting
    assert len(kept) <= 1000
