"""The server for handlers, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.unit.http.harness import NOW, Client, listening_socket

from cloudarium.substrate.http.body_stream import BodyIncomplete
from cloudarium.substrate.http.server import HttpServer, Request, Response, ServerLimits

HandOn = Callable[[int, bytes], None]


@asynccontextmanager
async def serving(
    handler: Callable[[Request], Response | Awaitable[Response]],
    *,
    limits: ServerLimits | None = None,
    divert: Callable[[bytes], HandOn | None] | None = None,
    streams: Callable[[Request], bool] | None = None,
) -> AsyncIterator[tuple[HttpServer, Callable[[], Awaitable[Client]]]]:
    server = HttpServer(handler, now=lambda: NOW, limits=limits, divert=divert, streams=streams)
    listening = listening_socket()
    await server.serve(listening)
    port = listening.getsockname()[1]

    async def connect() -> Client:
        return Client(*await asyncio.open_connection("127.0.0.1", port))

    try:
        yield server, connect
    finally:
        await server.close()


def echo(request: Request) -> Response:
    return Response(200, [(b"X-Path", request.path)], request.method + b"|" + request.query + b"|" + request.body)


async def echo_later(request: Request) -> Response:
    await asyncio.sleep(0)
    return echo(request)


@pytest.mark.parametrize("handler", [echo, echo_later])
async def test_requests_are_answered_in_order(handler: Callable[[Request], Response | Awaitable[Response]]) -> None:
    async with serving(handler) as (server, connect):
        client = await connect()
        for n in range(50):
            client.send(b"POST /a?%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" % n)
            client.send(
                b"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
            )
        for n in range(50):
            assert await client.response() == (
                200,
                {
                    b"date": b"Tue, 14 Nov 2023 22:13:20 GMT",
                    b"x-path": b"/a",
                    b"content-length": b"%d" % len(b"POST|%d|abc" % n),
                },
                b"POST|%d|abc" % n,
            )
            assert (await client.response())[2] == b"POST||def"
        assert server.requests == 100


async def test_request_shows_what_came() -> None:
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        return Response(204)

    async with serving(handler) as (_, connect):
        client = await connect()
        client.send(b"GET /%41?x=1 HTTP/1.1\r\nHost: a\r\nX-Amz-Date: now\r\nX-amz-date: later\r\n\r\n")
        assert b"Content-Length" not in await client.head()
        request = seen[0]
        assert request.target == b"/%41?x=1" and request.get(b"x-amz-date") == b"now"
        assert request.headers == [(b"host", b"a"), (b"x-amz-date", b"now"), (b"x-amz-date", b"later")]
        assert request.peer == client.writer.get_extra_info("sockname")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"a" * 1000, 413),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01 and no line ends", 400),
    ],
)
async def test_bad_requests(head: bytes, status: int) -> None:
    async with serving(echo, limits=ServerLimits(body=100)) as (server, connect):
        client = await connect()
        client.send(head)
        assert (await client.response())[0] == status
        assert await client.closed() in (b"", b"<reset>")
        assert server.requests == 0


async def test_handler_that_fails_is_500() -> None:
    async def handler(request: Request) -> Response:
        raise ValueError("oops")

    async with serving(handler) as (_, connect):
        client = await connect()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.response())[0] == 500


async def test_streamed_response_and_http_1_0() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for n in range(3):
            yield b"%d" % n

    async with serving(lambda request: Response(200, [], pieces())) as (_, connect):
        client = await connect()
        for _ in range(2):
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await client.response())[2] == b"012"
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert b"chunked" not in await client.head()
        assert await client.closed() == b"012"


async def test_streamed_request_has_backpressure() -> None:
    go = asyncio.Event()
    size = 32 * 1024 * 1024

    async def handler(request: Request) -> Response:
        assert request.stream is not None
        await go.wait()
        received = 0
        async for piece in request.stream:
            received += len(piece)
        return Response(200, [], b"%d" % received)

    async with serving(handler, streams=lambda request: True) as (_, connect):
        client = await connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % size)
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"

        async def upload() -> None:
            for _ in range(32):
                client.send(bytes(1024 * 1024))
                await client.writer.drain()

        task = asyncio.create_task(upload())
        await asyncio.sleep(0.1)
        assert not task.done()
        go.set()
        assert (await client.response())[2] == b"%d" % size
        await task


async def test_streamed_request_that_ends_early() -> None:
    failed: asyncio.Queue[str] = asyncio.Queue()

    async def handler(request: Request) -> Response:
        assert request.stream is not None
        try:
            async for _ in request.stream:
                pass
        except BodyIncomplete as error:
            failed.put_nowait(str(error))
        return Response(200)

    async with serving(handler, streams=lambda request: True) as (_, connect):
        client = await connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        await client.writer.drain()
        client.writer.close()
        assert "closed" in await asyncio.wait_for(failed.get(), 10)


async def test_timeouts() -> None:
    async with serving(echo) as (server, connect):
        idle, slow = await connect(), await connect()
        slow.send(b"GET / HT")
        await asyncio.sleep(0.02)
        server.wheel.advance(40)
        assert (await slow.response())[0] == 408
        server.wheel.advance(40)
        assert await idle.closed() == b""


async def test_connection_is_diverted_and_adopted_back() -> None:
    handed: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    def divert(host: bytes) -> HandOn | None:
        return (lambda descriptor, unread: handed.put_nowait((descriptor, unread))) if host == b"lb" else None

    async with serving(echo, divert=divert) as (server, connect):
        client = await connect()
        client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: lb\r\n\r\n")
        assert (await client.response())[1][b"x-path"] == b"/1"
        descriptor, unread = await asyncio.wait_for(handed.get(), 10)
        assert unread == b"GET /2 HTTP/1.1\r\nHost: lb\r\n\r\n" and not server.connections
        await server.adopt(socket.socket(fileno=descriptor), b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.response())[1][b"x-path"] == b"/3"


async def test_a_head_that_is_refused_here_may_be_for_somebody_else() -> None:
    handed: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    def divert(host: bytes) -> HandOn | None:
        return (lambda descriptor, unread: handed.put_nowait((descriptor, unread))) if host == b"lb" else None

    async with serving(echo, divert=divert) as (_, connect):
        odd = b"GET /1 HTTP/1.1\nX: 1\n 2\nHost: %b\n\n"
        client = await connect()
        for cut in (odd[:20], odd[20:] % b"lb" + b"rest"):
            client.send(cut)
            await client.writer.drain()
        descriptor, unread = await asyncio.wait_for(handed.get(), 10)
        socket.socket(fileno=descriptor).close()
        assert unread == odd % b"lb" + b"rest"
        client = await connect()
        client.send(odd % b"a")
        assert (await client.response())[0] == 400
        assert await client.closed() == b""


async def test_what_was_read_before_an_adoption_comes_first() -> None:
    async with serving(echo) as (server, _):
        near, far = socket.socketpair()
        far.setblocking(False)
        loop = asyncio.get_running_loop()
        # There already, so that the loop may deliver it before the adopting task goes on. In order it is two requests.
        await loop.sock_sendall(far, b"t: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await server.adopt(near, b"GET /1 HTTP/1.1\r\nHos")
        received = b""
        while data := await loop.sock_recv(far, 1000):
            received += data
        assert [line for line in received.split(b"\r\n") if line.startswith(b"X-Path")] == [
            b"X-Path: /1",
            b"X-Path: /2",
        ]
        far.close()


async def test_half_closing_client_gets_its_answers() -> None:
    async with serving(echo_later) as (_, connect):
        client = await connect()
        client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
        client.writer.write_eof()
        assert (await client.response())[0] == 200
        assert await client.closed() == b""


async def test_close_lets_requests_finish() -> None:
    began = asyncio.Event()

    async def handler(request: Request) -> Response:
        began.set()
        await asyncio.sleep(0.05)
        return Response(200, [], b"done")

    async with serving(handler) as (server, connect):
        client = await connect()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await began.wait()
        await server.close(grace=10)
        status, fields, body = await client.response()
        assert (status, fields[b"connection"], body) == (200, b"close", b"done")
