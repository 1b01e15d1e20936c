"""How many nodes: the decision, what it is made from, and what the controller makes of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.elbv2.conftest import SCOPE, Api, Net

from cloudarium.kernel.errors import AwsError
from cloudarium.services.elbv2 import scaling
from cloudarium.services.elbv2.controllers.balancers import Balancers
from cloudarium.services.elbv2.controllers.log_delivery import LogDelivery
from cloudarium.services.elbv2.controllers.names import Names
from cloudarium.services.elbv2.controllers.scaling import Scaling
from cloudarium.services.elbv2.health.board import board_of
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.node.counting import Counts, GroupCounts, NodeCounts
from cloudarium.services.elbv2.resources import LoadBalancer, Node
from cloudarium.services.elbv2.scaling import Load, Plan, grow, layers_for, review

MEANS = {"zones": 2, "workers": 4}


@pytest.mark.parametrize(
    ("load", "layers"),
    [
        (Load(), 1),
        (Load(requests=2000.0), 1),
        (Load(requests=2000.5), 2),
        (Load(requests=4001.0), 3),
        (Load(connections=401.0), 2),
        (Load(active=2001), 2),
        (Load(requests=10.0, busy=True), 2),
        (Load(requests=1e9), 50),
    ],
)
def test_layers_for_a_load(load: Load, layers: int) -> None:
    assert layers_for(load, layers=1, **MEANS) == layers


def test_being_busy_asks_for_no_more_layers_than_there_are_processors() -> None:
    assert layers_for(Load(busy=True), zones=2, layers=4, workers=4) == 1


def test_growing_is_at_once_and_shrinking_takes_long_calm() -> None:
    plan = grow(Plan(1), Load(requests=6000.0), **MEANS)
    assert plan.layers == 3
    plan = review(plan, Load(requests=5000.0), 0.0, **MEANS)
    assert plan == Plan(3), "with some headroom that is still what it takes"
    shown = []
    for minute in range(1, 40):
        plan = review(plan, Load(), 60.0 * minute, **MEANS)
        shown.append(plan.layers)
    assert shown == [3] * 15 + [2] * 15 + [1] * 9
    assert review(Plan(3, 60.0), Load(requests=5900.0), 600.0, **MEANS) == Plan(3), "calm begins anew"


@given(
    st.lists(
        st.tuples(st.floats(0, 1e6), st.floats(0, 1e5), st.integers(0, 10**6), st.booleans(), st.booleans()),
        max_size=60,
    ),
    st.integers(1, 6),
    st.integers(1, 4),
)
def test_a_plan_is_always_within_bounds(steps: list[tuple[Any, ...]], zones: int, workers: int) -> None:
    plan = Plan(1)
    for minute, (requests, connections, active, busy, at_once) in enumerate(steps):
        load = Load(requests, connections, active, busy)
        before = plan.layers
        if at_once:
            plan = grow(plan, load, zones=zones, workers=workers)
            assert plan.layers >= before
        else:
            plan = review(plan, load, 60.0 * minute, zones=zones, workers=workers)
            assert plan.layers >= before - 1
        assert plan.layers >= 1 and plan.layers * zones <= scaling.MOST_NODES
        assert plan.layers >= min(layers_for(load, zones=zones, layers=before, workers=workers), before)


def test_counts_of_nodes_become_those_of_zones() -> None:
    counts = Counts(zones={"eni-1": "a", "eni-2": "a", "eni-3": "b"})
    for number, name in enumerate(counts.zones, 1):
        counts.nodes[name] = NodeCounts(requests=number, active_connections=10, elb_codes={502: number})
        counts.groups[name] = {"g": GroupCounts(requests=number, codes={2: number}, response_times={500_000: number})}
    later = Counts({"eni-1": NodeCounts(requests=5, active_connections=4)}, {"eni-1": {}}, {"eni-1": "a"})
    counts.take(later)
    found = counts.by_zone()
    assert found.nodes["a"].requests == 1 + 5 + 2 and found.nodes["b"].requests == 3
    assert found.nodes["a"].active_connections == 4 + 10, "of one node the latest counts"
    assert found.nodes["a"].elb_codes == {502: 3}
    assert found.groups["a"]["g"] == GroupCounts(requests=3, codes={2: 3}, response_times={500_000: 3})
    assert set(found.nodes) == {"a", "b"}


class Plane:
    """Serves at once, and remembers what."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.served: list[str] = []

    async def serve(self, scope: Any, balancer: LoadBalancer) -> None:
        nodes = self.cloud.store.table(Node).find(scope, "load_balancer_arn", balancer.arn)
        self.served = [node.eni_id for node in nodes if node.phase != "drained"]

    async def wait_until_served(self, arn: str) -> bool:
        return True

    async def hand_over(self, arn: str) -> None:
        pass

    def drop(self, arn: str) -> None:
        self.served = []


