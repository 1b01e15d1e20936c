"""The binary message of a Session Manager data channel.

A fixed head of 116 bytes, the length of the payload, and the payload. Numbers are big-endian; the message's UUID
travels with its lower half first. Worked out from what AWS's session-manager-plugin reads and writes.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from enum import IntEnum

import msgspec

INPUT = "input_stream_data"
OUTPUT = "output_stream_data"
ACKNOWLEDGE = "acknowledge"
CHANNEL_CLOSED = "channel_closed"
START_PUBLICATION = "start_publication"
PAUSE_PUBLICATION = "pause_publication"

MAX_MESSAGE = 1 << 20
"""The largest message taken from a client, in bytes; the plugin's own hold 1 KiB of payload."""

SYN = 1
FIN = 2

_HEAD = struct.Struct(">I32sIQqQ8s8s32sI")
_HEAD_LENGTH = _HEAD.size
_LENGTH = struct.Struct(">I")


class PayloadType(IntEnum):
    """What a stream message carries."""

    NONE = 0
    OUTPUT = 1
    ERROR = 2
    SIZE = 3
    PARAMETER = 4
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    ENCRYPTION_CHALLENGE_REQUEST = 8
    ENCRYPTION_CHALLENGE_RESPONSE = 9
    FLAG = 10
    STDERR = 11
    EXIT_CODE = 12


TERMINATE_SESSION = 2
"""The flag (payload type FLAG, four bytes) by which a client ends its session."""


class MalformedMessage(ValueError):
    """Bytes that are not a message."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message. ``created`` is in milliseconds since 1970."""

    kind: str
    sequence: int = 0
    flags: int = 0
    payload_type: int = PayloadType.NONE
    payload: bytes = b""
    id: uuid.UUID
    created: int = 1


def encode(message: Message) -> bytes:
    """The message as it travels."""
    identity = message.id.bytes
    head = _HEAD.pack(
        _HEAD_LENGTH,
        message.kind.encode().ljust(32),
        1,
        message.created,
        message.sequence,
        message.flags,
        identity[8:],
        identity[:8],
        hashlib.sha256(message.payload).digest(),
        message.payload_type,
    )
    return head + _LENGTH.pack(len(message.payload)) + message.payload


def decode(data: bytes) -> Message:
    """The message in ``data``; raises MalformedMessage for anything else, a wrong digest included."""
    if len(data) > MAX_MESSAGE:
        raise MalformedMessage("the message is too large")
    if len(data) < _HEAD_LENGTH + _LENGTH.size:
        raise MalformedMessage("the message is cut off")
    length, kind, _, created, sequence, flags, low, high, digest, payload_type = _HEAD.unpack_from(data)
    if not _HEAD_LENGTH <= length <= len(data) - _LENGTH.size:
        raise MalformedMessage("the head's length is impossible")
    payload = data[length + _LENGTH.size :]
    if _LENGTH.unpack_from(data, _HEAD_LENGTH)[0] != len(payload):
        raise MalformedMessage("the payload's length is wrong")
    if payload and hashlib.sha256(payload).digest() != digest:
        raise MalformedMessage("the payload's digest is wrong")
    try:
        name = kind.strip(b"\0 ").decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedMessage("the message's type is not text") from error
    return Message(
        kind=name,
        sequence=sequence,
        flags=flags,
        payload_type=payload_type,
        payload=payload,
        id=uuid.UUID(bytes=high + low),
        created=created,
    )
