"""HTTP/2 from hostile clients: any bytes end in answers or in the right error; nothing raises or piles up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import h2.errors
import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.http.h2_frames import FUZZ, SIZES, Wire, frame, headers, raw, rendered, run, split, turns
from tests.unit.http.harness import NOW, RecordingRouter

from cloudarium.substrate.http.downstream_h2 import PREFACE, STREAMS_LIMIT, DownstreamH2
from cloudarium.substrate.http.engine import ProxyEngine
from cloudarium.substrate.http.exchange import ConnectionInfo
from cloudarium.substrate.http.routing import Blackhole, Decision, Fail, Listener, ListenerSettings, Reset, Respond

_HELD = 3 * 1024 * 1024
"""Bytes that one connection may make us hold: its receive windows and some answers."""
DECISIONS = st.sampled_from([Respond(200, [], b"hello" * 9000), Respond(200, [], b""), Fail(404), Reset()])


class Client:
    """A hostile client's connection to the engine."""

    def __init__(self, decision: Decision, *, reads: bool = True) -> None:
        self.engine = ProxyEngine(asyncio.get_running_loop(), lambda: NOW)
        self.router = RecordingRouter(decision)
        self.listener = Listener(self.router, ListenerSettings())
        self.listener.counters.connections_open += 1
        info = ConnectionInfo(("192.0.2.1", 5), ("10.0.0.1", 80), NOW)
        self.protocol = DownstreamH2(self.engine, self.listener, info)
        self.wire = Wire(reads=reads)
        self.wire.attach(self.protocol)
        self.hpack = hpack.Encoder()

    async def feed(self, data: bytes, sizes: list[int] | None = None) -> None:
        for piece in split(data, sizes or [1 << 20]):
            if self.wire.is_closing():
                break
            self.protocol.data_received(piece)
            await asyncio.sleep(0)
            assert self.held() < _HELD
        await turns()

    def held(self) -> int:
        assert len(self.protocol.streams) <= STREAMS_LIMIT + 1
        early = sum(len(piece) for stream in self.protocol.streams.values() for piece in stream._early)
        return early + sum(out.size for out in self.protocol.sender.streams.values())

    def head(self, number: int, *, end: bool = True, **more: str) -> bytes:
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", "lb"), (":path", "/"), *more.items()]
        return headers(number, self.hpack.encode(fields), end=end)

    async def finish(self) -> None:
        """The client goes away: nothing of it is left."""
        self.wire.close()
        await turns()
        assert not self.engine.connections and not self.engine.wheel.watched and not self.protocol.streams
        assert self.listener.counters.connections_open == 0
        assert len(self.router.records) == len({id(record) for record in self.router.records})
        await self.engine.close()


@FUZZ
@given(st.lists(frame(), max_size=20), SIZES, DECISIONS, st.booleans(), st.randoms(use_true_random=False))
def test_frames_of_a_client(
    listed: list[Any], sizes: list[int], decision: Decision, reads: bool, chance: random.Random
) -> None:
    async def work() -> None:
        client = Client(decision, reads=reads)
        data = bytearray(PREFACE + raw(4, 0, 0, b"") + rendered(listed, client.hpack))
        for _ in range(chance.choice([0, 0, 1, 5])):
            data[chance.randrange(len(PREFACE), len(data))] = chance.randrange(256)
        await client.feed(bytes(data), sizes)
        if client.wire.is_closing() and not client.wire.aborted and not _said_goodbye(bytes(data)):
            assert client.wire.goodbye() is not None, "who is cut off is told why"
        await client.finish()

    run(work)


def _said_goodbye(data: bytes) -> bool:
    """Whether the client itself may have ended the connection (by a GOAWAY) or never began it properly."""
    position = len(PREFACE)
    while position + 9 <= len(data):
        if data[position + 3] == 7:
            return True
        position += 9 + int.from_bytes(data[position : position + 3], "big")
    return False


@FUZZ
@given(st.binary(max_size=400), SIZES)
def test_bytes_of_a_client(data: bytes, sizes: list[int]) -> None:
    async def work() -> None:
        client = Client(Respond(200, [], b"hello"))
        await client.feed(data, sizes)
        await client.finish()

    run(work)


def begun(client: Client) -> bytes:
    return PREFACE + raw(4, 0, 0, b"")


