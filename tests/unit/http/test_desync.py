"""Desync mitigation: how requests are classified, and what each mode does with each class.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#desync-mitigation-mode
"""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from tests.unit.http.harness import NOW, Client, RecordingRouter, Script, echoing, proxy, read_request, target

from cloudarium.substrate.http.desync import DesyncMode, Tier
from cloudarium.substrate.http.exchange import ConnectionInfo, Exchange
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.forwarding import Prepared
from cloudarium.substrate.http.framing import CHUNKED
from cloudarium.substrate.http.inspection import Refused, inspect
from cloudarium.substrate.http.request_framing import RequestFraming
from cloudarium.substrate.http.request_reader import RequestReader
from cloudarium.substrate.http.routing import Listener, ListenerSettings, Respond

MONITOR, DEFENSIVE, STRICTEST = DesyncMode.MONITOR, DesyncMode.DEFENSIVE, DesyncMode.STRICTEST
COMPLIANT, ACCEPTABLE, AMBIGUOUS, SEVERE = Tier
INFO = ConnectionInfo(("192.0.2.1", 1000), ("192.0.2.2", 80), NOW)

POST = b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n"
LINE = b"%b\r\nHost: a\r\n\r\n"

CLASSES: list[tuple[bytes, Tier, str]] = [
    (GET % b"", COMPLIANT, "Compliant"),
    (POST % b"Content-Length: 5\r\n", COMPLIANT, "Compliant"),
    (POST % b"Content-Length: 18446744073709551615\r\n", COMPLIANT, "Compliant"),
    (POST % b"Transfer-Encoding: chunked\r\n", COMPLIANT, "Compliant"),
    (POST % b"Transfer-Encoding: identity, Chunked\r\n", COMPLIANT, "Compliant"),
    (POST % b"X-Content-Length-Hint: 5\r\n", COMPLIANT, "Compliant"),
    (POST % b"Content-Length2: 5\r\n", COMPLIANT, "Compliant"),
    (GET % b"Content-Type: a/b;\r\n c=d\r\n\te: f\r\n", COMPLIANT, "Compliant"),
    (LINE % b"GET /%09%20%0d HTTP/1.1", COMPLIANT, "Compliant"),
    (LINE % "GET /café HTTP/1.0".encode(), COMPLIANT, "Compliant"),
    # Acceptable
    (GET % b"X-Header: caf\xc3\xa9\r\n", ACCEPTABLE, "NonCompliantHeader"),
    (GET % b"X-Header: a\x01\r\n", ACCEPTABLE, "NonCompliantHeader"),
    (GET % b"X-Header : a\r\n", ACCEPTABLE, "NonCompliantHeader"),
    (GET % b"X(Header): a\r\n", ACCEPTABLE, "NonCompliantHeader"),
    (GET % b"Content-Type: a;\r\n \x01b\r\n", ACCEPTABLE, "NonCompliantHeader"),
    (GET % b"Content-Length: 0\r\n", ACCEPTABLE, "GetHeadZeroContentLength"),
    (LINE % b"GET /a b HTTP/1.1", ACCEPTABLE, "SpaceInUri"),
    (LINE % b"GET /a HTTP/1.1 HTTP/1.1", ACCEPTABLE, "SpaceInUri"),
    (LINE % b"GET /a HTTP/1.2", ACCEPTABLE, "NonCompliantVersion"),
    (LINE % b"GET /a HTTP/1.1 \t", ACCEPTABLE, "NonCompliantVersion"),
    (LINE % b"GET /a HTTP/0.9", ACCEPTABLE, "NonCompliantVersion"),
    (LINE % b"GET /a", ACCEPTABLE, "NonCompliantVersion"),
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", ACCEPTABLE, "NonCrLfLineTermination"),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n", ACCEPTABLE, "NonCrLfLineTermination"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\n", ACCEPTABLE, "NonCrLfLineTermination"),
    (b"GET / HTTP/1.1\nHost: a\nX: \xff\n\n", ACCEPTABLE, "NonCrLfLineTermination"),
    # Ambiguous
    (LINE % b"GET /a\tb HTTP/1.1", AMBIGUOUS, "AmbiguousUri"),
    (LINE % b"GET /a\x7f HTTP/1.1", AMBIGUOUS, "AmbiguousUri"),
    (GET % b": a\r\n", AMBIGUOUS, "EmptyHeader"),
    (GET % b":X: a\r\n", AMBIGUOUS, "EmptyHeader"),
    (GET % b" \t: a\r\n", AMBIGUOUS, "EmptyHeader"),
    (GET % b"   \r\n", AMBIGUOUS, "EmptyHeader"),
    (GET % b" folded\r\n", AMBIGUOUS, "MultilineHeader"),
    (GET % b"Transfer_Encoding: chunked\r\n folded\r\n", SEVERE, "BadTransferEncoding"),
    (GET % b"X: Y\r\n Content-Length: 10\r\n", AMBIGUOUS, "MultilineHeader"),
    (b"GET / HTTP/1.1\r\n GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", AMBIGUOUS, "MultilineHeader"),
    (GET % b"X-Header\r\n", AMBIGUOUS, "MissingHeaderColon"),
    (GET % b"Content-Length: 3\r\n", AMBIGUOUS, "UndefinedContentLengthSemantics"),
    (POST.replace(b"1.1", b"0.9") % b"Content-Length: 3\r\n", AMBIGUOUS, "UndefinedContentLengthSemantics"),
    (GET % b"Transfer-Encoding: chunked\r\n", AMBIGUOUS, "UndefinedTransferEncodingSemantics"),
    (GET.replace(b"GET", b"HEAD") % b"Transfer-Encoding: chunked\r\n", AMBIGUOUS, "UndefinedTransferEncodingSemantics"),
    (POST.replace(b"1.1", b"1.0") % b"Transfer-Encoding: chunked\r\n", AMBIGUOUS, "UndefinedTransferEncodingSemantics"),
    (POST.replace(b"1.1", b"1.0") % b"Transfer-Encoding: x\r\n", AMBIGUOUS, "UndefinedTransferEncodingSemantics"),
    (POST % b"Content-Length: 5\r\nContent-Length: 5\r\n", AMBIGUOUS, "DuplicateContentLength"),
    (POST % b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", AMBIGUOUS, "BothTeClPresent"),
    (POST % b"Content-Length: 5\r\nTransfer-Encoding: identity\r\n", AMBIGUOUS, "BothTeClPresent"),
    (POST % b"Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", AMBIGUOUS, "BothTeClPresent"),
    *[
        (POST % (b"%b: chunked\r\n" % name), AMBIGUOUS, "SuspiciousHeader")
        for name in (
            b"Transfer-Encoding ",
            b"Transfer-Encoding\t",
            b"\x01Transfer-Encoding",
            b"Transfer- Encoding",
            b"Transfer_Encoding",
            b"Transfer---Encoding",
            b"Transfer-Encoding x",
            b"Transfer-Encoding \x01",
            b"Transfer-Encoding\x88",
            "Tranſfer-Encoding".encode(),
            "Transfer-Encodıng".encode(),
            "Transfer―Encoding".encode(),
        )
    ],
    (POST % b"Content_Length: 5\r\n", AMBIGUOUS, "SuspiciousHeader"),
    (POST % b"\xa0Content-Length: 5\r\n", AMBIGUOUS, "SuspiciousHeader"),
    (POST % b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", AMBIGUOUS, "SuspiciousHeader"),
    # Severe
    (GET % b"X-Header: a\x00b\r\n", SEVERE, "BadHeader"),
    (GET % b"\x00X-Header: a\r\n", SEVERE, "BadHeader"),
    (GET % b"X-Header: a\rContent-Length: 5\r\n", SEVERE, "BadHeader"),
    (GET % b"\rContent-Length: 10\r\n", SEVERE, "BadHeader"),
    (GET % b"Content-Type: a;\r\n \x00GET /smuggled HTTP/1.1\r\n", SEVERE, "BadHeader"),
    (LINE % b"GET /a\x00b HTTP/1.1", SEVERE, "BadUri"),
    (LINE % b"GET /a\rb HTTP/1.1", SEVERE, "BadUri"),
    (LINE % b"G\x01T /a HTTP/1.1", SEVERE, "BadMethod"),
    (LINE % b"GET /a HTTP/1.1x", SEVERE, "BadVersion"),
    (LINE % b"GET /a HTTP/0.8", SEVERE, "BadVersion"),
    (LINE % "GET /a HTTP/1.1 абра".encode(), SEVERE, "BadVersion"),
    (POST % b"Content-Length: 5\r\nContent-Length: 6\r\n", SEVERE, "MultipleContentLength"),
    (POST % b"Content-Length : 5\r\nContent-Length: 6\r\n", SEVERE, "MultipleContentLength"),
    (POST % b"Content-Length: 5\r\nContent_Length: 6\r\n", SEVERE, "MultipleContentLength"),
    (POST % b"X: Y\r\n Content-Length: 10\r\nContent-Length: 100\r\n", SEVERE, "MultipleContentLength"),
    *[
        (POST % (b"Content-Length: %b\r\n" % value), SEVERE, "BadContentLength")
        for value in (b"5,5", b"5 5", b"5.5", b"+5", b"-5", b"0x5", b"5\x11", b"\xa05", b"", b"18446744073709551616")
    ],
    (POST % b"Content-Length:\r\n 5\r\n", SEVERE, "BadContentLength"),
    *[
        (POST % (b"Transfer-Encoding: %b\r\n" % value), SEVERE, "BadTransferEncoding")
        for value in (b"xchunked", b"\x0bchunked", b"chunked\x0c", b"chunked, identity", b"x-gzip, chunked", b"")
    ],
    (POST % b"Transfer-Encoding\r\n", SEVERE, "BadTransferEncoding"),
    (POST % b"Transfer_Encoding: xchunked\r\n", SEVERE, "BadTransferEncoding"),
    (POST % b"Transfer-Encoding: chunked, chunked\r\n", SEVERE, "MultipleTransferEncodingChunked"),
    (POST % (b"Transfer-Encoding: chunked\r\n" * 2), SEVERE, "MultipleTransferEncodingChunked"),
    (
        POST % b"Transfer-Encoding : chunked\r\nTransfer-Encoding: chunked\r\n",
        SEVERE,
        "MultipleTransferEncodingChunked",
    ),
    # Several at once: the most severe, and of these the first in http-desync-guardian's order.
    (POST % b"X: \x12\r\nContent-Length: 5\x11\r\n", SEVERE, "BadContentLength"),
    (
        b"GET /\t HTTP/1.1\r\nHost: a\r\nX: \x01\r\nContent-Length: 9\r\n\r\n",
        AMBIGUOUS,
        "UndefinedContentLengthSemantics",
    ),
    (
        b"POST /\t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nContent-Length: $\r\n\r\n",
        SEVERE,
        "BadTransferEncoding",
    ),
    (POST % b"Transfer_Encoding: chunked\r\n: a\r\n", AMBIGUOUS, "EmptyHeader"),
]


def inspected(head: bytes, mode: DesyncMode = MONITOR) -> tuple[Exchange, RequestFraming | Fault]:
    """A request's record before it is routed, and how it is framed or why it is refused."""
    settings = ListenerSettings(desync=mode)
    reader = RequestReader(forgiving=True)
    assert reader.read(head + b"GET / HTTP/1.1\r\n", 0) == len(head)
    prepared = Prepared(reader.headers, INFO, settings, reader.block)
    router = RecordingRouter(Respond(200))
    version = 10 + reader.minor
    listener = Listener(router, settings)
    exchange = Exchange(INFO, listener, router, reader.method, reader.target, version, prepared.headers, NOW)
    try:
        return exchange, inspect(exchange, reader, prepared, settings)
    except Refused as refusal:
        return exchange, refusal.fault


@pytest.mark.parametrize(("head", "tier", "reason"), CLASSES)
def test_requests_are_classified(head: bytes, tier: Tier, reason: str) -> None:
    exchange, _ = inspected(head)
    assert (exchange.tier, exchange.classification_reason) == (tier, reason)


@pytest.mark.parametrize("mode", DesyncMode)
@pytest.mark.parametrize(("head", "tier", "reason"), CLASSES)
def test_each_mode_allows_what_aws_says(mode: DesyncMode, head: bytes, tier: Tier, reason: str) -> None:
    exchange, outcome = inspected(head, mode)
    assert (exchange.tier, exchange.classification_reason) == (tier, reason), "in every mode"
    blocked = tier > {MONITOR: SEVERE, DEFENSIVE: AMBIGUOUS, STRICTEST: COMPLIANT}[mode]
    if blocked:
        assert outcome is Fault.DESYNC
    elif isinstance(outcome, Fault):
        no_number = reason == "BadContentLength"
        assert outcome is (Fault.BAD_REQUEST if no_number else Fault.TRANSFER_ENCODING_NOT_SUPPORTED)
    else:
        isolated = tier >= (SEVERE if mode is MONITOR else AMBIGUOUS) or exchange.version == 9
        assert outcome.isolate is isolated
        assert outcome.as_received is (mode is MONITOR and tier >= AMBIGUOUS)
        assert exchange.closes_target is outcome.closes_target


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
        (b"Content-Length: nine\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
        (b"Transfer-Encoding: chunked, chunked\r\n", CHUNKED),
        (b"Transfer-Encoding: chunked, identity\r\n", CHUNKED),
        (b"Transfer-Encoding:\r\n chunked\r\n", CHUNKED),
        (b"Content-Length: 5\r\nTransfer-Encoding: identity\r\n", 5),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", 5),
        (b"Content-Length: nine\r\nContent-Length: 6\r\n", 6),
        (b"Content-Length: 5, 5\r\n", 5),
        (b"Content-Length: 5, 6\r\nContent-Length: 7\r\n", 7),
        (b"Content-Length: 000000000000000000000005\r\n", 5),
        (b"Transfer_Encoding: xchunked\r\nContent-Length: 5\r\n", 5),
        (b"Transfer_Encoding: xchunked\r\n", 0),
        (b"Content-Length : 5\r\n", 0),
        (b"X: a\rContent-Length: 5\r\n", 0),
        (b"X: Y\r\n Content-Length: 10\r\n", 0),
        (b"Content-Length: 5, 6\r\n", Fault.BAD_REQUEST),
        (b"Content-Length: 5 5\r\n", Fault.BAD_REQUEST),
        (b"Content-Length: +5\r\n", Fault.BAD_REQUEST),
        (b"Content-Length: nine\r\nTransfer-Encoding: identity\r\n", Fault.BAD_REQUEST),
        (b"Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n", Fault.TRANSFER_ENCODING_NOT_SUPPORTED),
        (b"Transfer-Encoding: gzip, chunked\r\n", Fault.TRANSFER_ENCODING_NOT_SUPPORTED),
    ],
)
def test_where_a_request_ends_that_monitor_lets_pass(fields: bytes, length: int | Fault) -> None:
    _, outcome = inspected(POST % fields)
    assert outcome == length if isinstance(length, Fault) else cast(RequestFraming, outcome).length == length


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (b"GET HTTP/1.1", (AMBIGUOUS, "MissingUri")),
        (b"GET  HTTP/1.1", (AMBIGUOUS, "MissingUri")),
        (b"GET_/_HTTP/1.1", (SEVERE, "BadMethod")),
        (b"GET", (AMBIGUOUS, "MissingUri")),
        (b"GET\t/\tHTTP/1.1", (SEVERE, "BadMethod")),
    ],
)
def test_without_a_target_there_is_nothing_to_route(line: bytes, verdict: tuple[Tier, str]) -> None:
    with pytest.raises(ProtocolError) as raised:
        RequestReader(forgiving=True).read(line + b"\r\n", 0)
    assert raised.value.status == 400 and raised.value.verdict == verdict


