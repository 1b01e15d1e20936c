"""Frames of an event stream, read back by botocore's own parser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from botocore.eventstream import EventStreamBuffer

from cloudarium.gateway import wire


async def test_botocore_reads_what_is_written() -> None:
    closed = []

    async def events() -> AsyncIterator[dict[str, Any]]:
        try:
            yield {"sessionStart": {"sessionId": "s", "logGroupIdentifiers": ["x"]}}
            yield {"sessionUpdate": {"sessionResults": [{"message": "é\n", "timestamp": 5}]}}
            yield {"SessionTimeoutException": {"message": "over"}}
        finally:
            closed.append(True)

    response = wire.operation("logs", "json", "StartLiveTail").serialize({"responseStream": events()}, "id-1")
    assert ("Content-Type", "application/vnd.amazon.eventstream") in response.headers
    assert not isinstance(response.body, bytes)
    buffer = EventStreamBuffer()
    async for piece in response.body:
        for place in range(0, len(piece), 7):
            buffer.add_data(piece[place : place + 7])
    found = [(m.headers.get(":event-type") or m.headers[":exception-type"], m.headers[":message-type"]) for m in buffer]
    assert found == [
        ("initial-response", "event"), ("sessionStart", "event"), ("sessionUpdate", "event"),
        ("SessionTimeoutException", "exception"),
    ]  # fmt: skip
    assert closed == [True]


async def test_a_client_that_goes_ends_the_events_at_once() -> None:
    closed = []

    async def events() -> AsyncIterator[dict[str, Any]]:
        try:
            while True:
                yield {"sessionUpdate": {"sessionResults": []}}
        finally:
            closed.append(True)

    response = wire.operation("logs", "json", "StartLiveTail").serialize({"responseStream": events()}, "id-1")
    body: Any = response.body
    await anext(body)
    await anext(body)
    await body.aclose()
    assert closed == [True]