@pytest.mark.parametrize(
    ("attack", "codes"),
    [
        # A header block that never ends.
        (lambda c: headers(1, b"", whole=False) + raw(9, 0, 1, b"") * 5000, {"PROTOCOL_ERROR", "ENHANCE_YOUR_CALM"}),
        (lambda c: headers(1, b"", whole=False) + raw(9, 0, 1, b"\0" * 16000) * 200, None),
        # A header list beyond the limit we announce, of one byte each from the dynamic table.
        (lambda c: headers(1, c.hpack.encode([("a", "b" * 4000)]) + b"\xbe" * 12_000), {"ENHANCE_YOUR_CALM"}),
        # Garbage for HPACK.
        (lambda c: headers(1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"), {"PROTOCOL_ERROR", "COMPRESSION_ERROR"}),
        (lambda c: headers(1, b"\x3f\xe1\xff\xff\x07"), {"PROTOCOL_ERROR", "COMPRESSION_ERROR"}),
        # A frame longer than allowed, which is refused at its header.
        (lambda c: raw(0, 0, 1, b"x" * 20_000), {"FRAME_SIZE_ERROR"}),
        # Reset as soon as opened.
        (lambda c: b"".join(c.head(n) + raw(3, 0, n, bytes(4)) for n in range(1, 4001, 2)), {"ENHANCE_YOUR_CALM"}),
        (
            lambda c: b"".join(c.head(n, end=False) + raw(3, 0, n, bytes(4)) for n in range(1, 4001, 2)),
            {"ENHANCE_YOUR_CALM"},
        ),
        # Made to reset: a window update of nothing is a stream error, answered with RST_STREAM (CVE-2025-8671).
        (
            lambda c: b"".join(c.head(n, end=False) + raw(8, 0, n, bytes(4)) for n in range(1, 4001, 2)),
            {"ENHANCE_YOUR_CALM", "PROTOCOL_ERROR"},
        ),
        # A window beyond its greatest size.
        (lambda c: raw(8, 0, 0, b"\x7f\xff\xff\xff") * 2, {"FLOW_CONTROL_ERROR"}),
        # Padding longer than its frame; data of a stream that never was; a pushed stream; an odd preface.
        (lambda c: c.head(1, end=False) + raw(0, 8, 1, b"\xff"), {"PROTOCOL_ERROR"}),
        (lambda c: raw(0, 0, 7, b"x"), {"PROTOCOL_ERROR", "STREAM_CLOSED"}),
        (lambda c: raw(5, 4, 1, bytes(4)), {"PROTOCOL_ERROR"}),
    ],
)
def test_attacks_end_the_connection(attack: Callable[[Client], bytes], codes: set[str] | None) -> None:
    async def work() -> None:
        client = Client(Blackhole())
        await client.feed(begun(client) + attack(client), [8192])
        assert client.wire.is_closing()
        if codes is not None:
            assert client.wire.goodbye() in {int(h2.errors.ErrorCodes[code]) for code in codes}
        await client.finish()

    run(work)


@pytest.mark.parametrize(
    "flood",
    [
        lambda c: raw(6, 0, 0, bytes(8)) * 60_000,
        lambda c: raw(4, 0, 0, b"") * 60_000,
        lambda c: raw(2, 0, 1, bytes(4) + b"\x07") * 60_000,
        lambda c: c.head(1, end=False) + raw(0, 0, 1, b"") * 60_000,
        lambda c: b"".join(raw(4, 0, 0, b"\0\4" + n.to_bytes(4, "big")) for n in range(20_000)),
    ],
    ids=["pings", "settings", "priorities", "empty data", "windows"],
)
def test_floods_cost_no_memory(flood: Callable[[Client], bytes]) -> None:
    async def work() -> None:
        client = Client(Respond(200, [], b"hello"), reads=False)
        await client.feed(begun(client) + flood(client), [16384])
        assert client.wire.get_write_buffer_size() < 5 * 1024 * 1024
        await client.finish()

    run(work)


def test_answers_wait_for_windows_that_never_open() -> None:
    """All streams that may be open ask for something large, and give no window for it."""

    async def work() -> None:
        client = Client(Respond(200, [], b"x" * 10_000))
        closed = raw(4, 0, 0, b"\0\4" + bytes(4))
        asked = b"".join(client.head(n) for n in range(1, 2 * STREAMS_LIMIT, 2))
        await client.feed(PREFACE + closed + asked)
        assert not client.wire.is_closing() and len(client.router.routed) == STREAMS_LIMIT
        assert client.wire.total < 64 * 1024, "heads only"
        # More of them must not be taken while those are not done with.
        for number in range(2 * STREAMS_LIMIT + 1, 6 * STREAMS_LIMIT, 2):
            await client.feed(client.head(number))
        assert client.held() <= 10_000 * STREAMS_LIMIT
        client.engine.wheel.advance(100_000)
        client.engine.wheel.advance(100_000)
        await turns()
        assert client.wire.is_closing(), "the idle timeout ends it"
        await client.finish()

    run(work)
