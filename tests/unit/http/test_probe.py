"""Health-check probes over one connected socket."""

import asyncio
import socket

import pytest
from tests.unit.http.harness import answering, dial, target

from cloudarium.substrate.http.probe import ProbeFailure, ProbeResult, probe, render_probe


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", ProbeResult(200)),
        (b"HTTP/1.0 503 Busy\r\n\r\n", ProbeResult(503)),
        (b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n", ProbeResult(404)),
        (b"220 smtp.example ESMTP\r\n", ProbeResult(failure=ProbeFailure.MALFORMED)),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000, ProbeResult(failure=ProbeFailure.TOO_LARGE)),
    ],
)
async def test_answers(answer: bytes, expected: ProbeResult) -> None:
    async with target(answering(answer)) as t:
        assert await probe(await dial(t.upstream), render_probe("/health", "10.0.0.1:80"), 10) == expected


async def test_request_is_the_health_checkers() -> None:
    seen = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))

    async with target(script) as t:
        result = await probe(await dial(t.upstream), render_probe("/h?x", "10.0.0.1:80"), 10)
    assert result.failure is ProbeFailure.CLOSED
    assert seen[0].startswith(b"GET /h?x HTTP/1.1\r\nHost: 10.0.0.1:80\r\nConnection: close\r\n")
    assert b"User-Agent: ELB-HealthChecker/2.0\r\n" in seen[0]


async def test_silence_times_out_and_closes_the_socket() -> None:
    near, far = socket.socketpair()
    far.setblocking(False)
    assert (await probe(near, b"x", 0.01)).failure is ProbeFailure.TIMEOUT
    loop = asyncio.get_running_loop()
    assert await loop.sock_recv(far, 10) == b"x" and await loop.sock_recv(far, 10) == b""
    far.close()
