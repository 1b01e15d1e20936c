"""Fluentd's forward protocol, the sender's side: entries of one tag, acknowledged by the router.

https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1 ("Forward Mode" with the ``chunk`` option).
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Sequence
from typing import Any

import msgspec

_encode = msgspec.msgpack.Encoder().encode
_TIME = struct.Struct(">II")


def event_time(seconds: float) -> msgspec.msgpack.Ext:
    """``EventTime``: seconds and nanoseconds as extension 0."""
    whole = int(seconds)
    return msgspec.msgpack.Ext(0, _TIME.pack(whole & 0xFFFFFFFF, int((seconds - whole) * 1e9)))


def message(tag: str, entries: Sequence[tuple[float, dict[str, Any]]]) -> tuple[bytes, str]:
    """Entries of one tag as one message, and the chunk that the receiver acknowledges."""
    chunk = base64.b64encode(os.urandom(16)).decode()
    listed = [[event_time(time), entry] for time, entry in entries]
    return _encode([tag, listed, {"size": len(listed), "chunk": chunk}]), chunk


def acknowledged(data: bytes) -> str | None:
    """The chunk that an answer acknowledges; None while the answer is not whole. Raises ``ValueError`` for another."""
    try:
        answer = msgspec.msgpack.decode(data)
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            return None
        raise ValueError("the log router's answer is not msgpack") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("ack"), str):
        raise ValueError("the log router's answer acknowledges nothing")
    return str(answer["ack"])
