"""Bytes, lines, timestamps, events and batches: the pure part of shipping a log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.agent.config.plan import FilePlan, Filter
from cloudarium.agent.logs.batches import OVERHEAD, Batcher
from cloudarium.agent.logs.events import TRUNCATED, Assembler, Event
from cloudarium.agent.logs.globs import translate
from cloudarium.agent.logs.lines import Lines
from cloudarium.agent.logs.rotation import Change, Head, Identity, digest, line_range, look
from cloudarium.agent.logs.timestamps import Timestamps

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


# -- lines ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=12).filter(lambda b: b"\n" not in b), max_size=8), st.data())
def test_lines_do_not_depend_on_the_chunks(parts: list[bytes], data: st.DataObject) -> None:
    text = b"".join(part + b"\n" for part in parts) + b"rest"
    lines, at, found = Lines(b"\n", 100, 50), 0, []
    while at < len(text):
        size = data.draw(st.integers(1, 9))
        found += lines.feed(text[at : at + size])
        at += size
    assert [line.data for line in found] == parts
    assert [line.end for line in found] == [50 + len(b"\n".join(parts[: n + 1])) + 1 for n in range(len(parts))]
    rest = lines.rest()
    assert rest is not None and rest.data == b"rest" and rest.end == 50 + len(text)


def test_a_long_line_keeps_its_beginning_and_costs_no_memory() -> None:
    lines = Lines(b"\n", 10)
    for _ in range(1000):
        assert lines.feed(b"x" * 1000) == []
        assert len(lines._buffer) <= 12
    (long, short) = lines.feed(b"\nnext\n")
    assert (long.data, long.end, long.cut) == (b"x" * 10, 1_000_001, True)
    assert (short.data, short.end, short.cut) == (b"next", 1_000_006, False)


@given(st.lists(st.text(alphabet="a\u0a00\u000a0Ċ", max_size=5), max_size=5), st.integers(1, 5))
def test_utf16_lines_end_at_characters(parts: list[str], size: int) -> None:
    parts = [part.replace("\n", "") for part in parts]
    text = "".join(part + "\n" for part in parts).encode("utf-16-le")
    lines = Lines("\n".encode("utf-16-le"), 100)
    found = [line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])]
    assert [line.data.decode("utf-16-le") for line in found] == parts


# -- timestamps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "line", "expected"),
    [
        ("%Y-%m-%d %H:%M:%S", "x 2026-02-03 04:05:06 y", datetime(2026, 2, 3, 4, 5, 6)),
        ("%b %d %H:%M:%S", "Jan 23 20:59:29 host", datetime(2026, 1, 23, 20, 59, 29)),
        ("%b %d %H:%M:%S", "Jan  3 20:59:29 host", datetime(2026, 1, 3, 20, 59, 29)),
        ("%b %d %H:%M:%S", "Dec 31 23:00:00 last year", datetime(2025, 12, 31, 23)),
        ("%b %d %H:%M:%S", "Feb 29 23:00:00 no such day", None),
        ("%d %b %Y %H:%M:%S", "24 Jan 2014 05:00:00", datetime(2014, 1, 24, 5)),
        ("%Y-%m-%dT%H:%M:%S%z", "2014-02-20T05:20:20+0100", datetime(2014, 2, 20, 4, 20, 20)),
        ("%A %-d %B %y %-I:%-M:%-S %p", "Monday 2 March 26 1:2:3 PM", datetime(2026, 3, 2, 13, 2, 3)),
        ("%H:%M:%S.%f", "11:00:00.123456789", datetime(2026, 3, 1, 11, 0, 0, 123456)),
        ("%Y-%m-%d %H:%M:%S %Z", "2026-02-03 04:05:06 GMT", datetime(2026, 2, 3, 4, 5, 6)),
        ("[%d/%b/%Y]", "[03/Feb/2026]", datetime(2026, 2, 3)),
        ("%Y-%m-%d", "2026-13-45", None),
        ("%Y-%m-%d", "nothing", None),
    ],
)
def test_timestamps(form: str, line: str, expected: datetime | None) -> None:
    found = Timestamps(form, utc=True).find(line, NOW)
    assert (found[0] if found else None) == (expected.replace(tzinfo=UTC) if expected else None)


@pytest.mark.parametrize(
    ("form", "older"), [("%f%j", False), ("%-d", True), ("%", False), ("no", False), ("%Y%y%Y", False)]
)
def test_formats_that_cannot_be_read(form: str, older: bool) -> None:
    with pytest.raises(ValueError):
        Timestamps(form, older_agent=older)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2068, 12, 31)), st.text(max_size=5))
def test_what_strftime_writes_is_read(when: datetime, before: str) -> None:
    form = "%Y-%m-%d %H:%M:%S.%f"
    before = "".join(character for character in before if not character.isdigit())
    found = Timestamps(form, utc=True).find(before + when.strftime(form), NOW)
    assert found is not None and found[0] == when.replace(tzinfo=UTC)


@given(st.text(max_size=30))
def test_any_format_is_compiled_or_refused(form: str) -> None:
    try:
        Timestamps(form).find(form, NOW)
    except ValueError:
        pass


# -- events -----------------------------------------------------------------------------------------------------------


def assemble(plan: FilePlan, *lines: str) -> list[Event]:
    assembler = Assembler(plan, lambda said: None)
    found, end = [], 0
    for line in lines:
        end += len(line.encode()) + 1
        if event := assembler.line(line, end, False, NOW, 0.0):
            found.append(event)
    last = assembler.flush(NOW)
    return [*found, *([last] if last else [])]


def plan(**fields: object) -> FilePlan:
    return FilePlan(path="/x", group="g", stream="s", **fields)  # type: ignore[arg-type]


def test_lines_that_begin_with_white_space_continue() -> None:
    events = assemble(plan(), "one", "  more", "", "two", "")
    assert [event.message for event in events] == ["one\n  more", "two"]
    assert [event.end for event in events] == [12, 17]


def test_a_start_pattern_decides() -> None:
    events = assemble(plan(start_pattern=r"^\d"), "1 a", "b", "", "2 c")
    assert [event.message for event in events] == ["1 a\nb\n", "2 c"]


def test_the_timestamp_format_as_start_pattern_and_its_trimming() -> None:
    rule = plan(timestamp_format="%H:%M:%S ", start_pattern="{timestamp_format}", utc=True, trim_timestamp=True)
    events = assemble(rule, "lost", "11:00:00 a", "b", "11:00:01 c")
    assert [event.message for event in events] == ["lost", "a\nb", "c"]
    at = int((NOW - timedelta(hours=1)).timestamp() * 1000)
    assert [event.timestamp for event in events] == [int(NOW.timestamp() * 1000), at, at + 1000]


def test_without_a_timestamp_the_last_one_counts() -> None:
    events = assemble(plan(timestamp_format="%H:%M:%S", utc=True), "11:00:00 a", "b")
    assert events[0].timestamp == events[1].timestamp != int(NOW.timestamp() * 1000)


def test_filtered_events_leave_their_offset() -> None:
    rules = (Filter(True, "a"), Filter(False, "^b"))
    events = assemble(plan(filters=rules), "ba", "ca", "c")
    assert [(event.message, event.end) for event in events] == [(None, 3), ("ca", 6), (None, 8)]


def test_long_events_are_truncated_or_skipped() -> None:
    (event,) = assemble(plan(event_bytes=30), "é" * 40)
    assert event.message is not None
    assert event.message.endswith(TRUNCATED) and event.size == len(event.message.encode()) <= 30
    (event,) = assemble(plan(event_bytes=30, skip_long=True), "é" * 40)
    assert event.message is None and event.end == 81
    (event,) = assemble(plan(event_bytes=100, start_pattern="^start"), "start", *["x" * 20] * 1000)
    assert event.size == 100 and event.end == 6 + 21_000


def test_an_event_is_complete_when_nothing_came_for_a_while() -> None:
    assembler = Assembler(plan(start_pattern="^a"), lambda said: None)
    assert assembler.line("a", 2, False, NOW, 10.0) is None
    assert assembler.idle(NOW, 14.9) is None
    event = assembler.idle(NOW, 15.0)
    assert event is not None and event.message == "a"
    assert assembler.idle(NOW, 99.0) is None


# -- batches ----------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 3 * 86_400_000), st.integers(0, 300) | st.none(), st.sampled_from("ab")), max_size=60
    ),
    st.integers(1, 20),
)
def test_batches_keep_every_rule_and_lose_nothing(items: list[tuple[int, int | None, str]], most: int) -> None:
    batcher: Batcher[str] = Batcher(5.0, most, 1000)
    for number, (time, size, owner) in enumerate(items):
        message = None if size is None else f"{number:03d}" + "x" * size
        batcher.add(Event(time, message, 3 + (size or 0), number), owner, 0.0)
    sent, done = [], {}
    while len(batcher):
        batch = batcher.take()
        times = [event["timestamp"] for event in batch.events]
        assert times == sorted(times) and len(times) <= most
        assert not times or times[-1] - times[0] <= 86_400_000
        assert sum(len(event["message"]) + OVERHEAD for event in batch.events) == batch.size <= 1000
        sent += [int(event["message"][:3]) for event in batch.events]
        assert all(done.get(owner, -1) < end for owner, end in batch.done.items())
        done |= batch.done
        assert set(sent) >= {n for n, (_, size, o) in enumerate(items) if size is not None and n <= done.get(o, -1)}
    assert sorted(sent) == [number for number, (_, size, _) in enumerate(items) if size is not None]
    assert batcher.size == 0


def test_a_batch_is_ready_when_it_is_full_or_old() -> None:
    batcher: Batcher[str] = Batcher(5.0, 2, 1000)
    batcher.add(Event(0, "a", 1, 1), "f", 100.0)
    assert not batcher.ready(104.9)
    assert batcher.ready(105.0)
    batcher.add(Event(0, "a", 1, 2), "f", 101.0)
    assert batcher.ready(101.0)


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "position", "same", "named", "expected"),
    [
        (10, 10, True, 1, Change.SAME),
        (9, 10, True, 1, Change.TRUNCATED),
        (99, 10, False, 1, Change.TRUNCATED),
        (10, 10, True, 2, Change.REPLACED),
        (10, 10, True, None, Change.GONE),
    ],
)
def test_what_became_of_a_file(size: int, position: int, same: bool, named: int | None, expected: Change) -> None:
    other = None if named is None else Identity(1, named)
    assert look(Identity(1, 1), size, position, same, other) is expected


def test_fingerprint_lines() -> None:
    assert line_range(b"a\nbb\nccc\n", b"\n", 2, 3) == (2, 7)
    assert line_range(b"a\nbb", b"\n", 1, 2) is None
    head = Head(0, 2, digest(b"ab"))
    assert head.matches(b"abc") and not head.matches(b"a") and not head.matches(b"xb")


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/var/log/**.log", "/var/log/a/b/c.log", True),
        ("/var/log/**.log", "/var/log/c.log", True),
        ("/var/log/*.log", "/var/log/a/c.log", False),
        ("/var/log/system.log*", "/var/log/system.log_1111", True),
        ("/a/[!b]?.{log,txt}", "/a/xy.txt", True),
        ("/a/[!b]?.{log,txt}", "/a/by.txt", False),
        ("/a/x.y", "/a/xzy", False),
    ],
)
def test_globs(pattern: str, path: str, matches: bool) -> None:
    import re

    assert bool(re.fullmatch(translate(pattern), path)) is matches
