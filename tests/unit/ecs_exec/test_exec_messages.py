"""The binary message of a data channel: round trips, what AWS's plugin would send, and rubbish."""

from __future__ import annotations

import hashlib
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.ecs.exec.messages import (
    INPUT,
    OUTPUT,
    MalformedMessage,
    Message,
    PayloadType,
    decode,
    encode,
)

_IDENTITY = uuid.UUID("12345678-9abc-4def-8123-456789abcdef")


def test_the_form_is_the_plugins() -> None:
    """Field by field, at the offsets that the plugin reads."""
    message = Message(kind=OUTPUT, sequence=7, flags=1, payload_type=1, payload=b"hello", id=_IDENTITY, created=1234)
    data = encode(message)
    assert struct.unpack_from(">I", data, 0)[0] == 116, "the head's length: where the payload's length stands"
    assert data[4:36] == b"output_stream_data".ljust(32)
    assert struct.unpack_from(">IQqQ", data, 36) == (1, 1234, 7, 1)
    assert data[64:72] == _IDENTITY.bytes[8:] and data[72:80] == _IDENTITY.bytes[:8], "lower half first"
    assert data[80:112] == hashlib.sha256(b"hello").digest()
    assert struct.unpack_from(">II", data, 112) == (1, 5)
    assert data[120:] == b"hello"


@given(
    sequence=st.integers(0, 2**62),
    flags=st.integers(0, 3),
    kind=st.sampled_from([INPUT, OUTPUT]),
    payload_type=st.sampled_from(list(PayloadType)),
    payload=st.binary(max_size=3000),
    identity=st.uuids(),
)
def test_round_trip(
    sequence: int, flags: int, kind: str, payload_type: int, payload: bytes, identity: uuid.UUID
) -> None:
    """What is written is read."""
    message = Message(
        kind=kind, sequence=sequence, flags=flags, payload_type=payload_type, payload=payload, id=identity, created=5
    )
    assert decode(encode(message)) == message


@given(st.binary(max_size=400))
def test_rubbish_is_refused(data: bytes) -> None:
    """Random bytes never pass and never raise anything else."""
    with pytest.raises(MalformedMessage):
        decode(data)


@given(cut=st.integers(0, 124), flip=st.integers(80, 124))
def test_damage_is_seen(cut: int, flip: int) -> None:
    """A message cut short, or changed in digest or payload."""
    data = bytearray(encode(Message(kind=OUTPUT, payload=b"hello", id=_IDENTITY)))
    with pytest.raises(MalformedMessage):
        decode(bytes(data[:cut]))
    if not 112 <= flip < 116:
        data[flip] ^= 0x41
        with pytest.raises(MalformedMessage):
            decode(bytes(data))
