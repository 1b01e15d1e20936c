"""Event streams: an answer that goes on, in frames of their own.

https://smithy.io/2.0/aws/amazon-eventstream.html: a prelude (total length, length of headers, checksum), headers of
which each is a name and a typed value, the payload, and a checksum over everything. In the JSON protocol the first
frame is ``initial-response`` with the members that are no event; then each event is a frame with its JSON.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any
from zlib import crc32

import msgspec

from cloudarium.gateway.wire.codec import Serializer
from cloudarium.gateway.wire.json_writer import JsonWriter
from cloudarium.gateway.wire.message import WireResponse
from cloudarium.gateway.wire.models import Shape

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_STRING = 7
"""The header type of texts."""
_encode = msgspec.json.Encoder().encode


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of the stream."""
    packed = b"".join(
        bytes((len(name),)) + name.encode() + struct.pack(">BH", _STRING, len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = _PRELUDE.pack(12 + len(packed) + len(payload) + 4, len(packed))
    data = prelude + _CHECKSUM.pack(crc32(prelude)) + packed + payload
    return data + _CHECKSUM.pack(crc32(data))


def event_stream_serializer(shape: Shape, writer: JsonWriter) -> Serializer:
    """How an output with an event stream is written. The operation gives an asynchronous iterator of unions."""
    name, stream = next((name, member) for name, member in shape.members.items() if member.raw.eventstream)
    members = stream.members
    writers = {event: writer.function(member) for event, member in members.items()}

    async def frames(events: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
        yield frame(_headers("event", ":event-type", "initial-response"), b"{}")
        try:
            async for each in events:
                ((event, value),) = each.items()
                failed = members[event].raw.exception
                kind, header = ("exception", ":exception-type") if failed else ("event", ":event-type")
                yield frame(_headers(kind, header, event), _encode(writers[event](value)))
        finally:
            # The client may have gone: what makes the events must know at once.
            await events.aclose()  # type: ignore[attr-defined]

    def serialize(output: Mapping[str, Any], request_id: str) -> WireResponse:
        headers = [("Content-Type", CONTENT_TYPE), ("x-amzn-RequestId", request_id)]
        return WireResponse(200, headers, frames(output[name]))

    return serialize


def _headers(kind: str, header: str, name: str) -> dict[str, str]:
    return {header: name, ":content-type": "application/json", ":message-type": kind}
