"""What targets get, read by a strict reader, is what the proxy accounted: no request more, none less.

Requests are put together from every trick known to this project and sent one behind another on one connection.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.http.harness import proxy, target

from cloudarium.substrate.http.chunked import ChunkedBody
from cloudarium.substrate.http.desync import DesyncMode, Tier
from cloudarium.substrate.http.faults import ProtocolError
from cloudarium.substrate.http.routing import ListenerSettings

METHODS = [*[b"POST"] * 6, b"PUT", b"GET", b"HEAD", b"G\x01T"]
VERSIONS = [*[b" HTTP/1.1"] * 8, b" HTTP/1.0", b" HTTP/1.2", b" HTTP/1.1 ", b" HTTP/1.1x", b" HTTP/0.9", b""]
FRAMING = [
    *[b"Content-Length: 5", b"Content-Length: 40", b"Transfer-Encoding: chunked"] * 6,
    b"Content-Length: 0",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length:",
    b"Content-Length:\n 5",
    b"Content_Length: 7",
    b"Content-Length : 40",
    b" Content-Length: 40",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding:\n chunked",
    b"Transfer-Encoding",
    b"Transfer-Encoding : chunked",
    b"\x0bTransfer-Encoding: chunked",
    b" Transfer-Encoding: chunked",
    b"X: a\rTransfer-Encoding: chunked",
]
OTHERS = [
    b"Connection: content-length, transfer-encoding",
    b"Connection: Content-Length, keep-alive",
    b"Expect: 100-continue",
    b"Content-Type: a;\n b",
    b"X: \xe9",
    b"X: a\x00",
    b": x",
    b"   ",
    b"no colon",
]
BODIES = [
    b"",
    b"hello",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"0\r\n\r\n",
    b"0\n\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    b"24\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n",
]
ENDS = st.sampled_from([*[b"\r\n"] * 15, b"\n"])
POST = b"POST /1 HTTP/1.1\r\nHost: a\r\n%b\r\n"
END_OF_ALL = b"-" * 400 + b"\r\n\r\n"
"""Ends any body of those above, and is no request."""


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request, or what could be two."""
    lines = [draw(st.sampled_from(METHODS)) + b" /%d" % draw(st.integers(0, 99)) + draw(st.sampled_from(VERSIONS))]
    framing, others = st.lists(st.sampled_from(FRAMING), max_size=3), st.lists(st.sampled_from(OTHERS), max_size=1)
    lines += draw(st.permutations([b"Host: a", *draw(framing), *draw(others)]))
    head = b"".join(part + draw(ENDS) for line in (*lines, b"") for part in line.split(b"\n"))
    return head + draw(st.sampled_from(BODIES))


@dataclass
class Strict:
    """Reads the requests of one connection as RFC 9112 has it, and takes nothing doubtful about where they end."""

    data: bytes = b""
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    refused: bool = False

    def feed(self, data: bytes) -> int:
        """How many more requests are complete."""
        self.data += data
        before = len(self.requests)
        while not self.refused and self._read_one():
            pass
        return len(self.requests) - before

    def _read_one(self) -> bool:
        end = self.data.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        line, *fields = self.data[: end - 4].split(b"\r\n")
        lengths, codings = [], []
        for each in fields:
            name, colon, value = each.partition(b":")
            if not colon or not name or re.search(rb"[\x00\r\n]", each) or name[:1] in b" \t":
                return self._refuse()
            lower, value = name.lower(), value.strip(b" \t")
            if lower == b"content-length":
                lengths.append(value)
            elif lower == b"transfer-encoding":
                codings.append(value.lower())
            elif lower.strip() in (b"content-length", b"transfer-encoding"):
                return self._refuse()
        if re.search(rb"[\x00\r\n]", line) or len(set(lengths)) > 1 or any(not each.isdigit() for each in lengths):
            return self._refuse()
        if codings and codings != [b"chunked"]:
            return self._refuse()
        if codings:
            body = ChunkedBody()
            try:
                stop = body.feed(self.data, end)
            except ProtocolError:
                return self._refuse()
            if not body.done:
                return False
        else:
            stop = end + int(lengths[0]) if lengths else end
            if len(self.data) < stop:
                return False
        method, _, rest = line.partition(b" ")
        self.requests.append((method, rest.rpartition(b" ")[0]))
        self.data = self.data[stop:]
        return True

    def _refuse(self) -> bool:
        self.refused = True
        return False


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(DesyncMode), st.lists(requests(), min_size=1, max_size=4))
@example(DesyncMode.DEFENSIVE, [POST % b"Connection: content-length\r\nContent-Length: 5\r\n" + b"hello"])
@example(DesyncMode.DEFENSIVE, [POST % b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n" + BODIES[2]])
@example(DesyncMode.MONITOR, [POST % b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n" + BODIES[2]])
@example(DesyncMode.MONITOR, [POST % b"Content-Length: 5\r\nContent-Length: 40\r\n" + b"hello"])
async def test_targets_see_the_requests_that_were_accounted(mode: DesyncMode, sent: list[bytes]) -> None:
    connections: list[Strict] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        strict = Strict()
        connections.append(strict)
        while data := await reader.read(65536):
            for _ in range(strict.feed(data)):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            if strict.refused:
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return

    async with target(script) as t, proxy(t, ListenerSettings(desync=mode)) as p:
        client = await p.client()
        client.send(b"".join(sent) + END_OF_ALL)
        await client.closed()
        records = p.router.records
    told = Counter((r.method, r.target) for r in records if r.sent_at > 0)
    whole = Counter((r.method, r.target) for r in records if r.target_status == 200)
    read = Counter(request for each in connections for request in each.requests)
    assert not read - told, "a target saw a request that nobody sent"
    assert not whole - read, "a request was answered that its target did not see"
    for record in records:
        if record.target_status:
            assert record.target_status == 200 or (mode is DesyncMode.MONITOR and record.tier >= Tier.AMBIGUOUS)
    faulty = sum(record.fault is not None and record.sent_at > 0 for record in records)
    rests = sum(bool(each.data) and not each.refused for each in connections)
    assert rests <= faulty, "a target waits for what nobody will send, or got what is no request"
    worst = DesyncMode.DEFENSIVE, DesyncMode.MONITOR, DesyncMode.STRICTEST
    allowed = dict(zip(worst, (Tier.AMBIGUOUS, Tier.SEVERE, Tier.COMPLIANT), strict=True))[mode]
    assert all(record.tier <= allowed for record in records if record.sent_at > 0)
