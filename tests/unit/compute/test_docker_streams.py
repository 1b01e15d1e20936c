"""What an engine sends: frames, lines, times, places in a log. Also garbage."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.substrate.compute.docker.streams import (
    FRAME_LIMIT,
    BadStream,
    Cursor,
    Frames,
    Lines,
    parse_time,
    records,
    seconds,
)

STREAMS = {1: "stdout", 2: "stderr"}


def frame(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(data)) + data


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(ends)]


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50))), st.lists(st.integers(0, 10_000)))
def test_frames_arrive_in_any_pieces(sent: list[tuple[int, bytes]], places: list[int]) -> None:
    parser = Frames()
    found = [each for piece in cut(b"".join(frame(*each) for each in sent), places) for each in parser.feed(piece)]
    assert found == [(STREAMS[kind], data) for kind, data in sent if data]


@given(st.lists(st.binary(max_size=64), max_size=30))
def test_garbage_for_frames_is_refused_or_waits(pieces: list[bytes]) -> None:
    parser = Frames()
    given = b"".join(pieces)
    try:
        found = [each for piece in pieces for each in parser.feed(piece)]
    except BadStream:
        return
    assert sum(len(data) for _, data in found) <= len(given)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200", b"\x03\0\0\0\0\0\0\1x", struct.pack(">BxxxL", 1, FRAME_LIMIT + 1)])
def test_no_frames(head: bytes) -> None:
    with pytest.raises(BadStream):
        Frames().feed(head)


@given(st.binary(max_size=200), st.lists(st.integers(0, 1000)))
def test_lines_of_a_terminal(data: bytes, places: list[int]) -> None:
    parser = Lines()
    found = b"".join(line for piece in cut(data, places) for _, line in parser.feed(piece))
    assert found == data[: data.rfind(b"\n") + 1]


def test_a_line_without_end() -> None:
    with pytest.raises(BadStream):
        Lines().feed(b"x" * (FRAME_LIMIT + 1))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T02:00:01+02:00", 1_000_000_000),
        ("1969-12-31T23:00:01-01:00", None),
        ("1970-01-01T00:00:01-01:00", 3_601_000_000_000),
        ("0001-01-01T00:00:00Z", None),
        ("1970-13-01T00:00:01Z", None),
        ("1970-01-01 00:00:01Z", None),
        ("", None),
    ],
)
def test_times(text: str, found: int | None) -> None:
    assert parse_time(text) == found
    assert seconds(text) == (None if found is None else found / 1e9)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC)))
def test_any_time(moment: datetime) -> None:
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    wanted = (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000
    assert parse_time(moment.isoformat().replace("+00:00", "Z")) == wanted


@given(st.binary(max_size=100))
def test_garbage_for_records(data: bytes) -> None:
    try:
        when, found = records("stdout", data)
    except BadStream:
        return
    assert when >= 0 and all(each.stream == "stdout" for each in found)


def test_records() -> None:
    stamp = b"1970-01-01T00:00:01.25Z "
    assert [(each.data, each.partial, each.time) for each in records("stderr", stamp + b"a b\n")[1]] == [
        (b"a b", False, 1.25)
    ]
    assert [(each.data, each.partial) for each in records("stdout", stamp + b"no break")[1]] == [(b"no break", True)]
    assert [(each.data, each.partial) for each in records("stdout", stamp + b"\n")[1]] == [(b"", False)]
    long = records("stdout", stamp + b"x" * 40_000 + b"\n")[1]
    assert [(len(each.data), each.partial) for each in long] == [(16_384, True), (16_384, True), (7_232, False)]


@given(
    st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.integers(0, 2)), max_size=40),
    st.lists(st.integers(0, 40), max_size=6),
)
def test_a_stream_that_is_opened_again_and_again(steps: list[tuple[str, int]], breaks: list[int]) -> None:
    """Whatever has the same time (Podman tells whole seconds), each frame is new once."""
    log, now = [], 10**10
    for number, (stream, later) in enumerate(steps):
        now += later * 10**9
        log.append((number, stream, now))
    seen: list[int] = []
    places: dict[str, tuple[int, int]] = {}
    for end in [*(min(each, len(log)) for each in breaks), len(log)]:
        cursor = Cursor(places)
        since = cursor.since()
        told = [each for each in log[:end] if since is None or each[2] >= since * 10**9]
        seen += [number for number, stream, when in told if cursor.is_new(stream, when)]
        places = cursor.places
    assert sorted(seen) == list(range(len(log))) and len(set(seen)) == len(seen)


def test_a_clock_that_is_set_back_while_reading() -> None:
    cursor = Cursor()
    cursor.since()
    assert [cursor.is_new("stdout", when) for when in (50, 50, 10, 11)] == [True] * 4
    assert cursor.places == {"stdout": (11, 1)}
