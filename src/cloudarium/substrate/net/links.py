"""Which namespaces, links, addresses, neighbours, routes and rules a VPC consists of. Pure: specification in, set out.

A *site* is a namespace: the VPC's own (`vpc:<id>`), one per network interface (`eni:<id>`), and the cloud's. In the
VPC's, a packet's routing table is chosen by the subnet it came from (nftables marks it, a rule maps the mark to the
table of the subnet's route table). A local route is a `throw`, which goes on to the local table, where each interface
has a /32 and all else is dropped; so AWS's longest-prefix rule holds also for routes more specific than the VPC's
CIDR. Packets that enter by an edge (internet, peering) carry no mark and see the local table only: that is why
nothing is transitive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from cloudarium.substrate.net import addresses, names
from cloudarium.substrate.net.errors import SpecError
from cloudarium.substrate.net.kernel.rtnl import RouteKind
from cloudarium.substrate.net.spec import Eni, NatGateway, Route, RouteTable, VpcSpec

MTU = 9001
"""AWS's jumbo frames. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html"""

_ROUTER_MAC, _INTERNET_MAC, _VPC_MAC = "02:ca:00:00:01:01", "02:ca:00:00:02:01", "02:ca:00:00:02:02"
_REQUESTER_MAC, _ACCEPTER_MAC = "02:ca:00:00:03:01", "02:ca:00:00:03:02"
_MARKED, _UNMARKED = 1000, 2000
"""Priorities of the rules that choose a subnet's table, and the local table."""


class End(msgspec.Struct, frozen=True):
    """One end of a veth pair."""

    site: str
    name: str
    mac: str
    group: int = 0
    forwards: bool = False


class Veth(msgspec.Struct, frozen=True):
    """A veth pair."""

    near: End
    far: End


class Address(msgspec.Struct, frozen=True):
    """An address on a link of a site; link `lo` is the loopback."""

    site: str
    link: str
    address: str


class Neighbour(msgspec.Struct, frozen=True):
    """The permanent neighbour entry of an address."""

    site: str
    link: str
    address: str
    mac: str


class RouteEntry(msgspec.Struct, frozen=True):
    """A kernel route. `link` and `via` are empty for blackhole, unreachable and throw.

    `source` is the address of who takes it without having chosen one; empty leaves that to the kernel.
    """

    site: str
    table: int
    destination: tuple[str, int]
    kind: RouteKind
    link: str = ""
    via: str = ""
    source: str = ""


class Rule(msgspec.Struct, frozen=True):
    """A policy routing rule; mark 0 matches every packet."""

    site: str
    priority: int
    mark: int
    table: int


Item = Veth | Address | Neighbour | RouteEntry | Rule


class Plan(msgspec.Struct, frozen=True):
    """What one VPC wants of the kernel."""

    sites: frozenset[str]
    items: frozenset[Item]


NOTHING = Plan(frozenset(), frozenset())


def plan(spec: VpcSpec, peers: Mapping[str, VpcSpec], endpoint_address: str) -> Plan:
    """The plan of a VPC, given the specifications of VPCs it may be peered with and its endpoint address."""
    sites = {names.vpc_site(spec.id), *(names.eni_site(eni.id) for eni in spec.enis)}
    return Plan(frozenset(sites), frozenset(_Planner(spec, peers, endpoint_address).items()))


def linked(spec: VpcSpec, peers: Mapping[str, VpcSpec]) -> dict[str, str]:
    """The peerings of `spec` that carry traffic, to the VPC behind each: active, and listed at both ends."""
    found = {}
    for peering in spec.peerings:
        other = peers.get(peering.other(spec.id))
        if peering.state == "active" and other is not None and peering in other.peerings:
            found[peering.id] = other.id
    return found