# --- through the proxy

BOTH = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
TWO = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 40\r\n\r\nabc"
ODD = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: caf\xc3\xa9\r\n\r\nabc"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("mode", "request_", "status", "client_closed", "target_closed"),
    [
        (MONITOR, ODD, 200, False, False),
        (MONITOR, BOTH, 200, False, True),
        (MONITOR, TWO, 200, True, True),
        (DEFENSIVE, ODD, 200, False, False),
        (DEFENSIVE, BOTH, 200, True, True),
        (DEFENSIVE, TWO, 400, True, None),
        (STRICTEST, ODD, 400, True, None),
        (STRICTEST, BOTH, 400, True, None),
        (STRICTEST, TWO, 400, True, None),
    ],
)
async def test_connections_are_closed_as_the_mode_has_it(
    mode: DesyncMode, request_: bytes, status: int, client_closed: bool, target_closed: bool | None
) -> None:
    seen: list[bytes] = []
    async with target(_first_length(seen)) as t, proxy(t, ListenerSettings(desync=mode)) as p:
        client = await p.client()
        client.send(request_ + NEXT)
        assert (await client.response())[0] == status
        if client_closed:
            assert await client.closed() in (b"", b"<reset>")
        else:
            assert (await client.response())[0] == 200
        record = await p.router.record()
        assert record.elb_status == status
        assert record.fault is (Fault.DESYNC if status == 400 else None)
        assert len(p.router.records) == (1 if client_closed else 2)
        forwarded = [head.split(b" ")[1] for head in seen]
        assert forwarded == ([b"/x"] if status == 200 else []) + ([] if client_closed else [b"/next"])
        if target_closed is not None:
            assert t.connections == (2 if target_closed and not client_closed else 1)
            assert (b"Connection: close\r\n" in seen[0]) is target_closed
            assert len(t.upstream.idle) == (0 if client_closed else 1)


