"""The proxy over real sockets: what a client and a target see of each other."""

import asyncio

import pytest
from tests.unit.http.harness import NOW, OK, answering, echoing, proxy, read_request, target

from cloudarium.substrate.http.desync import DesyncMode
from cloudarium.substrate.http.exchange import Exchange
from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.routing import (
    Blackhole,
    Decision,
    Fail,
    Forward,
    ForwardedForMode,
    ListenerSettings,
    Reset,
    Respond,
)
from cloudarium.substrate.http.upstream import Upstream


def fields_of(head: bytes) -> dict[bytes, bytes]:
    lines = head[:-4].split(b"\r\n")[1:]
    return {line.partition(b": ")[0]: line.partition(b": ")[2] for line in lines}


async def test_request_is_rewritten_as_aws_does() -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t) as p:
        client = await p.client()
        fields = b"User-Agent: x\r\nKeep-Alive: 5\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
        fields += b"X-Forwarded-For: 9.9.9.9\r\n"
        status, _, _ = await client.get(b"/a?b=c", fields)
    assert status == 200
    lines = seen[0][:-4].split(b"\r\n")
    assert lines[:5] == [
        b"GET /a?b=c HTTP/1.1",
        b"X-Forwarded-For: 9.9.9.9, 127.0.0.1",
        b"X-Forwarded-Proto: http",
        b"X-Forwarded-Port: 80",
        b"Host: lb.example",
    ]
    assert lines[5].startswith(b"X-Amzn-Trace-Id: Root=1-%08x-" % int(NOW)) and len(lines[5]) == 17 + 5 + 2 + 9 + 24
    assert lines[6:] == [b"User-Agent: x"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"Root=1-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb", rb"Self=1-\w{8}-\w{24};Root=1-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb"),
        (b"Root=1-a-b;CalledFrom=app", rb"Self=1-\w{8}-\w{24};Root=1-a-b;CalledFrom=app"),
        (b"Self=1-x-y;Root=1-a-b", rb"Self=1-\w{8}-\w{24};Root=1-a-b"),
        (b"CalledFrom=app", rb"Root=1-\w{8}-\w{24};CalledFrom=app"),
    ],
)
async def test_trace_id_of_the_client_is_kept(sent: bytes, expected: bytes) -> None:
    import re

    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t) as p:
        await (await p.client()).get(b"/", b"X-Amzn-Trace-Id: " + sent + b"\r\n")
        record = await p.router.record()
    assert re.fullmatch(expected, fields_of(seen[0])[b"X-Amzn-Trace-Id"])
    assert record.trace_id == fields_of(seen[0])[b"X-Amzn-Trace-Id"]


@pytest.mark.parametrize(
    ("settings", "sent", "expected"),
    [
        (ListenerSettings(forwarded_for=ForwardedForMode.PRESERVE), b"X-Forwarded-For: 9.9.9.9\r\n", b"9.9.9.9"),
        (ListenerSettings(forwarded_for=ForwardedForMode.PRESERVE), b"", None),
        (ListenerSettings(forwarded_for=ForwardedForMode.REMOVE), b"X-Forwarded-For: 9.9.9.9\r\n", None),
        (
            ListenerSettings(),
            b"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n",
            b"1.1.1.1, 2.2.2.2, 127.0.0.1",
        ),
    ],
)
async def test_forwarded_for_modes(settings: ListenerSettings, sent: bytes, expected: bytes | None) -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t, settings) as p:
        await (await p.client()).get(b"/", sent)
    assert fields_of(seen[0]).get(b"X-Forwarded-For") == expected
    assert fields_of(seen[0])[b"X-Forwarded-Proto"] == b"http"


