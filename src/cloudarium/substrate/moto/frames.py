"""Messages between the cloud and the child: a msgpack header and a raw body, each preceded by its length.

The body is kept out of the header so that a large S3 object is not copied once more on each side. Ids of requests are
chosen by the cloud; answers carry the id of their request and may come in any order.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

PREFIX = struct.Struct(">IQ")
MAX_HEADER = 64 << 20
MAX_BODY = 5 << 30
"""AWS's own limit of one PUT to S3."""

READY = 0
"""The id of the one message the child sends unasked: it has replayed its journal and serves."""

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder().decode


class Broken(Exception):
    """The other side sent something that is not a frame."""


def pack(header: dict[str, Any], body: bytes = b"") -> list[bytes]:
    """A frame as buffers to write one after another."""
    head = encode(header)
    buffers = [PREFIX.pack(len(head), len(body)) + head]
    if body:
        buffers.append(body)
    return buffers


def lengths(prefix: bytes) -> tuple[int, int]:
    """Lengths of header and body; raises ``Broken`` when they cannot be meant."""
    head, body = PREFIX.unpack(prefix)
    if head > MAX_HEADER or body > MAX_BODY:
        raise Broken(f"a frame of {head} + {body} bytes")
    return head, body
