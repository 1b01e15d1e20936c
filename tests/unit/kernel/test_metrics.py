"""Metric points: what a bucket knows, tiers, survival, and that nothing is counted twice."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.metrics import TIERS, Bucket, MetricKey, Metrics, Point, TooManyMetrics, recorder
from cloudarium.kernel.metrics.archive import Archive
from cloudarium.kernel.store import Scope, Store

HERE = Scope("000000000000", "us-east-1")
T0 = 1_700_002_800
"""A whole hour."""
KEY = MetricKey("N", "M", ())
DAY = 86_400


def bucket(*values: float) -> Bucket:
    """A bucket of values."""
    made = Bucket()
    for value in values:
        made.add(value)
    return made


class World:
    """Metrics on a frozen clock, in a file."""

    def __init__(self, path: Path | None, now: float = T0) -> None:
        self.path = path
        self.clock = Clock(ClockState(0, now, 0))
        self.metrics = Metrics(self.clock, Store(path))

    def again(self) -> None:
        """As after kill -9: nothing is written on the way out, and the old timers are gone with the old clock."""
        self.clock = Clock(ClockState(0, self.clock.now(), 0))
        self.metrics = Metrics(self.clock, Store(self.path))

    def record(self, value: float, after: float = 0.0, unit: str = "Count", high: bool = True) -> None:
        self.metrics.put(HERE, [Point(KEY, unit, bucket(value), T0 + after, high)])

    def totals(self, period: int, start: float = 0, end: float = 500 * DAY) -> dict[int, float]:
        """Sums by their begin, relative to T0."""
        found = self.metrics.read(HERE, KEY, int(T0 + start), T0 + end, period)
        return {at - T0: each.total for at, _, each in found}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "s")


def test_a_bucket_knows_its_values() -> None:
    """Sums, extremes, distribution; nothing is spent on one value that comes again."""
    same = bucket(2.0, 2.0, 2.0)
    assert (same.total, same.count, same.values) == (6.0, 3.0, None)
    assert same.distribution() == {2.0: 3.0}
    some = bucket(1.0, 3.0, 3.0, 0.1234567)
    assert (some.total, some.minimum, some.maximum) == (7.1234567, 0.1234567, 3.0)
    assert some.distribution() == {1.0: 1.0, 3.0: 2.0, 0.1234567: 1.0}
    assert Bucket().distribution() == {}


def test_many_different_values_are_rounded_not_lost() -> None:
    """The distribution stays bounded and keeps every count."""
    many = bucket(*[number * 1.0001 for number in range(1, 50_001)])
    assert len(many.distribution()) <= 2_001
    assert sum(many.distribution().values()) == 50_000
    assert many.maximum == pytest.approx(50_005) and many.count == 50_000


def test_statistic_sets_have_no_distribution() -> None:
    """Unless all their values are the same."""
    made = bucket(1.0)
    made.add_set(10.0, 2.0, 5.0, 5.0)
    assert made.distribution() == {1.0: 1.0, 5.0: 2.0}
    made.add_set(30.0, 3.0, 5.0, 15.0)
    assert (made.total, made.count, made.maximum, made.distribution()) == (41.0, 6.0, 15.0, {})
    other = bucket(2.0, 3.0)
    other.merge(made)
    assert other.opaque and other.count == 8 and other.total == 46.0


@given(st.lists(st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=8), min_size=1, max_size=6))
def test_buckets_add_up(parts: list[list[float]]) -> None:
    """In parts or at once: the same."""
    merged = Bucket()
    for part in parts:
        merged.merge(bucket(*part))
    whole = bucket(*[value for part in parts for value in part])
    assert merged.count == whole.count
    assert merged.total == pytest.approx(whole.total, abs=1e-6)
    assert merged.distribution() == whole.distribution()
    assert (merged.minimum, merged.maximum) == (whole.minimum, whole.maximum)


async def test_periods_add_up_minutes(world: World) -> None:
    """From the start that is asked for; seconds only for what was recorded so fine."""
    for minute in range(10):
        world.record(minute + 1, minute * 60 + 3, high=minute < 2)
    assert world.totals(60) == {minute * 60: minute + 1.0 for minute in range(10)}
    assert world.totals(300) == {0: 15.0, 300: 40.0}
    assert world.totals(300, start=60) == {60: 20.0, 360: 34.0}
    assert world.totals(60, 120, 180) == {120: 3.0}
    assert world.totals(1) == {3: 1.0, 63: 2.0}
    assert world.totals(30) == {0: 1.0, 60: 2.0}


async def test_units_stay_apart(world: World) -> None:
    """One metric may have points in several."""
    world.record(1, unit="Count")
    world.record(2, unit="Bytes")
    found = world.metrics.read(HERE, KEY, T0, T0 + 60, 60)
    assert {(unit, each.total) for _, unit, each in found} == {("Count", 1.0), ("Bytes", 2.0)}
    assert [each.total for _, _, each in world.metrics.read(HERE, KEY, T0, T0 + 60, 60, "Bytes")] == [2.0]
    assert sorted(world.metrics.units(HERE, KEY)) == ["Bytes", "Count"]


async def test_tiers_are_kept_as_long_as_aws_keeps_them(world: World) -> None:
    """A second for 3 hours, a minute for 15 days, five minutes for 63, an hour for 455."""
    for second in range(0, 7_200, 30):
        world.record(1, second)
    per_tier = {1: 240, 60: 120, 300: 24, 3_600: 2}
    for tier, kept in TIERS:
        assert len(world.totals(tier, 0, 7_200)) == per_tier[tier]
        await world.clock.advance(kept - (world.clock.now() - T0) - 60)
        assert len(world.totals(tier, 0, 7_200)) == per_tier[tier], f"still there just before {kept} s"
        assert sum(world.totals(tier, 0, 7_200).values()) == 240
        await world.clock.advance(2 * 7_200 + tier)
        assert world.totals(tier, 0, 7_200) == {}, f"gone after {kept} s"
    await world.clock.advance(2 * DAY)
    assert not list(world.metrics.find(HERE))


async def test_what_was_recorded_survives_death(world: World) -> None:
    """Recent points and rolled ones, each counted once."""
    world.record(5, 10)
    await asyncio.sleep(0)
    world.again()
    assert world.totals(60) == {0: 5.0}
    await world.clock.advance(3 * 3_600)
    world.record(7, 3 * 3_600, high=False)
    world.record(11, 20)
    await asyncio.sleep(0)
    world.again()
    assert world.totals(60) == {0: 16.0, 10_800: 7.0}
    assert world.totals(3_600) == {0: 16.0, 10_800: 7.0}
    await world.clock.advance(3 * 3_600)
    world.again()
    assert world.totals(60) == {0: 16.0, 10_800: 7.0}


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(-3 * 3600, 0), st.integers(1, 50)),
        st.tuples(st.just("advance"), st.integers(1, 4_000), st.just(0)),
        st.tuples(st.just("die"), st.just(0), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(steps=_steps)
async def test_nothing_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Late points, rolling and deaths in any order: minutes and hours agree with what came in."""
    world = World(tmp_path_factory.mktemp("metrics") / "s", T0 + 10_800)
    minutes: dict[int, float] = {}
    for what, number, value in steps:
        if what == "record":
            at = int(world.clock.now()) + number - T0
            world.record(value, at)
            minutes[at - at % 60] = minutes.get(at - at % 60, 0.0) + value
            await asyncio.sleep(0)
        elif what == "advance":
            await world.clock.advance(number)
        else:
            world.again()
    start = -3 * 3_600
    assert world.totals(60, start) == minutes
    hours: dict[int, float] = {}
    for at, total in minutes.items():
        hours[at - at % 3_600] = hours.get(at - at % 3_600, 0.0) + total
    assert world.totals(3_600, start) == hours