async def test_client_port_and_host_port_and_invalid_fields() -> None:
    seen: list[bytes] = []
    settings = ListenerSettings(port=8443, forwarded_client_port=True, drop_invalid_fields=True)
    async with target(echoing(seen)) as t, proxy(t, settings) as p:
        client = await p.client()
        own = client.writer.get_extra_info("sockname")[1]
        await client.get(b"/", b"X_Invalid: 1\r\nX-Valid: 1\r\n")
        p.listener.settings = ListenerSettings(port=8443, preserve_host=True)
        await client.get(b"/", b"X_Invalid: 1\r\nX-Valid: 1\r\n")
    first, second = map(fields_of, seen)
    assert first[b"X-Forwarded-For"] == b"127.0.0.1:%d" % own
    assert first[b"Host"] == b"lb.example:8443" and b"X_Invalid" not in first and first[b"X-Valid"] == b"1"
    assert second[b"Host"] == b"lb.example" and second[b"X_Invalid"] == b"1"


async def test_dropping_invalid_fields_hides_nothing() -> None:
    """Neither that some were dropped nor what else is wrong with the request."""
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t, ListenerSettings(drop_invalid_fields=True)) as p:
        client = await p.client()
        await client.get(b"/", b"X-Valid: 1\r\n")
        await client.get(b"/", b"X_Invalid: 1\r\n")
        status, _, _ = await client.get(b"/", b"X_Invalid: 1\r\nX-Valid: a\x00b\r\n")
        assert status == 400 and len(seen) == 2
        records = p.router.records
        assert [record.invalid_dropped for record in records[:2]] == [False, True]
        assert records[2].classification_reason == "BadHeader"


async def test_keep_alive_pools_one_connection() -> None:
    async with target(answering(OK)) as t, proxy(t) as p:
        client = await p.client()
        for _ in range(5):
            status, _, body = await client.get()
            assert (status, body) == (200, b"ok")
        other = await p.client()
        assert (await other.get())[0] == 200
        assert t.connections == 1 and t.upstream.active == 0 and len(t.upstream.idle) == 1


async def test_pipelined_requests_are_answered_in_order() -> None:
    async def route_target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            answer = head.split(b" ")[1] + b"|" + body
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))

    def decide(exchange: Exchange) -> Decision:
        return Respond(200, [], b"fixed") if exchange.path == b"/fixed" else Forward(t.upstream)

    async with target(route_target) as t, proxy(decide) as p:
        client = await p.client()
        burst = b"".join(
            b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" % n
            + b"GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n" * 3
            for n in range(20)
        )
        client.send(burst)
        for n in range(20):
            assert (await client.response())[2] == b"/%d|abc" % n
            for _ in range(3):
                assert (await client.response())[2] == b"fixed"


async def test_thousands_of_pipelined_fixed_responses_do_not_recurse() -> None:
    async with proxy(Respond(200, [], b"x")) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 5000)
        for _ in range(5000):
            assert (await client.response())[2] == b"x"


async def test_bytes_one_at_a_time() -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t) as p:
        client = await p.client()
        for byte in b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.response())[2] == b"3\r\nabc\r\n0\r\n\r\n"


async def test_chunked_response_with_trailers_passes() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
    async with target(answering(answer)) as t, proxy(t) as p:
        client = await p.client()
        for _ in range(2):
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await client.exactly(len(answer)) == answer
        assert t.connections == 1


async def test_http_1_0_client_gets_plain_bytes_and_a_close() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n wo\r\n0\r\n\r\n"
    async with target(answering(answer)) as t, proxy(t, ListenerSettings(dns_name="lb.example")) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"Connection: close" in head and b"chunked" not in head
        assert await client.closed() == b"hello wo"


