"""A one-shot HTTP/1.1 client over a connected socket, for health checks."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cloudarium.substrate.http.faults import ProtocolError
from cloudarium.substrate.http.heads import parse_response_head
from cloudarium.substrate.http.syntax import RESPONSE_HEAD_LIMIT

_READ_LIMIT: Final = 64 * 1024
"""Bytes of informational responses and the head together."""


class ProbeFailure(StrEnum):
    """Why a probe got no status."""

    TIMEOUT = "timeout"
    CLOSED = "closed"
    RESET = "reset"
    MALFORMED = "malformed"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The status code, or why there is none."""

    status: int = 0
    failure: ProbeFailure | None = None


def render_probe(path: str, host: str, *, method: str = "GET", user_agent: str = "ELB-HealthChecker/2.0") -> bytes:
    """The request that AWS's health checkers send."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: {user_agent}\r\n"
    return (lines + "Accept-Encoding: gzip, compressed\r\n\r\n").encode("ascii")


async def probe(connected: socket.socket, request: bytes, timeout: float) -> ProbeResult:
    """Send one request and read the status; the socket is closed. `timeout` in seconds covers it all.

    The timeout guards the socket, so it runs on the loop's clock; nothing is raised.
    """
    connected.setblocking(False)
    try:
        async with asyncio.timeout(timeout):
            return await _exchange(connected, request)
    except TimeoutError:
        return ProbeResult(failure=ProbeFailure.TIMEOUT)
    except OSError:
        return ProbeResult(failure=ProbeFailure.RESET)
    finally:
        connected.close()


async def _exchange(connected: socket.socket, request: bytes) -> ProbeResult:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connected, request)
    data = b""
    while len(data) <= _READ_LIMIT:
        end = data.find(b"\r\n\r\n") + 4
        if end >= 4:
            try:
                head = parse_response_head(data[:end])
            except ProtocolError:
                return ProbeResult(failure=ProbeFailure.MALFORMED)
            if head.status >= 200:
                return ProbeResult(status=head.status)
            data = data[end:]
            continue
        if len(data) > RESPONSE_HEAD_LIMIT:
            break
        if not b"HTTP/1.".startswith(data[:7]):
            return ProbeResult(failure=ProbeFailure.MALFORMED)
        received = await loop.sock_recv(connected, 16 * 1024)
        if not received:
            return ProbeResult(failure=ProbeFailure.MALFORMED if data else ProbeFailure.CLOSED)
        data += received
    return ProbeResult(failure=ProbeFailure.TOO_LARGE)