async def test_finding_metrics(world: World) -> None:
    """By namespace and name, by when they were last heard of."""
    for name, space in (("A", "X"), ("B", "X"), ("A", "Y")):
        world.metrics.record(HERE, space, name, {"d": "1"}, 1.0, at=T0)
    world.metrics.record(Scope("1", "r"), "X", "A", {}, 1.0, at=T0)

    def found(space: str | None = None, name: str | None = None, since: float = 0.0) -> set[tuple[str, str]]:
        return {(key.namespace, key.name) for key in world.metrics.find(HERE, space, name, since=since)}

    assert found() == {("X", "A"), ("X", "B"), ("Y", "A")}
    assert found("X") == {("X", "A"), ("X", "B")}
    assert found("X", "A") == {("X", "A")} and found(None, "A") == {("X", "A"), ("Y", "A")}
    assert found(since=T0 + 1) == set()
    world.metrics.forget()
    assert found() == set()


async def test_a_full_disk_takes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused counts neither now nor when it is tried again, and what others left waiting is not lost."""
    world.metrics.put_durably(HERE, [Point(KEY, "Count", bucket(1), T0, False)])
    world.record(2, high=False)

    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "append", full)
        with pytest.raises(OSError, match="full"):
            world.metrics.put_durably(HERE, [Point(KEY, "Count", bucket(40), T0, False)])
        assert world.totals(60) == {0: 3.0}
    world.metrics.put_durably(HERE, [Point(KEY, "Count", bucket(40), T0, False)])
    assert world.totals(60) == {0: 43.0}
    world.again()
    assert world.totals(60) == {0: 43.0}


async def test_a_metric_that_was_refused_is_not_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that a full disk refused, nor one beyond the most that a cloud keeps."""

    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    world.record(1)
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "append", full)
        with pytest.raises(OSError, match="full"):
            world.metrics.put_durably(HERE, [Point(MetricKey("N", "new", ()), "Count", bucket(1), T0, False)])
    monkeypatch.setattr(recorder, "MOST_SERIES", 4)
    burst = [Point(MetricKey("N", f"m{number}", ()), "Count", bucket(1), T0, False) for number in range(5)]
    with pytest.raises(TooManyMetrics):
        world.metrics.put_durably(HERE, burst)
    assert list(world.metrics.find(HERE)) == [KEY]
    world.metrics.put_durably(HERE, burst[:2])
    world.again()
    assert {key.name for key in world.metrics.find(HERE)} == {KEY.name, "m0", "m1"}