async def test_response_until_close_is_chunked_for_http_1_1() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await writer.drain()

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        for _ in range(2):
            status, fields, body = await client.get()
            assert (status, body, fields[b"transfer-encoding"]) == (200, b"hello", b"chunked")


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"),
    ],
)
async def test_responses_without_body(method: bytes, answer: bytes) -> None:
    async with target(answering(answer)) as t, proxy(t) as p:
        client = await p.client()
        for _ in range(3):
            client.send(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = await client.head()
            assert head.split(b" ")[1] == answer.split(b" ")[1]
        assert t.connections == 1


async def test_expect_is_answered_by_the_load_balancer() -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc")
        assert (await client.response())[2] == b"abc"
    assert b"Expect" not in fields_of(seen[0])


async def test_informational_responses_pass_but_100_does_not() -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK
    async with target(answering(answer)) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await client.head() == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        assert (await client.response())[2] == b"ok"


async def test_the_balancers_own_answers_look_like_aws() -> None:
    page = b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
    async with proxy(Fail(503)) as p:
        status, fields, body = await (await p.client()).get()
    assert status == 503 and body.startswith(page[:21])
    assert list(fields) == [b"server", b"date", b"content-type", b"content-length", b"connection"]
    assert fields[b"server"] == b"awselb/2.0" and fields[b"content-type"] == b"text/html"


async def test_redirect_and_head_of_a_fixed_response() -> None:
    async with proxy(Respond(301, [(b"Location", b"https://a/")], b"moved")) as p:
        client = await p.client()
        client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"Content-Length: 5" in await client.head()
        assert (await client.response())[1][b"location"] == b"https://a/"


async def test_fixed_response_to_a_body_leaves_the_connection_usable() -> None:
    async with proxy(Respond(200, [], b"x")) as p:
        client = await p.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        assert (await client.response())[2] == b"x"
        client.send(b"cde" + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.response())[2] == b"x"
        assert len(p.router.records) == 2


async def test_reset_and_blackhole() -> None:
    async with proxy(Reset()) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await client.closed() == b"<reset>"
        assert (await p.router.record()).elb_status == 0
    async with proxy(Blackhole()) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while not p.router.routed:
            await asyncio.sleep(0)
        p.advance(100)
        assert await client.closed() in (b"", b"<reset>")
        assert (await p.router.record()).elb_status == 0


async def test_response_fields_of_the_decision() -> None:
    async with target(answering(b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nok")) as t:
        seen = []

        def on_response(exchange: Exchange, head: object) -> bytes:
            seen.append((exchange, head))
            return b"Set-Cookie: b\r\n"

        decision = Forward(
            t.upstream,
            request_fields=b"X-Extra: 1\r\n",
            host=b"other",
            response_fields=b"Set-Cookie: a\r\n",
            dropped_response_fields=frozenset({b"server"}),
            on_response=on_response,
        )
        async with proxy(decision) as p:
            client = await p.client()
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = await client.head()
    assert head.count(b"Set-Cookie: ") == 2 and b"Server" not in head and len(seen) == 1


async def test_record_of_an_exchange() -> None:
    async with target(answering(OK)) as t, proxy(t) as p:
        request = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        client = await p.client()
        client.send(request)
        await client.response()
        record = await p.router.record()
    assert (record.elb_status, record.target_status, record.fault) == (200, 200, None)
    assert (record.received_bytes, record.sent_bytes) == (len(request), len(OK))
    assert record.upstream is t.upstream and record.finished_at == NOW
    assert (record.request_processing_time, record.target_processing_time, record.response_processing_time) == (0, 0, 0)


async def test_client_gone_is_460() -> None:
    got = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        got.set()
        assert await reader.read() == b""

    async with target(script) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await got.wait()
        client.writer.close()
        record = await p.router.record()
        assert (record.elb_status, record.target_status, record.fault) == (460, 0, Fault.CLIENT_CLOSED)
        assert t.upstream.active == 0 and not t.upstream.idle


async def test_client_gone_within_its_body_is_400() -> None:
    async with target(answering(OK)) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        while not t.connections:
            await asyncio.sleep(0)
        client.writer.close()
        record = await p.router.record()
        assert (record.elb_status, record.fault) == (400, Fault.REQUEST_BODY_INCOMPLETE)


async def test_half_closing_client_is_served_where_allowed() -> None:
    async with target(answering(OK)) as t, proxy(t, ListenerSettings(half_close=True)) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.writer.write_eof()
        assert (await client.response())[2] == b"ok"
        assert await client.closed() == b""


@pytest.mark.parametrize(
    ("head", "status", "fault"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400, Fault.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, Fault.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, Fault.BAD_REQUEST),
        (b"GET nonsense HTTP/1.1\r\nHost: a\r\n\r\n", 400, Fault.BAD_REQUEST),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400, Fault.BAD_REQUEST),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, Fault.METHOD_NOT_ALLOWED),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, Fault.VERSION_NOT_SUPPORTED),
        (b"GET /" + b"a" * 17000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, Fault.REQUEST_LINE_TOO_LARGE),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 17000 + b"\r\n\r\n", 400, Fault.HEADER_TOO_LARGE),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, None),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, Fault.DESYNC),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + b"1.1.1.1," * 30 + b"1.1.1.1\r\n\r\n", 463, None),
    ],
)
async def test_bad_requests_are_answered_recorded_and_closed(head: bytes, status: int, fault: Fault | None) -> None:
    async with proxy(Respond(200)) as p:
        client = await p.client()
        client.send(head + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.response())[0] == status
        assert await client.closed() in (b"", b"<reset>")
        record = await p.router.record()
        assert record.elb_status == status and (fault is None or record.fault is fault)
        assert len(p.router.records) == 1 and not p.router.routed


