"""Rolling updates as arithmetic: the two lines hold at every instant, whatever happens, and every walk arrives."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.services.ecs.scheduler.rollout import Bounds, Phase, Unit, bounds, decide, scale_in, unbalanced

ALLOWED = [(low, high) for low in (0, 50, 100) for high in (100, 150, 200) if (low, high) != (100, 100)]
"""Every combination of the notebook's percentages under which AWS can move at all."""


def counts(unit: Unit) -> bool:
    return unit.phase is Phase.RUNNING and unit.healthy and not unit.failed


class World:
    """Tasks that move through their lives as an outside force pleases; decisions are carried out at once."""

    def __init__(self, desired: int, percents: tuple[int, int], units: list[Unit]) -> None:
        self.desired = desired
        self.limits = bounds(desired, *percents)
        self.units = {u.id: u for u in units}
        self._names = itertools.count(1)
        self.started = 0

    def step(self) -> bool:
        """Ask once, check what the answer would do to the lines, and do it."""
        before = len(self.units)
        healthy = sum(counts(u) for u in self.units.values())
        decision = decide(self.desired, self.limits, list(self.units.values()))
        for _ in range(decision.start):
            name = f"new-{next(self._names)}"
            self.started += 1
            self.units[name] = Unit(name, Phase.STARTING, created=1000.0 + self.started)
        for name in decision.stop:
            assert self.units[name].phase is not Phase.STOPPING
            self.units[name] = self.units[name]._replace(phase=Phase.STOPPING)
        if decision.start:
            assert len(self.units) <= self.limits.upper, (before, decision)
        left = sum(counts(u) for u in self.units.values())
        if left < healthy:
            assert left >= self.limits.lower, decision
        return bool(decision.start or decision.stop)

    def move(self, name: str, fate: str) -> None:
        """One thing happens to one task by itself."""
        unit = self.units.get(name)
        if unit is None:
            return
        if unit.phase is Phase.STOPPING:
            if fate == "go":
                del self.units[name]
        elif fate == "die":
            del self.units[name]
        elif fate == "fail" and unit.phase is Phase.RUNNING:
            self.units[name] = unit._replace(failed=True, healthy=False)
        elif fate == "go" and unit.phase is Phase.STARTING:
            self.units[name] = unit._replace(phase=Phase.RUNNING)
        elif fate == "go" and not unit.failed:
            self.units[name] = unit._replace(healthy=True)

    def settled(self) -> bool:
        """Whether there are as many tasks as desired, all healthy and current."""
        return len(self.units) == self.desired and all(counts(u) and u.current for u in self.units.values())

    def calm(self) -> None:
        """From now on everything goes well: it must arrive, and stay."""
        for _ in range(20 * (self.desired + len(self.units)) + 40):
            self.step()
            for name in list(self.units):
                self.move(name, "go")
                while self.step():
                    pass
            if self.settled():
                break
        live = list(self.units.values())
        assert [u for u in live if not counts(u) or not u.current] == []
        assert len(live) == self.desired
        assert not self.step()


def old(count: int, **flags: Any) -> list[Unit]:
    return [Unit(f"old-{n}", Phase.RUNNING, healthy=True, current=False, **flags) for n in range(count)]


@st.composite
def worlds(draw: Any) -> World:
    desired = draw(st.integers(2, 9))
    percents = draw(st.sampled_from(ALLOWED))
    units = []
    for n in range(draw(st.integers(0, 12))):
        phase = draw(st.sampled_from(list(Phase)))
        healthy, current = draw(st.booleans()), draw(st.booleans())
        failed = phase is Phase.RUNNING and not healthy and draw(st.booleans())
        units.append(Unit(f"u-{n}", phase, healthy and phase is Phase.RUNNING, failed, current, created=float(n)))
    return World(desired, percents, units)


FATES = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["go", "go", "go", "die", "fail"])), max_size=60)


@settings(max_examples=150, deadline=None)
@given(worlds(), FATES, st.lists(st.integers(0, 9), max_size=3))
def test_the_lines_hold_at_every_instant_and_it_converges(
    world: World, fates: list[tuple[int, str]], scalings: list[int]
) -> None:
    """Any tasks, any deaths and failures between any two steps, any changes of the desired count."""
    moves = iter(fates)
    for scaling in [world.desired, *scalings]:
        if scaling >= 2:
            percents = (world.limits.lower * 100 // max(1, world.desired), 200)
            world.desired, world.limits = scaling, bounds(scaling, *percents)
        for index, fate in itertools.islice(moves, 20):
            world.step()
            if world.units:
                world.move(sorted(world.units)[index % len(world.units)], fate)
    world.calm()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.sampled_from(ALLOWED), st.integers(0, 2**32))
def test_an_undisturbed_update_never_leaves_the_lines(desired: int, percents: tuple[int, int], seed: int) -> None:
    """When no task dies by itself, healthy and existing tasks are observed within both lines at every instant."""
    world = World(desired, percents, old(desired))
    chance = random.Random(seed)
    while not world.settled():
        world.step()
        assert sum(counts(u) for u in world.units.values()) >= world.limits.lower
        assert len(world.units) <= world.limits.upper or not world.started
        if world.units:
            world.move(chance.choice(sorted(world.units)), "go")
    world.calm()