async def test_large_dimensions_count_for_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of metrics is bounded in characters too, also after a death; what is forgotten makes room."""
    monkeypatch.setattr(recorder, "MOST_CHARACTERS", 2_500)

    def put(name: str) -> None:
        key = MetricKey("N", "M", (("d", name + "x" * 998),))
        world.metrics.put_durably(HERE, [Point(key, "Count", bucket(1), world.clock.now(), False)])

    for _ in range(2):
        put("a")
        put("b")
        world.again()
        with pytest.raises(TooManyMetrics, match="characters"):
            put("c")
    world.again()
    put("b")
    await world.clock.advance(400 * DAY)
    put("b")
    await world.clock.advance(60 * DAY)
    put("c")
    assert {key.dimensions[0][1][0] for key in world.metrics.find(HERE)} == {"b", "c"}


async def test_points_that_wait_for_a_full_disk_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data plane goes on recording: its points are read, and only the last of them wait for the file."""

    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(recorder, "_MOST_PENDING", 3)
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "append", full)
        for value in range(10):
            world.record(value, high=False)
            await asyncio.sleep(0)
        assert world.totals(60) == {0: 45.0}
    world.record(0, high=False)
    await asyncio.sleep(0)
    world.again()
    assert world.totals(60) == {0: 24.0}


async def test_memory_is_bounded_while_the_disk_stays_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hours stay readable; what was answered before is there again after the next start."""
    world.metrics.put_durably(HERE, [Point(KEY, "Count", bucket(1), T0, False)])

    def full(*_: object, **__: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "append", full)
        patch.setattr(Archive, "roll", full)
        for hour in range(1, 9):
            await world.clock.advance(3_600)
            world.record(hour, hour * 3_600, high=False)
        await world.clock.advance(3_600)
        assert world.totals(3_600) == {hour * 3_600: hour for hour in (6, 7, 8)}
    world.again()
    assert world.totals(3_600)[0] == 1


async def test_old_things_go_a_few_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few at once: all of it goes, and a series that had a point since stays."""
    monkeypatch.setattr(recorder, "_DROP_AT_ONCE", 1)
    monkeypatch.setattr(recorder, "_FORGET_AT_ONCE", 2)
    for number in range(7):
        world.metrics.record(HERE, "N", "M", {"d": str(number)}, 1.0, at=T0)
    await world.clock.advance(400 * DAY)
    world.metrics.record(HERE, "N", "M", {"d": "3"}, 1.0)
    await world.clock.advance(60 * DAY)
    assert [key.dimensions for key in world.metrics.find(HERE)] == [(("d", "3"),)]
    world.again()
    assert [key.dimensions for key in world.metrics.find(HERE)] == [(("d", "3"),)]