class Site:
    """A load balancer whose controller is run by hand."""

    def __init__(self, api: Api, arn: str) -> None:
        self.api, self.arn = api, arn
        self.clock = api.cloud.clock
        self.table = api.cloud.store.table(LoadBalancer)
        self.plane = Plane(api.cloud)
        self.controller = Balancers(api.cloud, self.plane, LogDelivery(api.cloud))  # type: ignore[arg-type]
        self.names = Names(api.cloud, board_of(api.cloud))

    def want(self, layers: int) -> None:
        found = self.table.get(SCOPE, self.arn)
        assert found is not None
        self.table.put(SCOPE, found.replace(layers=layers))

    async def reconcile(self) -> float | None:
        return await self.controller.reconcile((SCOPE, self.arn))

    @property
    def nodes(self) -> list[Node]:
        return self.api.cloud.store.table(Node).find(SCOPE, "load_balancer_arn", self.arn)

    @property
    def known(self) -> set[str]:
        return {node.eni_id for node in self.names.nodes((SCOPE, self.arn))}

    async def interfaces(self) -> set[str]:
        found = await self.api.ec2("describe_network_interfaces")
        return {each["NetworkInterfaceId"] for each in found["NetworkInterfaces"]}


@pytest.fixture
async def site(api: Api, balancer: str) -> Site:
    api.cloud.clock.freeze()
    made = Site(api, balancer)
    await made.reconcile()
    return made


async def test_a_layer_is_a_node_in_each_zone_and_leaves_step_by_step(site: Site) -> None:
    first = {node.eni_id for node in site.nodes}
    assert len(first) == 2 and site.known == first
    site.want(3)
    assert await site.reconcile() is None
    assert [node.layer for node in site.nodes] == [0, 0, 1, 1, 2, 2]
    everyone = {node.eni_id for node in site.nodes}
    assert site.known == set(site.plane.served) == everyone == await site.interfaces()

    site.want(1)
    assert await site.reconcile() == 300.0
    assert site.known == first and set(site.plane.served) == everyone, "out of DNS first"
    await site.clock.advance(299)
    assert await site.reconcile() == pytest.approx(1.0)
    await site.clock.advance(1)
    assert await site.reconcile() == 300.0
    assert set(site.plane.served) == first and await site.interfaces() == everyone, "then it accepts no more"
    await site.clock.advance(300)
    assert await site.reconcile() is None
    assert await site.interfaces() == first == {node.eni_id for node in site.nodes}, "then it is gone"


async def test_who_is_leaving_may_come_back(site: Site) -> None:
    site.want(2)
    await site.reconcile()
    everyone = await site.interfaces()
    site.want(1)
    await site.reconcile()
    site.want(2)
    assert await site.reconcile() is None
    assert site.known == everyone
    site.want(1)
    await site.reconcile()
    await site.clock.advance(300)
    await site.reconcile()
    site.want(2)
    assert await site.reconcile() is None
    assert site.known == set(site.plane.served) == everyone == await site.interfaces()


async def test_a_subnet_without_addresses_makes_it_impaired_until_it_has_some(site: Site, net: Net) -> None:
    real = site.api.dispatch
    refused = {net.subnets[1]}

    async def dispatch(service: str, operation: str, scope: Any, principal: Any, params: dict[str, Any]) -> Any:
        if operation == "create_network_interface" and params["SubnetId"] in refused:
            raise AwsError("InsufficientFreeAddressesInSubnet", "none left")
        return await real(service, operation, scope, principal, params)

    site.api.cloud.dispatch = dispatch
    site.want(2)
    assert await site.reconcile() == 60.0
    (shown,) = (await site.api("describe_load_balancers"))["LoadBalancers"]
    assert shown["State"]["Code"] == "active_impaired" and net.subnets[1] in shown["State"]["Reason"]
    assert len(site.known) == 3, "the other zone has its second node"
    refused.clear()
    assert await site.reconcile() is None
    (shown,) = (await site.api("describe_load_balancers"))["LoadBalancers"]
    assert shown["State"] == {"Code": "active"} and len(site.known) == 4


