"""Addresses of events: event ids, pointers (@ptr), and the tokens between which GetLogEvents goes to and fro.

An event's place is (timestamp, sequence number within its group). As on AWS an id is a number of 56 digits whose upper
bits are the timestamp, so that ids sort as events do.
"""

from __future__ import annotations

import base64
import re

import msgspec

_SHIFT = 144
_TOKEN = re.compile(r"([fb])/(\d{56})/s")
Place = tuple[int, int]


def event_id(timestamp: int, seq: int) -> str:
    """An event's id."""
    return f"{(timestamp << _SHIFT) + seq:056d}"


def page_token(direction: str, place: Place) -> str:
    """``f/…/s`` (what comes after ``place``) or ``b/…/s`` (what comes before it)."""
    timestamp, seq = place
    # One up: the place before the first event of time 0 has the number -1.
    return f"{direction}/{(timestamp << _SHIFT) + seq + 1:056d}/s"


def parse_page_token(text: str) -> tuple[str, Place] | None:
    """Direction and place of a token; None when it is none of ours."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        return None
    number = int(found[2])
    place = number >> _SHIFT, (number & ((1 << _SHIFT) - 1)) - 1
    return (found[1], place) if place[0] < 1 << 62 and place[1] < 1 << 62 else None


def pointer(uid: str, timestamp: int, seq: int) -> str:
    """``@ptr``: where an event is, for GetLogRecord."""
    return base64.b64encode(msgspec.msgpack.encode((uid, timestamp, seq))).decode()


def parse_pointer(text: str) -> tuple[str, int, int] | None:
    """Group, timestamp and sequence number; None for what is no pointer."""
    try:
        return msgspec.msgpack.decode(base64.b64decode(text, validate=True), type=tuple[str, int, int])
    except (ValueError, msgspec.MsgspecError):
        return None


def sequence_token(stream: int, ingested: int) -> str:
    """The token that PutLogEvents used to need and now ignores."""
    return f"{49_600_000_000_000_000_000_000_000_000_000_000_000_000 + (ingested << 64) + stream:056d}"
