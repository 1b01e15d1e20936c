"""HTTP/2 from hostile peers: any bytes end in answers or in the right error; nothing raises and nothing piles up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import h2.errors
import hpack
import pytest
from hyperframe import frame as frames
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.http.harness import NOW, RecordingRouter

from cloudarium.substrate.http.downstream_h2 import PREFACE, STREAMS_LIMIT, DownstreamH2
from cloudarium.substrate.http.engine import ProxyEngine
from cloudarium.substrate.http.exchange import ConnectionInfo
from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.heads import ResponseHead
from cloudarium.substrate.http.routing import Blackhole, Decision, Fail, Listener, ListenerSettings, Reset, Respond
from cloudarium.substrate.http.upstream import ProtocolVersion, Upstream
from cloudarium.substrate.http.upstream_h2 import UpstreamH2
from cloudarium.substrate.http.wheel import Wheel

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_HELD = 3 * 1024 * 1024
"""Bytes that one connection may make us hold: its receive windows and some answers."""


class Wire:
    """A transport whose peer reads all, or nothing."""

    def __init__(self, *, reads: bool = True) -> None:
        self.protocol: Any = None
        self.written = bytearray()
        self.total = 0
        self.reads = reads
        self._closing = False
        self.aborted = False

    def attach(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.connection_made(self)

    def write(self, data: bytes) -> None:
        self.total += len(data)
        # What a peer was told is kept; of a flood only its beginning, and what is not read yet.
        if not self.reads or len(self.written) < 1 << 20:
            self.written += data
        if not self.reads and len(self.written) > 65_536:
            self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return 0 if self.reads else len(self.written)

    def get_extra_info(self, name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def sent(self) -> list[frames.Frame]:
        """The frames that were written, as far as they can be read."""
        found, position = [], 0
        while position + 9 <= len(self.written):
            frame, length = frames.Frame.parse_frame_header(memoryview(bytes(self.written[position : position + 9])))
            frame.parse_body(memoryview(bytes(self.written[position + 9 : position + 9 + length])))
            found.append(frame)
            position += 9 + length
        return found

    def goodbye(self) -> int | None:
        """The error of the GOAWAY that was sent."""
        return next((f.error_code for f in self.sent() if isinstance(f, frames.GoAwayFrame)), None)


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


async def turns() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


def split(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, position, turn = [], 0, 0
    while position < len(data):
        size = max(1, sizes[turn % len(sizes)])
        pieces.append(data[position : position + size])
        position, turn = position + size, turn + 1
    return pieces


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """On a loop of its own; what the loop itself would only log is a failure too."""
    problems: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        await work()

    asyncio.run(main())
    assert not problems, problems


# -- frames ------------------------------------------------------------------------------------------------------------


def headers(number: int, block: bytes, *, end: bool = True, whole: bool = True) -> bytes:
    return raw(1, (1 if end else 0) | (4 if whole else 0), number, block)


def raw(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + number.to_bytes(4, "big") + payload


NAMES = st.sampled_from(
    [
        ":method",
        ":path",
        ":scheme",
        ":authority",
        ":status",
        ":protocol",
        "host",
        "cookie",
        "te",
        "connection",
        "content-length",
        "transfer-encoding",
        "expect",
        "x-a",
        "X-Upper",
        "x-forwarded-for",
        "grpc-status",
    ]
)
VALUES = st.sampled_from(
    [
        *[
            "GET",
            "POST",
            "HEAD",
            "CONNECT",
            "TRACE",
            "/",
            "*",
            "http",
            "lb",
            "trailers",
            "0",
            "5",
            "-1",
            "99999999999999999999",
            "100-continue",
            "chunked",
        ],
        *("200", "999", "2e2", "100", "101", "", "a b", "\x00", "é", "x" * 5000),
    ]
)
NUMBERS = st.one_of(st.integers(0, 9), st.sampled_from([101, 2**31 - 1]))


@st.composite
def frame(draw: st.DrawFn) -> Any:
    """Of a stream of frames one: (numbers and bytes that make it), so that header blocks share one encoder."""
    kind = draw(st.sampled_from(["headers", "headers", "request", "request", "data", "any", "garbage", "settings"]))
    number = draw(NUMBERS)
    if kind == "headers":
        fields = draw(st.lists(st.tuples(NAMES, VALUES), max_size=8))
        return kind, number, fields, draw(st.booleans()), draw(st.integers(0, 9)) > 0
    if kind == "request":
        fields = draw(st.lists(st.tuples(NAMES, VALUES), max_size=2))
        return kind, number | 1, fields, draw(st.booleans()), True
    if kind == "data":
        return "raw", 0, draw(st.sampled_from([0, 1, 8, 9])), number, draw(st.binary(max_size=300))
    if kind == "settings":
        pairs = draw(st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0, 1, 100, 65535, 2**31, 2**32 - 1]))))
        payload = b"".join(k.to_bytes(2, "big") + v.to_bytes(4, "big") for k, v in pairs)
        return "raw", 4, draw(st.sampled_from([0, 0, 0, 1])), draw(st.sampled_from([0, 0, 0, 1])), payload
    if kind == "garbage":
        return "bytes", draw(st.binary(max_size=40))
    payload = draw(st.one_of(st.binary(max_size=12), st.sampled_from([bytes(4), bytes(8), b"\x7f\xff\xff\xff"])))
    return "raw", draw(st.integers(1, 12)), draw(st.integers(0, 255)), number, payload


def rendered(listed: list[Any], encoder: hpack.Encoder) -> bytes:
    out = []
    for each in listed:
        if each[0] in ("headers", "request"):
            kind, number, fields, end, whole = each
            usual = [(":method", "GET"), (":scheme", "http"), (":authority", "lb"), (":path", "/")]
            block = encoder.encode([*(usual if kind == "request" else []), *fields])
            out.append(headers(number, block, end=end, whole=whole))
        elif each[0] == "raw":
            out.append(raw(*each[1:]))
        else:
            out.append(each[1])
    return b"".join(out)


SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=5)
DECISIONS = st.sampled_from([Respond(200, [], b"hello" * 9000), Respond(200, [], b""), Fail(404), Reset()])

# -- clients -----------------------------------------------------------------------------------------------------------


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


# -- targets -----------------------------------------------------------------------------------------------------------


class Asker:
    """The client's side of an exchange with a hostile target."""

    takes_chunks = takes_upgrade = False
    exchange = None

    def __init__(self) -> None:
        self.heads: list[int] = []
        self.size = 0
        self.over: list[object] = []

    def respond(self, head: ResponseHead, data: bytes, start: int, end: int, done: bool) -> None:
        assert not self.over
        list(head.end_to_end())
        self.heads.append(head.status)

    def more(self, data: bytes) -> None:
        assert self.heads and not self.over, "a body before its head, or after its end"
        self.size += len(data)

    def end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        assert self.heads
        self.over.append("end")

    def failed(self, fault: Fault) -> None:
        self.over.append(fault)

    def hold(self) -> None: ...

    def unhold(self) -> None: ...

    def inform(self, raw: bytes) -> None: ...


