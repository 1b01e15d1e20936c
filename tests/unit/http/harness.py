"""A proxy on loopback, scripted targets, and a raw client: real sockets, no clocks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cloudarium.substrate.http.engine import ProxyEngine
from cloudarium.substrate.http.exchange import Exchange
from cloudarium.substrate.http.routing import Decision, Forward, Listener, ListenerSettings
from cloudarium.substrate.http.upstream import ProtocolVersion, Upstream

NOW = 1_700_000_000.0
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RecordingRouter:
    """Gives every request the same decision, and keeps the records."""

    def __init__(self, decision: Decision | Callable[[Exchange], Decision]) -> None:
        self.decision = decision
        self.routed: list[Exchange] = []
        self.records: list[Exchange] = []
        self._recorded = asyncio.Event()

    def route(self, exchange: Exchange) -> Decision:
        self.routed.append(exchange)
        return self.decision(exchange) if callable(self.decision) else self.decision

    def finished(self, exchange: Exchange) -> None:
        self.records.append(exchange)
        self._recorded.set()

    async def record(self, number: int = 1) -> Exchange:
        """The number-th record (from 1), once it is there."""
        while len(self.records) < number:
            self._recorded.clear()
            await asyncio.wait_for(self._recorded.wait(), 10)
        return self.records[number - 1]


class Client:
    """A raw connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)

    async def exactly(self, size: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(size), 10)

    async def response(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, fields by lower-case name, body by Content-Length or chunks."""
        lines = (await self.head())[:-4].split(b"\r\n")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(b": ")
            fields[name.lower()] = value
        body = b""
        if b"content-length" in fields:
            body = await self.exactly(int(fields[b"content-length"]))
        elif fields.get(b"transfer-encoding") == b"chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += (await self.exactly(size + 2))[:-2]
            await self.reader.readuntil(b"\r\n")
        return int(lines[0].split(b" ")[1]), fields, body

    async def closed(self) -> bytes:
        """Whatever comes until the proxy closes."""
        try:
            return await asyncio.wait_for(self.reader.read(), 10)
        except ConnectionResetError:
            return b"<reset>"

    async def get(self, target: bytes = b"/", fields: bytes = b"") -> tuple[int, dict[bytes, bytes], bytes]:
        self.send(b"GET " + target + b" HTTP/1.1\r\nHost: lb.example\r\n" + fields + b"\r\n")
        return await self.response()


@dataclass
class Target:
    """A scripted server; the script is called per connection and the connection closes when it returns."""

    upstream: Upstream
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


@dataclass
class Proxy:
    """An engine with one listener."""

    engine: ProxyEngine
    listener: Listener
    router: RecordingRouter
    port: int

    async def client(self) -> Client:
        return Client(*await asyncio.open_connection("127.0.0.1", self.port))

    def advance(self, seconds: float) -> None:
        self.engine.wheel.advance(seconds)


def listening_socket() -> socket.socket:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    return listening


async def dial(upstream: Upstream) -> socket.socket:
    connected = socket.socket()
    connected.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connected, (upstream.address, upstream.port))
    return connected


@asynccontextmanager
async def target(script: Script, protocol: ProtocolVersion = ProtocolVersion.HTTP1) -> AsyncIterator[Target]:
    """A target whose every connection runs the script."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = listening_socket()
    port = listening.getsockname()[1]
    made = Target(Upstream("127.0.0.1", port, dial, protocol=protocol))
    server = await asyncio.start_server(serve, sock=listening)
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def proxy(
    decision: Decision | Target | Callable[[Exchange], Decision], settings: ListenerSettings | None = None
) -> AsyncIterator[Proxy]:
    """A running proxy; a Target means forwarding to it."""
    engine = ProxyEngine(asyncio.get_running_loop(), lambda: NOW)
    router = RecordingRouter(Forward(decision.upstream) if isinstance(decision, Target) else decision)
    listener = Listener(router, settings or ListenerSettings())
    listening = listening_socket()
    await engine.serve(listening, listener)
    try:
        yield Proxy(engine, listener, router, listening.getsockname()[1])
    finally:
        await engine.close()
        await asyncio.sleep(0)


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """(head, body) of one request at a target."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    if b"content-length: " in lower:
        size = int(lower.split(b"content-length: ")[1].split(b"\r\n")[0])
        return head, await reader.readexactly(size)
    if b"transfer-encoding: chunked" in lower:
        return head, await reader.readuntil(b"0\r\n\r\n")
    return head, b""


def answering(*answers: bytes) -> Script:
    """A script that answers the requests of a connection one after another, the last answer for ever."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            await read_request(reader)
            writer.write(answers[min(number, len(answers) - 1)])
            number += 1

    return script


def echoing(seen: list[bytes]) -> Script:
    """A script that keeps every request's head and answers with its body."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            seen.append(head)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    return script


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