async def test_a_node_made_by_a_cloud_that_died_is_found_again(site: Site, net: Net) -> None:
    await site.reconcile()
    before = await site.interfaces()
    site.want(2)
    await site.reconcile()
    lost = next(node for node in site.nodes if node.layer == 1)
    site.api.cloud.store.table(Node).delete(SCOPE, lost.key)
    await site.reconcile()
    assert len(await site.interfaces()) == len(before) + 2
    assert len({node.eni_id for node in site.nodes}) == 4


async def test_dns_gives_eight_addresses_in_any_order(site: Site) -> None:
    site.want(6)
    await site.reconcile()
    (shown,) = (await site.api("describe_load_balancers"))["LoadBalancers"]
    answers = [site.names.dns(shown["VpcId"], shown["DNSName"].lower(), "A") for _ in range(60)]
    assert all(answer is not None and len(set(answer)) == len(answer) == 8 for answer in answers)
    assert {address for answer in answers for address in answer or ()} == {node.private_ip for node in site.nodes}


class Workers:
    def __len__(self) -> int:
        return 2


def collected(arn: str, number: int, *, requests: int, processor: float = 0.0) -> wire.Collected:
    counts = Counts({"eni-1": NodeCounts(requests=requests)}, {"eni-1": {}}, {"eni-1": "a"})
    return wire.Collected(number, {arn: counts}, {}, processor)


async def test_what_workers_count_becomes_layers(site: Site) -> None:
    scaler = Scaling(site.api.cloud, Workers())  # type: ignore[arg-type]
    scopes = {site.arn: SCOPE}

    def layers() -> int:
        found = site.table.get(SCOPE, site.arn)
        assert found is not None
        return found.layers

    # Handed over at the turn of a minute: spread over the minute.
    await site.clock.advance(60)
    scaler.measured(scopes, 0, collected(site.arn, 7, requests=50_000))
    scaler.review(site.clock.now())
    assert layers() == 1
    # Unasked for: a burst, spread over some seconds at least.
    scaler.measured(scopes, 0, collected(site.arn, 0, requests=9_000))
    assert layers() == 1
    scaler.measured(scopes, 0, collected(site.arn, 0, requests=2_000))
    assert layers() == 2
    # Two bursts far from each other are not one.
    await site.clock.advance(30)
    scaler.measured(scopes, 0, collected(site.arn, 0, requests=15_000))
    await site.clock.advance(11)
    scaler.measured(scopes, 0, collected(site.arn, 0, requests=15_000))
    assert layers() == 2
    for _ in range(18):
        await site.clock.advance(60)
        scaler.review(site.clock.now())
    assert layers() == 1


async def test_a_busy_processor_adds_a_layer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    scaler = Scaling(site.api.cloud, Workers())  # type: ignore[arg-type]
    host = [100.0]
    monkeypatch.setattr(type(site.clock), "host_time", staticmethod(lambda: host[0]))
    for second, processor in enumerate((1.0, 1.9, 2.8, 3.7, 4.6, 5.5)):
        host[0] = 100.0 + second
        scaler.measured({site.arn: SCOPE}, 0, collected(site.arn, 0, requests=10, processor=processor))
    found = site.table.get(SCOPE, site.arn)
    assert found is not None and found.layers == 2


def test_older_records_have_one_layer_and_serve() -> None:
    node = msgspec.convert(
        {"key": "k", "load_balancer_arn": "a", "subnet_id": "s", "zone": "z", "eni_id": "e", "private_ip": "i"}, Node
    )
    assert (node.layer, node.phase) == (0, "serving")


async def test_tags_set_while_nodes_are_placed_hold_nothing_up(api: Api, balancer: str) -> None:
    site = Site(api, balancer)

    async def tagged_meanwhile(service: str, operation: str, *rest: Any) -> dict[str, Any]:
        answer = await api.dispatch(service, operation, *rest)
        if operation == "create_network_interface":
            await api("add_tags", ResourceArns=[balancer], Tags=[{"Key": "team", "Value": "shop"}])
        return answer

    api.cloud.dispatch = tagged_meanwhile
    await site.reconcile()
    (shown,) = (await api("describe_load_balancers"))["LoadBalancers"]
    assert shown["State"]["Code"] == "active", "nothing else would have woken the controller again"
    assert len(site.plane.served) == 2
