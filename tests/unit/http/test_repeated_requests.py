"""Requests that come again byte for byte take a short way, and plain ones are counted by the engine: all as before."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.http.harness import OK, answering, echoing, proxy, read_request, target

from cloudarium.substrate.http.exchange import Exchange
from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.routing import Decision, Forward, ListenerSettings, Tally

TRACE = re.compile(rb"1-[0-9a-f]{8}-[0-9a-f]{24}")
REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: b\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: a\r\nX_Odd: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678;Sampled=1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\r\n",
    b"GET http://a/y HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(REQUESTS), min_size=2, max_size=12), st.booleans())
async def test_a_target_sees_the_same_whatever_came_before(requests: list[bytes], tallied: bool) -> None:
    together: list[bytes] = []
    alone: list[bytes] = []
    async with target(echoing(together)) as t:
        decision = Forward(t.upstream, tally=Tally() if tallied else None)
        async with proxy(decision) as p:
            client = await p.client()
            for request in requests:
                client.send(request)
                status, _, _ = await client.response() if not request.startswith(b"HEAD") else (await _head(client))
                assert status == 200
    async with target(echoing(alone)) as t, proxy(t) as p:
        for request in requests:
            client = await p.client()
            client.send(request)
            await client.head()
            client.writer.close()
    assert [TRACE.sub(b"?", head) for head in together] == [TRACE.sub(b"?", head) for head in alone]
    own = [head.split(b"Root=")[1][:35] for head in together if b"Sampled" not in head]
    assert len(set(own)) == len(own), "each request has a trace id of its own"


async def _head(client: Any) -> tuple[int, dict[bytes, bytes], bytes]:
    head = await client.head()
    return int(head.split(b" ")[1]), {}, b""


async def test_new_settings_hold_for_a_request_that_comes_again() -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t, proxy(t) as p:
        client = await p.client()
        for _ in range(3):
            assert (await client.get())[0] == 200
        p.listener.settings = ListenerSettings(port=8080)
        for _ in range(3):
            assert (await client.get())[0] == 200
    ports = [head.split(b"X-Forwarded-Port: ")[1].split(b"\r\n")[0] for head in seen]
    assert ports == [b"80"] * 3 + [b"8080"] * 3
    assert [b"Host: lb.example:8080" in head for head in seen] == [False] * 3 + [True] * 3


async def test_what_a_router_changes_of_a_request_that_comes_again_is_sent() -> None:
    seen: list[bytes] = []
    async with target(echoing(seen)) as t:

        def decide(exchange: Exchange) -> Decision:
            number = len(p.router.routed)
            if number == 4:
                exchange.target = b"/rewritten"
            fields = b"X-More: 1\r\n" if number == 5 else b""
            return Forward(t.upstream, host=b"other" if number == 6 else None, request_fields=fields)

        async with proxy(decide) as p:
            client = await p.client()
            for _ in range(7):
                assert (await client.get(b"/page"))[0] == 200
    lines = [head.split(b" ")[1] for head in seen]
    assert lines == [b"/page"] * 3 + [b"/rewritten"] + [b"/page"] * 3
    assert [b"X-More: 1" in head for head in seen] == [number == 5 for number in range(1, 8)]
    assert [b"Host: other" in head for head in seen] == [number == 6 for number in range(1, 8)]


@pytest.mark.parametrize(
    ("request_", "answers", "tallied"),
    [
        (REQUESTS[0], OK, True),
        (REQUESTS[3], OK, True),
        (REQUESTS[0], b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", True),
        (REQUESTS[5], OK, True),
        (REQUESTS[0], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
        (REQUESTS[6], OK, False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA\x80: 1\r\n\r\n", OK, False),
    ],
)
async def test_exchanges_that_end_well_are_tallied_and_the_others_recorded(
    request_: bytes, answers: bytes, tallied: bool
) -> None:
    tally = Tally()
    status = int(answers.split(b" ")[1])
    async with target(answering(answers)) as t, proxy(Forward(t.upstream, tally=tally)) as p:
        client = await p.client()
        size = 0
        for _ in range(3):
            client.send(request_)
            assert (await client.response())[0] == status
            size += len(request_) + len(answers)
    assert len(p.router.records) == (0 if tallied else 3)
    assert {(key[0], key[1]): times for key, times in tally.answers.items()} == ({(None, status): 3} if tallied else {})
    assert tally.bytes == (size if tallied else 0)
    assert t.upstream.active == 0


async def test_times_are_tallied_in_hundredths_then_tenths_of_a_millisecond() -> None:
    tally = Tally()
    now = 1_700_000_000.0
    seconds = [0.0, 0.000123, 0.000992, 0.001441, 0.001461, 2.5]
    left = list(seconds)

    async def script(reader: Any, writer: Any) -> None:
        nonlocal now
        while True:
            await read_request(reader)
            now += left.pop(0)
            writer.write(OK)

    async with target(script) as t, proxy(Forward(t.upstream, tally=tally)) as p:
        p.engine.now = lambda: now
        client = await p.client()
        for _ in seconds:
            await client.get()
    assert [key[2] for key in tally.answers] == [0, 12, 99, 140, 150, 250_000]


async def test_a_plain_request_that_fails_is_recorded() -> None:
    tally = Tally()

    async def script(reader: Any, writer: Any) -> None:
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)
        writer.write(b"garbage\r\n\r\n")

    async with target(script) as t, proxy(Forward(t.upstream, tally=tally)) as p:
        client = await p.client()
        assert [(await client.get())[0] for _ in range(2)] == [200, 502]
        assert [record.fault for record in p.router.records] == [Fault.RESPONSE_MALFORMED]
    assert sum(tally.answers.values()) == 1


async def test_a_connection_that_drains_ends_after_a_request_that_came_again() -> None:
    async with target(answering(OK)) as t, proxy(Forward(t.upstream, tally=Tally())) as p:
        client = await p.client()
        for _ in range(3):
            await client.get()
        p.engine.drain()
        assert await client.closed() == b""