class Target:
    """A hostile target, which some requests were sent to."""

    def __init__(self) -> None:
        async def dial(_: Upstream) -> Any:
            raise AssertionError

        self.wheel = Wheel(asyncio.get_running_loop())
        self.upstream = Upstream("127.0.0.1", 1, dial, protocol=ProtocolVersion.HTTP2)
        self.protocol = UpstreamH2(self.upstream, self.wheel)
        self.wire = Wire()
        self.wire.attach(self.protocol)
        self.protocol.data_received(raw(4, 0, 0, b""))
        self.askers = [Asker() for _ in range(3)]
        pseudo = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/")]
        for number, asker in enumerate(self.askers):
            stream = self.protocol.start(asker, pseudo, number == 0)  # type: ignore[arg-type]
            if number == 2:
                stream.send(b"x" * 200_000)
                stream.end_request([])
        self.hpack = hpack.Encoder()

    async def feed(self, data: bytes, sizes: list[int]) -> None:
        for piece in split(data, sizes):
            if self.wire.is_closing():
                break
            self.protocol.data_received(piece)
            await asyncio.sleep(0)
        await turns()

    async def finish(self) -> None:
        self.wire.close()
        await turns()
        assert not self.protocol.streams and not self.wheel.watched and not self.upstream.open_connections
        assert all(len(asker.over) == 1 for asker in self.askers), "each exchange ends, once"
        assert not self.upstream.h2


@FUZZ
@given(st.lists(frame(), max_size=20), SIZES, st.randoms(use_true_random=False))
def test_frames_of_a_target(listed: list[Any], sizes: list[int], chance: random.Random) -> None:
    async def work() -> None:
        target = Target()
        answers = [("headers", n, [(":status", "200")], False, True) for n in chance.sample([1, 3, 5], 2)]
        data = bytearray(rendered([*answers[: chance.randrange(3)], *listed], target.hpack))
        for _ in range(chance.choice([0, 0, 1, 5])):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        await target.feed(bytes(data), sizes)
        await target.finish()

    run(work)


@pytest.mark.parametrize(
    "answer",
    [
        lambda t: headers(1, t.hpack.encode([(":status", "2e2")])),
        lambda t: headers(1, t.hpack.encode([(":status", "")])),
        lambda t: headers(1, t.hpack.encode([(":status", "-20")])),
        lambda t: headers(1, t.hpack.encode([(":status", "99999")])),
        lambda t: headers(1, t.hpack.encode([(":status", "101")])),
        lambda t: headers(1, t.hpack.encode([("x-a", "b")])),
        lambda t: headers(1, t.hpack.encode([(":status", "200"), ("content-length", "-5")])),
        lambda t: headers(1, b"", whole=False) + raw(9, 0, 1, b"") * 5000,
        lambda t: headers(1, t.hpack.encode([(":status", "200"), ("a", "b" * 4000)]) + b"\xbe" * 16_000),
        lambda t: raw(5, 4, 1, bytes([0, 0, 0, 2]) + t.hpack.encode([(":method", "GET")])),
        lambda t: raw(0, 0, 1, b"a body without a head"),
        lambda t: raw(4, 0, 0, b"\0\3" + bytes(4)) + raw(3, 0, 1, bytes(4)),
        lambda t: raw(7, 0, 0, bytes(8)),
    ],
)
def test_malformed_answers_of_a_target_fail_their_exchange(answer: Callable[[Target], bytes]) -> None:
    async def work() -> None:
        target = Target()
        await target.feed(answer(target), [4096])
        (over,) = target.askers[0].over
        assert isinstance(over, Fault)
        await target.finish()

    run(work)


def test_a_target_that_takes_no_more_streams_or_headers_fails_only_the_request() -> None:
    async def work() -> None:
        target = Target()
        # It goes away while a stream is being opened: the library refuses to send on what is over.
        target.protocol.connection.close_connection()
        late = Asker()
        target.protocol.start(late, [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")], True)  # type: ignore[arg-type]
        await turns()
        assert len(late.over) == 1
        await target.finish()

    run(work)
