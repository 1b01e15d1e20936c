"""HTTP/2 from hostile targets: every exchange ends once, whatever they send."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.http.h2_frames import FUZZ, SIZES, Wire, frame, headers, raw, rendered, run, split, turns

from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.heads import ResponseHead
from cloudarium.substrate.http.upstream import ProtocolVersion, Upstream
from cloudarium.substrate.http.upstream_h2 import UpstreamH2
from cloudarium.substrate.http.wheel import Wheel


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
