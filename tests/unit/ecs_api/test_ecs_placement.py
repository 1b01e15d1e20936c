"""Placement: constraints, resources and strategies, by themselves and one after the other."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.ecs.placement import Candidate, Demand, place

ZONES = {"type": "spread", "field": "attribute:ecs.availability-zone"}
INSTANCES = {"type": "spread", "field": "instanceId"}
ONE = Demand(cpu=100, memory=100)


def fleet(**zones: int) -> list[Candidate]:
    """So many instances in each zone, all alike."""
    made = []
    for zone, count in zones.items():
        for number in range(count):
            made.append(Candidate(f"{zone}{number}", cpu=1000, memory=1000, zone=zone))
    return made


def put(
    instances: list[Candidate], count: int, *strategies: dict[str, Any], group: str = "service:web"
) -> Counter[str]:
    """Place tasks one after the other; how many each instance got."""
    got: Counter[str] = Counter()
    for _ in range(count):
        placed = place(instances, ONE, group=group, strategies=strategies, random=random.Random(1))
        assert placed.instance is not None
        got[placed.instance.id] += 1
    return got


def test_spread_over_zones_and_then_over_instances() -> None:
    got = put(fleet(a=3, b=1), 4, ZONES, INSTANCES)
    assert got["b0"] == 2
    assert sorted(got.values()) == [1, 1, 2]


def test_a_spread_counts_the_tasks_of_its_own_group_only() -> None:
    instances = fleet(a=1, b=1)
    put(instances, 4, {"type": "binpack", "field": "MEMORY"}, group="other")
    assert put(instances, 2, INSTANCES) == {"a0": 1, "b0": 1}


@pytest.mark.parametrize("field", ["cpu", "MEMORY"])
def test_binpack_fills_one_before_it_begins_the_next(field: str) -> None:
    got = put(fleet(a=3), 15, {"type": "binpack", "field": field})
    assert sorted(got.values()) == [5, 10]


def test_spread_over_any_attribute() -> None:
    racks = [Candidate(str(n), cpu=1000, memory=1000, attributes={"rack": "r1" if n else "r0"}) for n in range(4)]
    got = put(racks, 6, {"type": "spread", "field": "attribute:rack"})
    assert got["0"] == 3


def test_random_reaches_everywhere() -> None:
    source = random.Random(7)
    strategies = [{"type": "random"}]
    got = {
        placed.instance.id
        for _ in range(60)
        if (placed := place(fleet(a=4), ONE, group="g", strategies=strategies, random=source)).instance is not None
    }
    assert len(got) == 4


def test_each_refusal_has_its_reason() -> None:
    def reason(candidate: Candidate, demand: Demand = ONE, *constraints: dict[str, Any]) -> str:
        placed = place([candidate], demand, group="g", constraints=constraints)
        assert placed.instance is None
        return placed.failures[0][1]

    there: dict[str, Any] = {"cpu": 1000, "memory": 1000, "zone": "a"}
    assert reason(Candidate("x", **there, agent_connected=False)) == "AGENT"
    assert reason(Candidate("x", **there), Demand(memory=1001)) == "RESOURCE:MEMORY"
    assert reason(Candidate("x", **there), Demand(cpu=1001)) == "RESOURCE:CPU"
    assert reason(Candidate("x", **there, ports={80}), Demand(ports=frozenset([80]))) == "RESOURCE:PORTS"
    assert reason(Candidate("x", **there, udp_ports={53}), Demand(udp_ports=frozenset([53]))) == "RESOURCE:PORTS"
    assert reason(Candidate("x", **there), Demand(attributes=["gpu"])) == "ATTRIBUTE"
    assert reason(Candidate("x", **there), Demand(zones=["b"])) == "LOCATION"
    distinct = {"type": "distinctInstance"}
    unsatisfied = "placement constraint unsatisfied."
    assert reason(Candidate("x", **there, groups={"g": 1}), ONE, distinct) == f"DistinctInstance {unsatisfied}"
    member = {"type": "memberOf", "expression": "attribute:x exists"}
    assert reason(Candidate("x", **there), ONE, member) == f"MemberOf {unsatisfied}"
    assert place([Candidate("x", **there, status="DRAINING")], ONE, group="g").failures == ()


def test_a_tcp_and_a_udp_port_do_not_collide() -> None:
    instances = fleet(a=1)
    assert place(instances, Demand(ports=frozenset([53])), group="g").instance is not None
    assert place(instances, Demand(udp_ports=frozenset([53])), group="g").instance is not None


_FLEET = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from("abc")), min_size=1, max_size=6)
_STRATEGIES = st.lists(
    st.sampled_from([ZONES, INSTANCES, {"type": "binpack", "field": "CPU"}, {"type": "random"}]), max_size=3
)


@given(_FLEET, st.integers(1, 20), _STRATEGIES)
def test_nothing_is_ever_given_twice(
    sizes: list[tuple[int, int, str]], count: int, strategies: list[dict[str, Any]]
) -> None:
    """Whatever the strategy: all that fits is placed, and no instance gives more than it has."""
    instances = [Candidate(str(n), cpu=100 * c, memory=100 * m, zone=z) for n, (c, m, z) in enumerate(sizes)]
    room = sum(min(c, m) for c, m, _ in sizes)
    placed = sum(place(instances, ONE, group="g", strategies=strategies).instance is not None for _ in range(count))
    assert placed == min(room, count)
    assert all(each.cpu >= 0 and each.memory >= 0 for each in instances)