class _Planner:
    def __init__(self, spec: VpcSpec, peers: Mapping[str, VpcSpec], endpoint_address: str) -> None:
        self._spec = spec
        self._site = names.vpc_site(spec.id)
        self._linked = linked(spec, peers)
        self._endpoint_address = endpoint_address
        self._enis = {eni.id: eni for eni in spec.enis}
        self._nats = {nat.id: nat for nat in spec.nat_gateways}
        self._endpoints = {endpoint.id: endpoint for endpoint in spec.gateway_endpoints}

    def items(self) -> Iterator[Item]:
        yield Address(self._site, "lo", addresses.ROUTER)
        for resolver in addresses.resolver_addresses(self._spec.cidrs[0]):
            yield Address(self._site, "lo", resolver)
        yield Rule(self._site, _UNMARKED, 0, names.LOCAL_TABLE)
        yield RouteEntry(self._site, names.LOCAL_TABLE, ("0.0.0.0", 0), "blackhole")
        for subnet in self._spec.subnets:
            yield Rule(self._site, _MARKED, names.ident(subnet.id), names.ident(subnet.route_table_id))
        for table in self._spec.route_tables:
            yield from self._table(table)
        nat_enis = {nat.eni_id for nat in self._spec.nat_gateways}
        for eni in self._spec.enis:
            yield from self._eni(eni, forwards=eni.id in nat_enis)
        if self._spec.internet_gateway_id is not None:
            yield from self._internet()
        if self._spec.gateway_endpoints:
            yield from self._endpoint_link()
        for peering in self._spec.peerings:
            if peering.id in self._linked:
                yield from self._peering(peering.id, requester=peering.requester_vpc == self._spec.id)

    def _eni(self, eni: Eni, *, forwards: bool) -> Iterator[Item]:
        site, link = names.eni_site(eni.id), names.eni_link(eni.id)
        yield Veth(
            End(self._site, link, _ROUTER_MAC, names.ident(eni.subnet_id), forwards=True),
            End(site, names.ENI_LINK, eni.mac, forwards=forwards),
        )
        yield Neighbour(site, names.ENI_LINK, addresses.ROUTER, _ROUTER_MAC)
        # Of several addresses the kernel would take the one it was given first, which may be any.
        primary = eni.private_ips[0]
        yield RouteEntry(site, 254, ("0.0.0.0", 0), "unicast", names.ENI_LINK, addresses.ROUTER, primary)
        for address in eni.private_ips:
            yield Address(site, names.ENI_LINK, address)
            yield Neighbour(self._site, link, address, eni.mac)
            yield RouteEntry(self._site, names.LOCAL_TABLE, (address, 32), "unicast", link)

    def _internet(self) -> Iterator[Item]:
        cloud = names.cloud_link("i", self._spec.id)
        yield from self._to_cloud(names.INTERNET_LINK, cloud, names.CLOUD_INTERNET_GROUP)
        nats = {nat.public_ip for nat in self._spec.nat_gateways if nat.public_ip is not None}
        for public in {each for eni in self._spec.enis for each in eni.public_addresses().values()} | nats:
            yield RouteEntry(names.CLOUD, 254, (public, 32), "unicast", cloud, addresses.VPC_SIDE)

    def _endpoint_link(self) -> Iterator[Item]:
        cloud = names.cloud_link("g", self._spec.id)
        yield from self._to_cloud(names.ENDPOINT_LINK, cloud, names.CLOUD_ENDPOINT_GROUP)
        yield RouteEntry(names.CLOUD, 254, (self._endpoint_address, 32), "unicast", cloud, addresses.VPC_SIDE)

    def _to_cloud(self, near: str, far: str, group: int) -> Iterator[Item]:
        yield Veth(
            End(self._site, near, _VPC_MAC, names.EDGE_GROUP, forwards=True),
            End(names.CLOUD, far, _INTERNET_MAC, group, forwards=True),
        )
        yield Neighbour(self._site, near, addresses.INTERNET_SIDE, _INTERNET_MAC)
        yield Neighbour(names.CLOUD, far, addresses.VPC_SIDE, _VPC_MAC)

    def _peering(self, peering_id: str, *, requester: bool) -> Iterator[Item]:
        link, other = names.peering_link(peering_id), names.vpc_site(self._linked[peering_id])
        if not requester:
            yield Neighbour(self._site, link, addresses.REQUESTER_SIDE, _REQUESTER_MAC)
            return
        yield Veth(
            End(self._site, link, _REQUESTER_MAC, names.EDGE_GROUP, forwards=True),
            End(other, link, _ACCEPTER_MAC, names.EDGE_GROUP, forwards=True),
        )
        yield Neighbour(self._site, link, addresses.ACCEPTER_SIDE, _ACCEPTER_MAC)

    def _table(self, table: RouteTable) -> Iterator[Item]:
        found: dict[tuple[str, int], RouteEntry] = {}
        number = names.ident(table.id)

        def put(destination: tuple[str, int], kind: RouteKind, link: str = "", via: str = "") -> None:
            found[destination] = RouteEntry(self._site, number, destination, kind, link, via)

        put(("0.0.0.0", 0), "unreachable")
        put(("169.254.0.0", 16), "blackhole")
        for cidr in self._spec.cidrs:
            for local in _destinations(cidr):
                put(local, "throw")
        for route in table.routes:
            kind, link, via = self._target(route)
            for destination in self._route_destinations(route):
                put(destination, kind, link, via)
        # No route takes these away from where each workload finds them, however it is written.
        put((addresses.text(addresses.LOCAL_SERVICES.base), addresses.LOCAL_SERVICES.prefix), "blackhole")
        return iter(found.values())

    def _route_destinations(self, route: Route) -> list[tuple[str, int]]:
        if route.target_kind == "gateway-endpoint" and route.destination.startswith("pl-"):
            endpoint = self._endpoints.get(route.target_id)
            return [found for cidr in endpoint.cidrs for found in _destinations(cidr)] if endpoint else []
        return _destinations(route.destination)

    def _target(self, route: Route) -> tuple[RouteKind, str, str]:
        """Where a route leads; what leads nowhere is a blackhole, as AWS shows it in the state of such a route."""
        identifier = route.target_id
        match route.target_kind:
            case "local":
                return "throw", "", ""
            case "igw" if self._spec.internet_gateway_id == identifier:
                return "unicast", names.INTERNET_LINK, addresses.INTERNET_SIDE
            case "gateway-endpoint" if identifier in self._endpoints:
                return "unicast", names.ENDPOINT_LINK, addresses.INTERNET_SIDE
            case "nat" if identifier in self._nats:
                return self._through(nat_eni(self._nats[identifier], self._enis))
            case "eni" if identifier in self._enis:
                return self._through(self._enis[identifier])
            case "peering" if identifier in self._linked:
                requester = any(p.id == identifier and p.requester_vpc == self._spec.id for p in self._spec.peerings)
                via = addresses.ACCEPTER_SIDE if requester else addresses.REQUESTER_SIDE
                return "unicast", names.peering_link(identifier), via
        return "blackhole", "", ""

    @staticmethod
    def _through(eni: Eni) -> tuple[RouteKind, str, str]:
        return "unicast", names.eni_link(eni.id), eni.private_ips[0]


def nat_eni(nat: NatGateway, enis: Mapping[str, Eni]) -> Eni:
    """The interface of a NAT gateway."""
    try:
        return enis[nat.eni_id]
    except KeyError:
        raise SpecError(f"NAT gateway {nat.id} names {nat.eni_id}, which the VPC does not have") from None


def _destinations(cidr: str) -> list[tuple[str, int]]:
    found = addresses.network(cidr)
    return [] if found is None else [(addresses.text(found.base), found.prefix)]
