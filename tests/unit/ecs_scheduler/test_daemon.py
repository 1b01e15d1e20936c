"""Daemons: never two on an instance, never too few, and every instance gets its new one."""

from __future__ import annotations

import random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloudarium.services.ecs.scheduler.daemon import decide
from cloudarium.services.ecs.scheduler.rollout import Phase, Unit, bounds


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6), st.sampled_from([0, 25, 50, 75]), st.integers(0, 2**32))
def test_an_update_goes_from_instance_to_instance(count: int, low: int, seed: int) -> None:
    """In any order of events."""
    chance = random.Random(seed)
    instances = [f"i{n}" for n in range(count)]
    tasks = {i: [Unit(f"old-{i}", Phase.RUNNING, healthy=True, current=False)] for i in instances}
    limits = bounds(count, low, 100)
    assume(limits.lower < count)  # otherwise AWS is stuck, too
    for _ in range(30 * count):
        decision = decide(instances, limits, tasks)
        for instance in decision.start:
            assert not tasks[instance]
            tasks[instance] = [Unit(f"new-{instance}", Phase.STARTING)]
        for there in tasks.values():
            for index, unit in enumerate(there):
                if unit.id in decision.stop:
                    there[index] = unit._replace(phase=Phase.STOPPING)
        everything = [u for there in tasks.values() for u in there]
        assert sum(u.healthy and u.phase is Phase.RUNNING for u in everything) >= limits.lower
        instance = chance.choice(instances)
        tasks[instance] = [_later(u) for u in tasks[instance] if u.phase is not Phase.STOPPING]
    assert all([u.id for u in tasks[i]] == [f"new-{i}"] for i in instances)


def test_what_cannot_be_replaced_is_not_stopped() -> None:
    """While nothing may start; but where no daemon belongs it goes."""
    old = {"a": [Unit("x", Phase.RUNNING, healthy=True, current=False)], "b": [Unit("y", Phase.RUNNING, healthy=True)]}
    assert decide(["a"], bounds(2, 0, 100), old, may_start=False) == ((), ("y",))


def _later(unit: Unit) -> Unit:
    return unit._replace(phase=Phase.RUNNING, healthy=unit.phase is Phase.RUNNING)