@pytest.mark.parametrize(
    ("desired", "low", "high", "expected"),
    [(4, 50, 100, (2, 4)), (3, 50, 125, (2, 3)), (2, 75, 200, (2, 4)), (1, 100, 200, (1, 2)), (0, 100, 200, (0, 0))],
)
def test_the_minimum_rounds_up_and_the_maximum_down(desired: int, low: int, high: int, expected: Bounds) -> None:
    """As the service event messages page works out for 75 % of two and 125 % of three."""
    assert bounds(desired, low, high) == expected


def test_without_room_it_says_so() -> None:
    """One task, 100 and 150 per cent: neither a start nor a stop is possible."""
    decision = decide(1, bounds(1, 100, 150), old(1))
    assert (decision.start, decision.stop, decision.stuck) == (0, (), True)


def test_new_tasks_come_first_when_there_is_room() -> None:
    """Up to the upper line, with no old task touched before a new one is healthy."""
    assert decide(4, bounds(4, 50, 200), old(4)) == (4, (), 0, False)
    coming = [Unit(f"new-{n}", Phase.RUNNING) for n in range(4)]
    assert decide(4, bounds(4, 50, 200), old(4) + coming).stop == ()
    well = [u._replace(healthy=True) for u in coming[:3]] + coming[3:]
    assert decide(4, bounds(4, 50, 200), old(4) + well).stop == ("old-0", "old-1", "old-2")


def test_old_tasks_make_room_down_to_the_lower_line() -> None:
    """50 and 100 per cent of four: two go, two come, two go."""
    assert decide(4, bounds(4, 50, 100), old(4)) == (0, ("old-0", "old-1"), 0, False)


def test_a_failed_task_is_replaced_before_it_is_stopped() -> None:
    """With room a replacement comes first; as soon as that is healthy the failed one goes."""
    tasks = [Unit("a", Phase.RUNNING, healthy=True), Unit("b", Phase.RUNNING, failed=True)]
    first = decide(2, bounds(2, 100, 200), tasks)
    assert (first.start, first.stop, first.replacing) == (1, (), 1)
    assert decide(2, bounds(2, 100, 200), [*tasks, Unit("c", Phase.RUNNING)]).stop == ()
    assert decide(2, bounds(2, 100, 200), [*tasks, Unit("c", Phase.RUNNING, healthy=True)]).stop == ("b",)


def test_without_room_failed_tasks_go_one_at_a_time() -> None:
    """Also when the minimum is 100 per cent: they do not count towards it."""
    tasks = [Unit(str(n), Phase.RUNNING, failed=True) for n in range(3)]
    assert decide(3, bounds(3, 100, 100), tasks).stop == ("0",)
    stopping = [tasks[0]._replace(phase=Phase.STOPPING), *tasks[1:]]
    assert decide(3, bounds(3, 100, 100), stopping).stop == ()


def test_protected_tasks_are_spared() -> None:
    """By scaling in and by deployments."""
    tasks = [Unit("a", Phase.RUNNING, healthy=True, protected=True), Unit("b", Phase.RUNNING, healthy=True)]
    assert decide(1, bounds(1, 100, 200), tasks).stop == ("b",)
    assert decide(0, bounds(0, 100, 200), tasks).stop == ("b",)
    new = [Unit("n", Phase.RUNNING, healthy=True)]
    assert decide(1, bounds(1, 100, 200), [*old(1, protected=True), *new]).stop == ()


def test_scaling_in_takes_from_the_fullest_zone() -> None:
    """The newest of the zone with most tasks, and before all others those that do not serve."""
    tasks = [
        Unit(f"{z}{n}", Phase.RUNNING, healthy=True, zone=z, created=n)
        for z, k in (("a", 3), ("b", 1))
        for n in range(k)
    ]
    assert [u.id for u in scale_in(tasks, 2)] == ["a2", "a1"]
    ill = [*tasks[:-1], tasks[-1]._replace(failed=True, healthy=False)]
    assert [u.id for u in scale_in(ill, 1)] == ["b0"]


def test_rebalancing_moves_one_task_at_a_time() -> None:
    """Only when zones differ by more than one, and while everything is healthy."""
    tasks = [Unit(str(n), Phase.RUNNING, healthy=True, zone="a", created=n) for n in range(3)]
    chosen = unbalanced(tasks, ["a", "b"])
    assert chosen is not None and chosen.id == "2"
    assert unbalanced(tasks, ["a"]) is None
    assert unbalanced([*tasks[:2], tasks[2]._replace(zone="b")], ["a", "b"]) is None
    assert unbalanced([tasks[0]._replace(healthy=False), *tasks[1:]], ["a", "b"]) is None


def test_nothing_starts_while_launches_are_held_back() -> None:
    """Old tasks are not given up for new ones that may not come."""
    assert decide(4, bounds(4, 50, 100), old(4), may_start=False) == (0, (), 0, False)
