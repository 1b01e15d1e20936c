"""Bodies larger than memory should see, tunnels, and connections passed between processes."""

import asyncio
import socket

import pytest
from tests.unit.http.harness import OK, Client, Proxy, answering, proxy, read_request, target

from cloudarium.substrate.http.engine import SharedPort
from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.routing import Listener, Respond

MEGABYTE = bytes(1024 * 1024)


def buffered(p: Proxy) -> int:
    """Bytes that the proxy holds in its own memory for clients and targets."""
    size = 0
    for connection in p.engine.connections:
        size += connection._transport.get_write_buffer_size() + len(connection._buffer)
        if connection._upstream is not None:
            size += connection._upstream._transport.get_write_buffer_size()
    return size


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0.002)


async def test_download_waits_for_a_slow_reader() -> None:
    size = 64

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size * len(MEGABYTE)))
        for _ in range(size):
            writer.write(MEGABYTE)
            await writer.drain()

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.writer.transport.pause_reading()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await settle()
        assert 0 < buffered(p) < 1024 * 1024
        client.writer.transport.resume_reading()
        await client.head()
        received = 0
        while received < size * len(MEGABYTE):
            received += len(await client.reader.read(1 << 20))
            assert buffered(p) < 1024 * 1024
        assert (await p.router.record()).fault is None


async def upload(client: Client, megabytes: int) -> None:
    for _ in range(megabytes):
        client.send(MEGABYTE)
        await client.writer.drain()


async def test_upload_waits_for_a_slow_target() -> None:
    go = asyncio.Event()
    size = 64

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await go.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        received = 0
        while received < size * len(MEGABYTE):
            received += len(await reader.read(1 << 20))
        writer.write(OK)

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (size * len(MEGABYTE)))

        task = asyncio.create_task(upload(client, size))
        await settle()
        assert not task.done() and 0 < buffered(p) < 1024 * 1024
        go.set()
        assert (await client.response())[2] == b"ok"
        await task
        record = await p.router.record()
        assert record.received_bytes > size * len(MEGABYTE)


async def test_a_target_that_takes_no_more_of_the_body_is_504() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(3600)

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (99 * len(MEGABYTE)))
        uploading = asyncio.create_task(upload(client, 99))
        await settle()
        p.advance(61)
        assert (await p.router.record()).fault is Fault.TARGET_TIMEOUT
        uploading.cancel()


async def test_body_sent_before_the_target_is_connected() -> None:
    go = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await read_request(reader)
        assert body == MEGABYTE
        writer.write(OK)
        await writer.drain()

    async with target(script) as t:
        plain = t.upstream.dial

        async def dial(upstream: object) -> socket.socket:
            await go.wait()
            return await plain(t.upstream)

        t.upstream.dial = dial
        async with proxy(t) as p:
            client = await p.client()
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(MEGABYTE) + MEGABYTE)
            await settle()
            assert buffered(p) < len(MEGABYTE) // 2
            go.set()
            assert (await client.response())[2] == b"ok"


UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def test_websocket_becomes_a_tunnel() -> None:
    heads = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(SWITCHED + b"hello")
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.write(b"bye")
        await writer.drain()

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(UPGRADE + b"early")
        assert await client.head() == SWITCHED
        assert await client.exactly(10) == b"helloEARLY"
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await client.exactly(18) == b"GET / HTTP/1.1\r\n\r\n"
        client.writer.write_eof()
        assert await client.closed() == b"bye"
        record = await p.router.record()
        assert record.upgraded and record.elb_status == 101 and record.fault is None
        assert record.sent_bytes == len(SWITCHED) + 10 + 18 + 3
        assert t.upstream.active == 0 and not t.upstream.idle
    assert b"Connection: upgrade\r\nUpgrade: websocket\r\n" in heads[0]


async def test_upgrade_that_the_target_declines() -> None:
    async with target(answering(OK)) as t, proxy(t) as p:
        client = await p.client()
        client.send(UPGRADE)
        assert (await client.response())[2] == b"ok"
        assert (await client.get())[2] == b"ok"
        assert not (await p.router.record()).upgraded


@pytest.mark.parametrize("protocol", [b"h2c", b"tcp", b"websocket, h2c"])
async def test_upgrades_to_anything_but_websocket_are_not_passed_on(protocol: bytes) -> None:
    heads = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(OK)

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % protocol)
        assert (await client.response())[2] == b"ok"
    assert b"pgrade" not in heads[0]


async def test_idle_tunnel_ends() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(SWITCHED)
        await reader.read()

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(UPGRADE)
        await client.head()
        p.advance(61)
        assert await client.closed() in (b"", b"<reset>")
        assert (await p.router.record()).fault is Fault.TUNNEL_IDLE


async def test_what_was_read_before_an_adoption_comes_first() -> None:
    async with proxy(Respond(200, [], b"answer")) as p:
        near, far = socket.socketpair()
        far.setblocking(False)
        loop = asyncio.get_running_loop()
        # There already, so that the loop may deliver it before the adopting task goes on.
        await loop.sock_sendall(far, b"GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await p.engine.adopt(near, b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", listener=p.listener)
        received = b""
        while data := await loop.sock_recv(far, 1000):
            received += data
        assert received.count(b"answer") == 2
        assert [(await p.router.record(number)).path for number in (1, 2)] == [b"/1", b"/2"]
        far.close()


async def test_adopted_connection_changes_listener_by_host_and_leaves() -> None:
    handed: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    async with proxy(Respond(200, [], b"one")) as p:
        second = Listener(type(p.router)(Respond(200, [], b"two")))
        hosts = {b"one": p.listener, b"two": second}
        shared = SharedPort(hosts.get, lambda descriptor, unread: handed.put_nowait((descriptor, unread)))
        near, far = socket.socketpair()
        await p.engine.adopt(near, b"GET / HTTP/1.1\r\nHost: one\r\n\r\nGET /", listener=shared)
        far.setblocking(False)
        loop = asyncio.get_running_loop()
        assert (await loop.sock_recv(far, 1000)).endswith(b"one")
        await loop.sock_sendall(far, b" HTTP/1.1\r\nHost: two\r\n\r\n")
        assert (await loop.sock_recv(far, 1000)).endswith(b"two")
        assert (p.listener.counters.connections_open, second.counters.connections_open) == (0, 1)
        await loop.sock_sendall(far, b"GET / HTTP/1.1\r\nHost: api\r\n\r\n")
        descriptor, unread = await asyncio.wait_for(handed.get(), 10)
        assert unread == b"GET / HTTP/1.1\r\nHost: api\r\n\r\n"
        socket.socket(fileno=descriptor).close()
        assert await loop.sock_recv(far, 1000) == b""
        assert second.counters.connections_open == 0
        far.close()
