"""Frames of HTTP/2 as hostile peers send them, the wire they come by, and loops that tolerate nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import hpack
from hyperframe import frame as frames
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
