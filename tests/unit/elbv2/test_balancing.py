"""Who is next: algorithms, pools, thresholds, slow start."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.elbv2 import fakes

from cloudarium.services.elbv2.node.balancing import (
    EvenRandom,
    LeastOutstanding,
    RoundRobin,
    WeightedTurns,
    slow_start_share,
)
from cloudarium.services.elbv2.node.groups import GroupView
from cloudarium.services.elbv2.node.pools import Thresholds, eligible
from cloudarium.services.elbv2.node.wire import TargetSnap
from cloudarium.substrate.http.upstream import ProtocolVersion, Upstream


def test_round_robin_takes_turns() -> None:
    turns = RoundRobin("abc", first=1)
    assert [turns.next() for _ in range(6)] == list("bcabca")
    assert RoundRobin("").next() is None


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5))
def test_weighted_turns_are_exact_over_a_round(weights: list[int]) -> None:
    turns = WeightedTurns(list(range(len(weights))), lambda n: weights[n])
    if sum(weights) == 0:
        assert turns.next() is None
        return
    counted = Counter(turns.next() for _ in range(sum(weights)))
    assert [counted[n] for n in range(len(weights))] == weights


@dataclass
class Busy:
    active: int


def test_least_outstanding() -> None:
    items = [Busy(2), Busy(0), Busy(1)]
    picker = LeastOutstanding(items)
    assert picker.next() is items[1]
    items[1].active = 2
    assert picker.next() is items[2]
    items[2].active = 2
    assert {id(picker.next()) for _ in range(3)} == {id(item) for item in items}, "in turn among equals"


def test_even_random_reaches_all() -> None:
    picker = EvenRandom("ab", random.Random(1))
    assert set(Counter(picker.next() for _ in range(50))) == {"a", "b"}


@pytest.mark.parametrize(
    ("since", "now", "share"), [(0, 50, 1.0), (100, 100, 0.01), (100, 115, 0.5), (100, 130, 1.0), (100, 500, 1.0)]
)
def test_slow_start_is_linear(since: float, now: float, share: float) -> None:
    assert slow_start_share(since, 30, now) == pytest.approx(share)


@dataclass
class Member:
    zone: str
    state: str


@pytest.mark.parametrize(
    ("count", "percentage", "healthy", "expected"),
    [(1, None, 1, 1), (2, None, 1, 4), (1, 50, 1, 4), (1, 25, 1, 1), (1, None, 0, 4)],
)
def test_too_few_healthy_means_all(count: int, percentage: int | None, healthy: int, expected: int) -> None:
    members = [Member("a", "healthy")] * healthy + [Member("a", "unhealthy")] * (4 - healthy)
    found, _ = eligible(members, "a", True, Thresholds(count, percentage))
    assert len(found) == expected


def test_draining_targets_never_count_and_zones_may() -> None:
    members = [Member("a", "draining"), Member("b", "healthy"), Member("a", "unhealthy"), Member("all", "healthy")]
    thresholds = Thresholds(1, None)
    assert eligible(members, "a", True, thresholds)[0] == [members[1], members[3]]
    assert eligible(members, "a", False, thresholds)[0] == [members[3]]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def view(clock: Clock, zone: str = "us-east-1a") -> GroupView:
    async def dial(_: Upstream) -> None:
        raise OSError

    def make(target: TargetSnap, protocol: ProtocolVersion) -> Upstream:
        return Upstream(target.address, target.port, dial, protocol=protocol)  # type: ignore[arg-type]

    return GroupView(zone, make)


def names(group: GroupView, times: int) -> Counter[str]:
    counted: Counter[str] = Counter()
    for _ in range(times):
        seat = group.next()
        counted[seat.target.key if seat else "-"] += 1
    return counted


def test_a_group_follows_health_and_membership() -> None:
    clock = Clock()
    group = view(clock)
    group.update(fakes.group("g", fakes.target("a"), fakes.target("bb", "unhealthy")), clock)
    assert names(group, 4) == {"a": 4}
    group.change("bb", "healthy", 0.0)
    assert names(group, 4) == {"a": 2, "bb": 2}
    group.change("a", "unhealthy", 0.0)
    group.change("bb", "unhealthy", 0.0)
    assert names(group, 4) == {"a": 2, "bb": 2} and group.fails_open
    kept = {seat.target.key: seat.upstream for seat in group.seats}
    group.update(fakes.group("g", fakes.target("a")), clock)
    assert names(group, 2) == {"a": 2}
    assert {seat.target.key: seat.upstream for seat in group.seats} == {"a": kept["a"]}, "its connections are kept"
    assert kept["bb"].closed
    group.update(fakes.group("g"), clock)
    assert group.next() is None


def test_each_node_goes_by_what_it_found_itself() -> None:
    clock = Clock()
    target = TargetSnap("a", "10.0.0.1", 80, "us-east-1a", "healthy", 0.0, {"us-east-1b": "unhealthy"})
    snap = fakes.group("g", target, fakes.target("bb"))
    here, there = view(clock), view(clock, "us-east-1b")
    here.update(snap, clock)
    there.update(snap, clock)
    assert names(here, 4) == {"a": 2, "bb": 2}
    assert names(there, 4) == {"bb": 4}


def test_slow_start_ends_with_its_time() -> None:
    clock = Clock()
    group = view(clock)
    snap = fakes.group(
        "g", fakes.target("a"), fakes.target("bb", slow_since=1000.0), slow_start__duration_seconds="100"
    )
    group.update(snap, clock)
    assert names(group, 100)["bb"] <= 2
    clock.now = 1050.0
    assert 30 <= names(group, 99)["bb"] <= 36
    clock.now = 1100.0
    assert names(group, 100) == {"a": 50, "bb": 50}