def _first_length(seen: list[bytes]) -> Script:
    """A target that goes by the first framing field, and answers as often as it can."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            seen.append(head)
            lower = head.lower()
            if b"transfer-encoding: chunked" in lower:
                await reader.readuntil(b"0\r\n\r\n")
            elif b"content-length: " in lower:
                await reader.readexactly(int(lower.split(b"content-length: ")[1].split(b"\r\n")[0]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    return script


@pytest.mark.parametrize("mode", [MONITOR, DEFENSIVE])
async def test_a_target_that_sees_a_second_request_answers_it_to_nobody(mode: DesyncMode) -> None:
    """The classic: for us it is chunked, for the target the Content-Length counts, and holds a request to come."""
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    seen: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            got = await reader.readuntil(b"\r\n\r\n")
            seen.append(got.split(b" ")[1])
            if b"Content-Length: 4" in got:
                await reader.readexactly(4)
            elif b"chunked" in got:
                await reader.readuntil(b"0\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(seen[-1]), seen[-1]))

    async with target(script) as t, proxy(t, ListenerSettings(desync=mode)) as p:
        client = await p.client()
        client.send(head + chunks)
        assert (await client.response())[2] == b"/x"
        other = await p.client()
        for number in range(3):
            assert (await other.get(b"/%d" % number))[2] == b"/%d" % number
    assert seen[0] == b"/x" and (b"/smuggled" in seen) is (mode is MONITOR)


LINES = b"\r\n".join(
    [
        b"Content-Length: 3",
        b": nameless",
        b"nothing",
        b"X-Folded: a",
        b"\t b",
        b"Transfer-Encoding : identity",
        b"Content-Length: 3",
        b"Transfer_Encoding: identity",
        b"Connection: X-Hop, Content-Length",
        b"X-Hop: 1",
        b"X-Last:  c ",
        b"",
    ]
)


async def test_monitor_passes_lines_on_as_received_and_defensive_what_they_mean() -> None:
    request = b"POST / HTTP/1.1\r\n first\r\nHost: a\r\n" + LINES + b"\r\nabc"
    seen: list[bytes] = []
    for mode in (MONITOR, DEFENSIVE):
        async with target(_first_length(seen)) as t, proxy(t, ListenerSettings(desync=mode)) as p:
            client = await p.client()
            client.send(request)
            assert (await client.response())[0] == 200
            record = await p.router.record()
            assert (record.tier, record.classification_reason) == (AMBIGUOUS, "MultilineHeader")
            assert record.headers.get(b"x-folded") == b"a b"
    monitor, defensive = (head.split(b"X-Amzn-Trace-Id: ")[1].split(b"\r\n")[1:-2] for head in seen)
    assert monitor == [
        b" first",
        b"Content-Length: 3",
        b": nameless",
        b"nothing",
        b"X-Folded: a",
        b"\t b",
        b"Transfer-Encoding : identity",
        b"Content-Length: 3",
        b"Transfer_Encoding: identity",
        b"X-Last:  c ",
        b"Connection: close",
    ]
    assert defensive == [
        b"X-Folded: a b",
        b"Transfer_Encoding: identity",
        b"X-Last: c",
        b"Content-Length: 3",
        b"Connection: close",
    ]


async def test_lines_that_end_with_lf_alone_go_on_with_crlf() -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t) as p:
        client = await p.client()
        client.send(b"POST / HTTP/1.1\nHost: a\nX: 1\r\nContent-Length: 3\n\nabc" + NEXT)
        assert [(await client.response())[2] for _ in range(2)] == [b"abc", b""]
        assert (await p.router.record()).classification_reason == "NonCrLfLineTermination"
    assert b"\r\nX: 1\r\nContent-Length: 3\r\n\r\n" in seen[0]
    assert all(head.count(b"\n") == head.count(b"\r\n") for head in seen)


@pytest.mark.parametrize("cut", range(1, 40))
async def test_a_head_with_odd_ends_is_found_however_it_is_split(cut: int) -> None:
    head = b"POST / HTTP/1.1\nHost: a\r\nX: 1\n 2\n\n"
    reader = RequestReader(forgiving=True)
    if cut < len(head):
        assert reader.read(head[:cut], 0) == 0
    assert reader.read(head + b"X\r\n\r\n", 0) == len(head)
    assert reader.headers.items == [(b"Host", b"a"), (b"X", b"1 2")]


async def test_http_0_9_is_served_once_and_logged() -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t) as p:
        for request in (b"GET /old\r\nHost: a\r\n\r\n", b"GET /old HTTP/0.9\r\nConnection: keep-alive\r\n\r\n"):
            client = await p.client()
            client.send(request + NEXT)
            assert (await client.response())[0] == 200
            assert await client.closed() in (b"", b"<reset>")
        record = await p.router.record(2)
        assert (record.version, record.classification_reason) == (9, "NonCompliantVersion")
    assert [head.split(b"\r\n")[0] for head in seen] == [b"GET /old HTTP/1.1"] * 2


@pytest.mark.parametrize("mode", [MONITOR, DEFENSIVE])
async def test_an_ambiguous_request_becomes_a_tunnel_only_where_it_is_not_isolated(mode: DesyncMode) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        upgrades = b"Connection: upgrade\r\nUpgrade: websocket\r\n" in head
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" if upgrades else b"HTTP/1.1 426 No\r\n\r\n")
        await reader.read()

    async with target(script) as t, proxy(t, ListenerSettings(desync=mode)) as p:
        client = await p.client()
        client.send(GET % b"Content_Length: 1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 101" if mode is MONITOR else b"HTTP/1.1 426")
        assert not t.upstream.idle
        client.writer.close()


@pytest.mark.parametrize("drop", [True, False])
async def test_dropping_invalid_fields_does_not_change_the_class(drop: bool) -> None:
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent_Length: 4\r\n: a\r\nX: 1\r\n 2\r\n\r\nabc"
    seen: list[bytes] = []
    settings = ListenerSettings(desync=MONITOR, drop_invalid_fields=drop)
    async with target(_first_length(seen)) as t, proxy(t, settings) as p:
        client = await p.client()
        client.send(request)
        assert (await client.response())[0] == 200
        record = await p.router.record()
        assert (record.tier, record.classification_reason) == (SEVERE, "MultipleContentLength")
    assert b"\r\nX: 1\r\n 2\r\n" in seen[0] and b"\r\nContent-Length: 3\r\n" in seen[0]
    assert (b"Content_Length" in seen[0]) is (b"\r\n: a\r\n" in seen[0]) is not drop


@pytest.mark.parametrize("mode", DesyncMode)
async def test_where_a_body_is_no_chunks_nothing_helps(mode: DesyncMode) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async with target(script) as t, proxy(t, ListenerSettings(desync=mode)) as p:
        client = await p.client()
        client.send(POST % b"Transfer-Encoding: chunked\r\n" + b"five\r\nhello\r\n0\r\n\r\n" + NEXT)
        assert (await client.response())[0] == 400
        assert await client.closed() in (b"", b"<reset>")
        assert (await p.router.record()).fault is Fault.BAD_REQUEST_BODY


async def test_a_class_is_kept_of_requests_that_are_refused_for_their_line() -> None:
    async with proxy(Respond(200), ListenerSettings(desync=MONITOR)) as p:
        client: Client = await p.client()
        client.send(b"GET HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.response())[0] == 400
        record = await p.router.record()
        assert (record.tier, record.classification_reason) == (AMBIGUOUS, "MissingUri")


async def test_a_client_that_speaks_tls_is_refused_before_its_line_ends() -> None:
    """It never will: the client waits for an answer. No mode can let it pass."""
    async with target(_first_length([])) as t, proxy(t, ListenerSettings(desync=MONITOR)) as p:
        client = await p.client()
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert (await client.response())[0] == 400
        assert await client.closed() in (b"", b"<reset>")
        record = await p.router.record()
        assert (record.elb_status, record.tier) == (400, SEVERE)
