"""HTTP/2 clients, in front of HTTP/1.1 and HTTP/2 targets."""

import asyncio
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from tests.unit.http.h2_client import H2Client
from tests.unit.http.harness import OK, answering, echoing, proxy, read_request, target

from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.routing import Fail, ListenerSettings, Respond
from cloudarium.substrate.http.upstream import ProtocolVersion

TRAILERS = [(b"grpc-status", b"0")]


async def h2_target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Echoes each request's body, its fields in `x-seen`, with trailers."""
    connection: Any = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    heads: dict[int, list[tuple[bytes, bytes]]] = {}
    bodies: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}

    def pump() -> None:
        for number in list(waiting):
            while waiting[number]:
                size = min(connection.local_flow_control_window(number), 16384, len(waiting[number]))
                if not size:
                    break
                connection.send_data(number, waiting[number][:size])
                waiting[number] = waiting[number][size:]
            if not waiting[number]:
                del waiting[number]
                connection.send_headers(number, TRAILERS, end_stream=True)

    while data := await reader.read(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                heads[event.stream_id] = event.headers
                bodies[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                seen = b";".join(n + b"=" + v for n, v in heads[event.stream_id])
                connection.send_headers(event.stream_id, [(b":status", b"200"), (b"x-seen", seen)])
                waiting[event.stream_id] = bodies[event.stream_id]
        pump()
        writer.write(connection.data_to_send())


async def test_h2_to_h1() -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        answer = await client.answer(client.request(b"/a?b", fields=[(b"cookie", b"a=1"), (b"cookie", b"b=2")]))
        assert answer.status == 200 and answer.fields[b"content-length"] == b"0"
        number = client.request(b"/up", b"POST", [(b"content-length", b"5")], end=False)
        client.data(number, b"hello", end=True)
        assert (await client.answer(number)).body == b"hello"
        record = await p.router.record()
        assert (record.version, record.elb_status, record.path, record.query) == (20, 200, b"/a", b"b")
        await client.close()
    assert seen[0].startswith(b"GET /a?b HTTP/1.1\r\nX-Forwarded-For: 127.0.0.1\r\n")
    assert b"Host: lb.example\r\n" in seen[0] and b"cookie: a=1; b=2\r\n" in seen[0]
    assert t.connections == 1


async def test_h2_body_without_length_is_chunked_for_h1() -> None:
    bodies = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, body = await read_request(reader)
        bodies.append((head, body))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
        await reader.read()

    async with target(script) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        number = client.request(b"/", b"POST", end=False)
        client.data(number, b"abc")
        client.data(number, b"de", end=True)
        answer = await client.answer(number)
        assert (answer.body, answer.trailers) == (b"hello", [(b"x-sum", b"1")])
        await client.close()
    head, body = bodies[0]
    assert b"Transfer-Encoding: chunked\r\n" in head and body.endswith(b"0\r\n\r\n") and b"abc" in body


@pytest.mark.parametrize("protocol", [ProtocolVersion.HTTP2, ProtocolVersion.GRPC])
async def test_h2_to_h2_with_trailers(protocol: ProtocolVersion) -> None:
    async with target(h2_target, protocol) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        numbers = []
        for n in range(20):
            fields = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
            number = client.request(b"/svc/%d" % n, b"POST", fields, end=False)
            client.data(number, b"x" * n, end=True)
            numbers.append(number)
        for n, number in enumerate(numbers):
            answer = await client.answer(number)
            assert (answer.status, answer.body, answer.trailers) == (200, b"x" * n, TRAILERS)
        shown = answer.fields[b"x-seen"]
        for part in (b":path=/svc/19", b":authority=lb.example", b"te=trailers", b"x-forwarded-for=127.0.0.1"):
            assert part in shown
        assert t.connections == 1 and t.upstream.active == 0
        await client.close()


async def test_large_bodies_both_ways_respect_the_windows() -> None:
    size = 3_000_000
    async with target(h2_target, ProtocolVersion.HTTP2) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        number = client.request(b"/", b"POST", end=False)
        sent = 0
        while sent < size:
            window = min(client.connection.local_flow_control_window(number), 16384, size - sent)
            if window:
                client.data(number, bytes(window))
                sent += window
            else:
                await asyncio.sleep(0.001)
        client.data(number, b"", end=True)
        assert len((await client.answer(number)).body) == size
        await client.close()


async def test_a_client_that_does_not_read_holds_the_target_back() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n")
        for _ in range(80):
            writer.write(bytes(100_000))
            await writer.drain()

    async with target(script) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        client.hold = True
        number = client.request()
        await asyncio.sleep(0.3)
        held = next(iter(p.engine.connections)).sender.streams[number].size
        assert 0 < held < 1_000_000
        client.hold = False
        answer = client.answers[number]
        client.connection.acknowledge_received_data(len(answer.body), number)
        client.flush()
        assert len((await client.answer(number)).body) == 8_000_000
        await client.close()


async def test_protocol_mismatches_are_464() -> None:
    async with target(answering(OK), ProtocolVersion.GRPC) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        assert (await client.answer(client.request())).status == 464
        t.upstream.protocol = ProtocolVersion.HTTP1
        number = client.request(b"/", b"POST", [(b"content-type", b"application/grpc")])
        assert (await client.answer(number)).status == 464
        await client.close()


async def test_own_answers_and_faults() -> None:
    async with proxy(Fail(503)) as p:
        client = await H2Client.connect(p.port)
        answer = await client.answer(client.request())
        assert answer.status == 503 and answer.fields[b"server"] == b"awselb/2.0" and b"<html>" in answer.body
        answer = await client.answer(client.request(method=b"HEAD"))
        assert answer.status == 503 and answer.body == b""
        assert (await client.answer(client.request(method=b"TRACE"))).status == 405
        await client.close()


async def test_h2_target_that_speaks_h1_is_502() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with target(script, ProtocolVersion.HTTP2) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        assert (await client.answer(client.request())).status == 502
        await client.close()


async def test_client_reset_is_460_and_rapid_resets_end_the_connection() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with target(script) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        for _ in range(200):
            number = client.request()
            client.connection.reset_stream(number)
            client.flush()
        await asyncio.wait_for(client.closed.wait(), 10)
        assert client.goodbye == 11  # ENHANCE_YOUR_CALM
        record = await p.router.record()
        assert (record.elb_status, record.fault) == (460, Fault.CLIENT_CLOSED)
        assert len(p.router.records) <= 140 and t.upstream.active == 0
        await client.close()


async def test_drain_finishes_what_began() -> None:
    go = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await go.wait()
        writer.write(OK)
        await writer.drain()

    async with target(script) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        number = client.request()
        while not p.router.routed:
            await asyncio.sleep(0)
        p.engine.drain()
        go.set()
        await asyncio.wait_for(client.closed.wait(), 10)
        assert client.goodbye == 0 and len(p.router.records) == 1
        assert p.router.records[0].elb_status == 200
        assert number in client.answers
        await client.close()


async def test_timeouts() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with target(script) as t, proxy(t) as p:
        client = await H2Client.connect(p.port)
        number = client.request()
        while not t.connections:
            await asyncio.sleep(0)
        p.advance(61)
        assert (await client.answer(number)).status == 504
        p.advance(61)
        p.advance(61)
        await asyncio.wait_for(client.closed.wait(), 10)
        await client.close()


async def test_http2_can_be_switched_off() -> None:
    async with proxy(Respond(200), ListenerSettings(http2=False)) as p:
        client = await p.client()
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert (await client.response())[0] == 505


async def test_garbage_after_the_preface_ends_the_connection() -> None:
    async with proxy(Respond(200)) as p:
        client = await p.client()
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 200)
        await client.closed()
        assert not p.engine.connections
