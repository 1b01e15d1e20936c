"""Targets and clients that misbehave: each cause gets its status, costs little, and loses nothing else."""

import asyncio
import socket
import struct

import pytest
from tests.unit.http.harness import OK, answering, proxy, read_request, target

from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.routing import Forward, Respond
from cloudarium.substrate.http.upstream import Upstream


def resetting(after: bytes) -> object:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if after:
            writer.write(after)
            await writer.drain()
            await asyncio.sleep(0.05)
        own: socket.socket = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return script


def closing(after: bytes) -> object:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(after)
        await writer.drain()

    return script


@pytest.mark.parametrize(
    ("script", "status", "fault"),
    [
        (resetting(b""), 502, Fault.TARGET_RESET),
        (closing(b""), 502, Fault.TARGET_CLOSED),
        (closing(b"HTTP/1.1 200"), 502, Fault.TARGET_CLOSED),
        (closing(b"garbage\r\n\r\n"), 502, Fault.RESPONSE_MALFORMED),
        (closing(b"SSH-2.0-OpenSSH\n"), 502, Fault.RESPONSE_MALFORMED),
        (closing(b"HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n"), 502, Fault.RESPONSE_MALFORMED),
        (closing(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), 502, Fault.RESPONSE_MALFORMED),
        (closing(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), 502, Fault.RESPONSE_MALFORMED),
        (closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 502, Fault.RESPONSE_MALFORMED),
        (closing(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 40000), 502, Fault.RESPONSE_HEADER_TOO_LARGE),
    ],
)
async def test_target_without_a_usable_response(script: object, status: int, fault: Fault) -> None:
    async with target(script) as t, proxy(t) as p:  # type: ignore[arg-type]
        client = await p.client()
        answered, fields, body = await client.get()
        record = await p.router.record()
        assert (answered, record.elb_status, record.target_status, record.fault) == (status, status, 0, fault)
        assert body.startswith(b"<html>") and fields[b"connection"] == b"keep-alive"
        assert t.upstream.active == 0 and not t.upstream.idle
        assert (await client.get())[0] == status  # the client's connection lives on


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (closing(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), Fault.RESPONSE_BODY_INCOMPLETE),
        (resetting(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), Fault.RESPONSE_BODY_INCOMPLETE),
        (closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), Fault.RESPONSE_BODY_INCOMPLETE),
    ],
)
async def test_target_that_sends_less_than_promised(script: object, fault: Fault) -> None:
    async with target(script) as t, proxy(t) as p:  # type: ignore[arg-type]
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200 OK" in await client.head()
        await client.closed()
        record = await p.router.record()
        assert (record.elb_status, record.target_status, record.fault) == (200, 200, fault)


async def test_target_that_sends_more_than_promised() -> None:
    async with target(answering(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstolen")) as t, proxy(t) as p:
        client = await p.client()
        for _ in range(3):
            assert (await client.get())[2] == b"ok"
        assert t.connections == 3


async def test_target_that_speaks_unasked_loses_its_connection() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(OK)
        await reader.read()

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        await client.get()
        while t.upstream.idle:
            await asyncio.sleep(0.01)
        assert (await client.get())[2] == b"ok" and t.connections == 2


async def test_target_that_hangs_is_504() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while not t.connections:
            await asyncio.sleep(0)
        p.advance(59)
        assert not p.router.records
        p.advance(2)
        assert (await client.response())[0] == 504
        assert (await p.router.record()).fault is Fault.TARGET_TIMEOUT


async def test_a_flood_of_informational_responses_is_passed_on() -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n" * 5000

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(interim + OK)
        await reader.read()

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await client.exactly(len(interim)) == interim
        assert (await client.response())[2] == b"ok"


async def test_target_that_stops_within_its_body() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await reader.read()

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.head()
        p.advance(61)
        assert await client.closed() in (b"abc", b"<reset>")
        assert (await p.router.record()).fault is Fault.RESPONSE_BODY_TIMEOUT


@pytest.mark.parametrize(
    ("error", "status", "fault"),
    [
        (ConnectionRefusedError(), 502, Fault.CONNECT_REFUSED),
        (TimeoutError(), 504, Fault.CONNECT_TIMEOUT),
        (OSError(113, "No route to host"), 502, Fault.CONNECT_UNREACHABLE),
    ],
)
async def test_dial_failures(error: OSError, status: int, fault: Fault) -> None:
    async def dial(upstream: Upstream) -> socket.socket:
        raise error

    upstream = Upstream("127.0.0.1", 1, dial)
    async with proxy(Forward(upstream)) as p:
        assert (await (await p.client()).get())[0] == status
        record = await p.router.record()
        assert record.fault is fault and record.sent_at == -1 and upstream.connect_errors == 1


async def test_stale_pooled_connection_is_replaced_once() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)  # takes the second request, answers it not

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        assert (await client.get())[0] == 200
        assert (await client.get())[0] == 200
        record = await p.router.record(2)
        assert record.retried and t.connections == 2
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert (await client.response())[0] == 502  # not idempotent: not sent twice
        assert not (await p.router.record(3)).retried


async def test_pooled_connections_age() -> None:
    async with target(answering(OK)) as t, proxy(t) as p:
        await (await p.client()).get()
        assert len(t.upstream.idle) == 1
        p.advance(t.upstream.idle_timeout + 1)
        assert not t.upstream.idle


async def test_closed_upstream_keeps_no_connection() -> None:
    async with target(answering(OK)) as t, proxy(t) as p:
        client = await p.client()
        await client.get()
        t.upstream.close()
        assert not t.upstream.idle
        await client.get()
        assert not t.upstream.idle


async def test_slow_head_is_408() -> None:
    async with proxy(Respond(200)) as p:
        client = await p.client()
        for n in range(3):
            client.send(b"GET / HTTP/1.1\r\nX: " if n == 0 else b"a")
            await asyncio.sleep(0.01)
            p.advance(25)  # pieces do not extend the time
        assert (await client.response())[0] == 408
        assert await client.closed() == b""


async def test_idle_client_is_closed_silently() -> None:
    async with proxy(Respond(200)) as p:
        client = await p.client()
        await client.get()
        p.advance(61)
        assert await client.closed() == b""
        assert len(p.router.records) == 1


async def test_slow_body_is_408() -> None:
    async with target(answering(OK)) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        while not t.connections:
            await asyncio.sleep(0)
        p.advance(61)
        assert (await client.response())[0] == 408
        assert (await p.router.record()).fault is Fault.REQUEST_TIMEOUT


async def test_malformed_chunk_is_400() -> None:
    async with target(answering(OK)) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert (await client.response())[0] == 400
        assert (await p.router.record()).fault is Fault.BAD_REQUEST_BODY
        assert not t.upstream.idle


async def test_early_answer_discards_the_rest_and_goes_on() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc")
        assert (await client.response())[0] == 403
        client.send(b"x" * 99997)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        assert (await client.response())[0] == 403
        assert t.connections == 2


async def test_client_gone_while_dialing() -> None:
    dialing, go = asyncio.Event(), asyncio.Event()
    async with target(answering(OK)) as t:
        plain = t.upstream.dial

        async def dial(upstream: Upstream) -> socket.socket:
            dialing.set()
            await go.wait()
            return await plain(upstream)

        t.upstream.dial = dial
        async with proxy(t) as p:
            client = await p.client()
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await dialing.wait()
            client.writer.close()
            assert (await p.router.record()).elb_status == 460
            go.set()
            while not t.upstream.idle:
                await asyncio.sleep(0.01)
            assert (await (await p.client()).get())[0] == 200 and t.connections == 1
