"""Nodes over several workers: who is told what, and when a worker may go."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.elbv2.conftest import SCOPE, Api

from cloudarium.services.elbv2.controllers.link import NodeLink
from cloudarium.services.elbv2.controllers.plane import Plane
from cloudarium.services.elbv2.health.board import board_of
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.resources import LoadBalancer, Node


class Link:
    """A worker that only remembers."""

    def __init__(self) -> None:
        self.connected = False
        self.posted: list[Any] = []
        self.collected = 0
        self.on_collect: Any = lambda: None

    def ensure(self) -> None:
        self.connected = True

    def post(self, message: Any, fds: list[int] | None = None) -> bool:
        self.posted.append(message)
        return True

    async def collect(self) -> None:
        self.collected += 1
        self.on_collect()

    async def close(self) -> None:
        self.connected = False


class Workers(list[Link]):
    def for_layer(self, layer: int) -> int:
        return layer % len(self)

    def connected(self) -> list[int]:
        return [number for number, link in enumerate(self) if link.connected]


def node(arn: str, layer: int, zone: str, **more: Any) -> Node:
    name = f"{layer}{zone}"
    fields = {"zone": zone, "eni_id": f"eni-{name}", "private_ip": "10.0.0.1", "layer": layer, **more}
    return Node(key=f"{arn}|{name}", load_balancer_arn=arn, **fields)


@pytest.fixture
def workers() -> Workers:
    return Workers([Link(), Link()])


async def served(api: Api, arn: str, workers: Workers, *layers: int, phase: str = "serving") -> Plane:
    balancer = api.cloud.store.table(LoadBalancer).get(SCOPE, arn)
    assert balancer is not None
    for layer in layers:
        for zone in balancer.zones:
            put = node(arn, layer, zone.name, subnet_id=zone.subnet_id, phase=phase if layer else "serving")
            api.cloud.store.table(Node).put(SCOPE, put)
    plane = Plane(api.cloud, board_of(api.cloud), workers)  # type: ignore[arg-type]
    await plane.serve(SCOPE, balancer)
    return plane


def carried(link: Link) -> dict[str, int]:
    """The nodes of the last snapshot that a worker was sent, and where their turns begin."""
    snaps = [message for message in link.posted if isinstance(message, wire.Balancer)]
    return {each.eni_id: each.first for each in snaps[-1].nodes} if snaps else {}


async def test_layers_alternate_between_workers(api: Api, balancer: str, workers: Workers) -> None:
    plane = await served(api, balancer, workers, 0, 1, 2)
    assert carried(workers[0]) == {
        "eni-0us-east-1a": 0,
        "eni-0us-east-1b": 1,
        "eni-2us-east-1a": 4,
        "eni-2us-east-1b": 5,
    }
    assert carried(workers[1]) == {"eni-1us-east-1a": 2, "eni-1us-east-1b": 3}
    workers[0].posted.clear()
    change = wire.HealthChange(balancer, "us-east-1a", "g", "k", "healthy", 0.0)
    plane.health_changed(change)
    assert workers[0].posted == [change] == [m for m in workers[1].posted if isinstance(m, wire.HealthChange)]
    plane.drop(balancer)
    assert all(link.posted[-1] == wire.Gone(balancer) for link in workers)


async def test_one_worker_carries_what_one_can(api: Api, balancer: str, workers: Workers) -> None:
    await served(api, balancer, workers, 0)
    assert len(carried(workers[0])) == 2 and not workers[1].connected


async def test_drained_nodes_are_no_longer_carried_and_their_worker_ends(
    api: Api, balancer: str, workers: Workers
) -> None:
    plane = await served(api, balancer, workers, 0, 1)
    table = api.cloud.store.table(Node)
    upper = [each for each in table.find(SCOPE, "load_balancer_arn", balancer) if each.layer]
    for each in upper:
        table.put(SCOPE, each.replace(phase="drained"))
    found = api.cloud.store.table(LoadBalancer).get(SCOPE, balancer)
    assert found is not None
    await plane.serve(SCOPE, found)
    assert carried(workers[1]) == {} and len(carried(workers[0])) == 2
    await plane.retire_idle()
    assert workers[1].connected, "its nodes still finish what is under way"
    for each in upper:
        table.delete(SCOPE, each.key)

    def back() -> None:
        table.put(SCOPE, upper[0])

    workers[1].on_collect = back
    await plane.retire_idle()
    assert workers[1].connected, "it is needed again since it was asked for its counters"
    workers[1].on_collect = lambda: None
    table.delete(SCOPE, upper[0].key)
    await plane.retire_idle()
    assert not workers[1].connected and workers[1].collected == 2
    await plane.serve(SCOPE, found)
    assert not workers[1].connected, "nothing brings it back but a node"


async def test_the_late_end_of_a_closed_worker_does_not_count_for_the_next(api: Api) -> None:
    class Child:
        channel = object()

        async def stop(self, grace: float) -> None: ...

    class Supervisor:
        def __init__(self) -> None:
            self.ends: list[Any] = []

        def start(self, name: str, target: str, **callbacks: Any) -> Child:
            child = Child()
            self.ends.append(lambda end: callbacks["on_exit"](child, end))
            return child

    class End:
        restarting = False

    api.cloud.supervisor = supervisor = Supervisor()  # type: ignore[assignment]
    link = NodeLink(api.cloud, lambda: None, lambda arn, revision: None, lambda message: None)
    link.ensure()
    await link.close()
    link.ensure()
    link._channel = Link()
    supervisor.ends[0](End())
    assert link.connected
    supervisor.ends[1](End())
    assert not link.connected
