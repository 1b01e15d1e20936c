"""Plans: what a VPC wants of the kernel."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from tests.net.specs import eni, peered, vpc
from tests.net.worlds import worlds

from cloudarium.substrate.net import GatewayEndpoint, Route, VpcSpec, names
from cloudarium.substrate.net.links import Neighbour, Plan, RouteEntry, Veth, linked, plan
from cloudarium.substrate.net.sites import ends_of, key_of

TABLE = names.ident("rtb-main")


def planned(spec: VpcSpec, *peers: VpcSpec) -> Plan:
    return plan(spec, {peer.id: peer for peer in peers}, "169.254.128.0")


def routes(found: Plan, table: int = TABLE) -> dict[tuple[str, int], tuple[str, str]]:
    entries = [item for item in found.items if isinstance(item, RouteEntry) and item.table == table]
    return {entry.destination: (entry.kind, entry.link) for entry in entries}


def test_local_routes_are_thrown_on_and_nothing_else_leads_anywhere() -> None:
    assert routes(planned(vpc())) == {
        ("0.0.0.0", 0): ("unreachable", ""),
        ("169.254.0.0", 16): ("blackhole", ""),
        ("169.254.168.0", 22): ("blackhole", ""),
        ("10.0.0.0", 16): ("throw", ""),
    }


@pytest.mark.parametrize(
    "route",
    [
        Route("192.0.2.0/24", "igw", "igw-detached"),
        Route("192.0.2.0/24", "nat", "nat-gone"),
        Route("192.0.2.0/24", "eni", "eni-gone"),
        Route("192.0.2.0/24", "peering", "pcx-gone"),
        Route("192.0.2.0/24", "gateway-endpoint", "vpce-gone"),
        Route("192.0.2.0/24", "blackhole"),
    ],
    ids=lambda route: route.target_kind,
)
def test_routes_to_what_is_gone_are_blackholes(route: Route) -> None:
    assert routes(planned(vpc(routes=[route])))[("192.0.2.0", 24)] == ("blackhole", "")


def test_a_prefix_list_route_stands_for_the_endpoints_ranges() -> None:
    endpoint = GatewayEndpoint("vpce-1", ("52.216.0.0/15", "3.5.0.0/19"))
    found = planned(vpc(routes=[Route("pl-1", "gateway-endpoint", "vpce-1")], gateway_endpoints=(endpoint,)))
    assert routes(found)[("52.216.0.0", 15)] == routes(found)[("3.5.0.0", 19)] == ("unicast", names.ENDPOINT_LINK)


def test_a_peering_needs_both_ends_and_is_made_by_the_requester() -> None:
    one, two = peered(vpc("vpc-1", "10.1.0.0/16"), vpc("vpc-2", "10.2.0.0/16"))
    links = {
        spec.id: [i for i in planned(spec, other).items if isinstance(i, Veth)]
        for spec, other in ((one, two), (two, one))
    }
    assert (len(links["vpc-1"]), len(links["vpc-2"])) == (1, 0)
    assert not [item for item in planned(one).items if isinstance(item, Veth)]
    unaware = msgspec.structs.replace(two, peerings=())
    assert linked(one, {"vpc-2": two}) == {"pcx-1": "vpc-2"}
    assert linked(one, {"vpc-2": unaware}) == {}


@settings(max_examples=30)
@given(worlds())
def test_every_item_stands_on_a_planned_link_and_is_there_once(world: list[VpcSpec]) -> None:
    specs = {spec.id: spec for spec in world}
    plans = [plan(spec, specs, f"169.254.128.{n}") for n, spec in enumerate(world)]
    items = [item for found in plans for item in found.items]
    ends = {end for item in items if isinstance(item, Veth) for end in ends_of(item)}
    for item in items:
        if not isinstance(item, Veth):
            assert all(end in ends or end[1] == "lo" for end in ends_of(item))
    assert len({key_of(item) for item in items}) == len(items)
    for found, spec in zip(plans, world, strict=True):
        told = {
            item.address for item in found.items if isinstance(item, Neighbour) and item.site == names.vpc_site(spec.id)
        }
        assert {address for eni in spec.enis for address in eni.private_ips} <= told


def test_one_interface_more_adds_little() -> None:
    few, more = [eni(str(n), f"10.0.1.{n}") for n in range(10, 20)], eni("more", "10.0.1.99")
    before, after = planned(vpc(enis=few)), planned(vpc(enis=[*few, more]))
    assert before.items < after.items
    assert len(after.items - before.items) <= 8