async def test_ambiguous_requests_are_isolated_by_default_and_refused_when_strict() -> None:
    seen: list[bytes] = []
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    async with target(echoing(seen)) as t, proxy(t) as p:
        client = await p.client()
        client.send(request + smuggled)
        assert (await client.response())[0] == 200
        assert await client.closed() in (b"", b"<reset>")
        record = await p.router.record()
        assert (record.tier.label, record.classification_reason) == ("Ambiguous", "BothTeClPresent")
        assert not t.upstream.idle
        p.listener.settings = ListenerSettings(desync=DesyncMode.STRICTEST)
        client = await p.client()
        client.send(request)
        assert (await client.response())[0] == 400
    fields = fields_of(seen[0])
    assert len(seen) == 1 and b"Content-Length" not in fields and fields[b"Transfer-Encoding"] == b"chunked"


async def test_absolute_form() -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\nGET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [(await client.response())[0] for _ in range(2)] == [200, 400]
    assert seen[0].startswith(b"GET /x?y HTTP/1.1\r\n")


async def test_router_is_swapped_whole() -> None:
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await release.wait()
        writer.write(OK)
        await writer.drain()

    async with target(slow) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while not p.router.routed:
            await asyncio.sleep(0)
        old = p.router
        p.listener.router = type(old)(Respond(200, [], b"new"))
        assert (await (await p.client()).get())[2] == b"new"
        release.set()
        assert (await client.response())[2] == b"ok"
        assert (await old.record()).target_status == 200


async def test_draining_says_close_and_closes_the_idle() -> None:
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await release.wait()
        writer.write(OK)
        await writer.drain()

    async with target(slow) as t, proxy(t) as p:
        idle, busy = await p.client(), await p.client()
        busy.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while not p.router.routed:
            await asyncio.sleep(0)
        p.engine.drain(p.listener)
        assert await idle.closed() == b""
        release.set()
        head = await busy.head()
        assert b"Connection: close" in head
        assert await busy.closed() == b"ok"


async def test_client_keep_alive_ends() -> None:
    async with proxy(Respond(200), ListenerSettings(client_keep_alive=100, idle_timeout=1000)) as p:
        client = await p.client()
        assert (await client.get())[1][b"connection"] == b"keep-alive"
        p.advance(101)
        assert (await client.get())[1][b"connection"] == b"close"
        assert await client.closed() == b""


async def test_settings_of_a_target_with_another_protocol_is_464() -> None:
    from cloudarium.substrate.http.upstream import ProtocolVersion

    async def dial(upstream: Upstream) -> object:
        raise AssertionError

    up = Upstream("127.0.0.1", 1, dial, protocol=ProtocolVersion.GRPC)  # type: ignore[arg-type]
    async with proxy(Forward(up)) as p:
        assert (await (await p.client()).get())[0] == 464


async def test_empty_line_before_a_request_is_ignored() -> None:
    async with proxy(Respond(200, [], b"x")) as p:
        client = await p.client()
        client.send(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [(await client.response())[2] for _ in range(2)] == [b"x", b"x"]
