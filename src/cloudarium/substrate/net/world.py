"""The VPCs as they should be, indexed for the questions that policy and dialling ask. Changed on the loop only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from cloudarium.substrate.net import addresses
from cloudarium.substrate.net.addresses import Network
from cloudarium.substrate.net.errors import UnknownInterface
from cloudarium.substrate.net.links import linked
from cloudarium.substrate.net.nft import public_addresses
from cloudarium.substrate.net.spec import Eni, NaclEntry, Route, VpcSpec

_LINK_LOCAL = Network(0xA9FE0000, 0xFFFF0000, 16)
"""Never leaves a VPC: only what the fabric itself answers there (the resolver) is found."""


class Vpc:
    """One specification with its indexes, each made at first use."""

    def __init__(self, spec: VpcSpec) -> None:
        self.spec = spec
        self.id = spec.id
        self.ranges: tuple[Network, ...] = tuple(addresses.networks(spec.cidrs))
        self._routes: dict[str, list[tuple[Network, Route]]] = {}
        self._entries: dict[tuple[str, bool], list[NaclEntry]] = {}

    @cached_property
    def enis(self) -> dict[str, Eni]:
        """Interfaces by id."""
        return {eni.id: eni for eni in self.spec.enis}

    @cached_property
    def by_address(self) -> dict[int, Eni]:
        """Interfaces by private address."""
        return {addresses.number(address): eni for eni in self.spec.enis for address in eni.private_ips}

    @cached_property
    def public(self) -> dict[int, int]:
        """Public address by private address."""
        pairs = public_addresses(self.spec).items()
        return {addresses.number(inside): addresses.number(outside) for inside, outside in pairs}

    @cached_property
    def private(self) -> dict[int, int]:
        """Private address by public address."""
        return {outside: inside for inside, outside in self.public.items()}

    @cached_property
    def subnets(self) -> dict[str, tuple[str, str]]:
        """Route table id and network ACL id by subnet id."""
        return {subnet.id: (subnet.route_table_id, subnet.nacl_id) for subnet in self.spec.subnets}

    @cached_property
    def groups(self) -> dict[str, frozenset[int]]:
        """Addresses of the members of each security group of this VPC."""
        found: dict[str, set[int]] = {}
        for eni in self.spec.enis:
            for group in eni.security_group_ids:
                found.setdefault(group, set()).update(map(addresses.number, eni.private_ips))
        return {group: frozenset(members) for group, members in found.items()}

    @cached_property
    def resolvers(self) -> frozenset[int]:
        """Where the resolver answers."""
        return frozenset(map(addresses.number, addresses.resolver_addresses(self.spec.cidrs[0])))

    @cached_property
    def attached(self) -> frozenset[int]:
        """Private and public addresses of the interfaces that processes of the host stand behind."""
        found = {number for number, eni in self.by_address.items() if eni.attachment is not None}
        return frozenset(found | {self.public[number] for number in found if number in self.public})

    def routes(self, table_id: str) -> list[tuple[Network, Route]]:
        """The routes of a table, longest prefix first, the local ones included."""
        if (known := self._routes.get(table_id)) is not None:
            return known
        found = {_LINK_LOCAL: Route(str(_LINK_LOCAL), "blackhole")}
        found.update((cidr, Route(str(cidr), "local")) for cidr in self.ranges)
        endpoints = {endpoint.id: endpoint.cidrs for endpoint in self.spec.gateway_endpoints}
        for table in self.spec.route_tables:
            for route in table.routes if table.id == table_id else ():
                listed = route.target_kind == "gateway-endpoint" and route.destination.startswith("pl-")
                cidrs = endpoints.get(route.target_id, ()) if listed else (route.destination,)
                found.update((cidr, route) for cidr in map(addresses.network, cidrs) if cidr is not None)
        found[addresses.LOCAL_SERVICES] = Route(str(addresses.LOCAL_SERVICES), "blackhole")
        ordered = sorted(found.items(), key=lambda pair: -pair[0].prefix)
        self._routes[table_id] = ordered
        return ordered

    def entries(self, nacl_id: str, egress: bool) -> list[NaclEntry]:
        """The entries of a network ACL in the order they are tried."""
        key = (nacl_id, egress)
        if (known := self._entries.get(key)) is None:
            nacl = next(nacl for nacl in self.spec.nacls if nacl.id == nacl_id)
            known = sorted((e for e in nacl.entries if e.egress is egress), key=lambda entry: entry.number)
            self._entries[key] = known
        return known


class World:
    """Every VPC of a cloud."""

    def __init__(self, service_address: str | None = None, service_network: str | None = None) -> None:
        self.vpcs: dict[str, Vpc] = {}
        self.service = addresses.number(service_address) if service_address else None
        self._services = addresses.network(service_network) if service_network else None
        self._vpc_of: dict[str, str] = {}
        self._public: dict[int, str] = {}
        self._attached: dict[int, int] = {}

    def is_service(self, address: int) -> bool:
        """Whether the cloud's own services answer at an address of the internet."""
        return self.service is not None and (
            address == self.service or (self._services is not None and address in self._services)
        )

    def put(self, spec: VpcSpec) -> None:
        """Take in a specification in place of the VPC's former one."""
        self.drop(spec.id)
        vpc = self.vpcs[spec.id] = Vpc(spec)
        self._vpc_of.update(dict.fromkeys(vpc.enis, spec.id))
        self._public.update(dict.fromkeys(vpc.private, spec.id))
        for address in vpc.attached:
            self._attached[address] = self._attached.get(address, 0) + 1

    def drop(self, vpc_id: str) -> None:
        """Forget a VPC."""
        former = self.vpcs.pop(vpc_id, None)
        if former is None:
            return
        for eni_id in former.enis:
            if self._vpc_of.get(eni_id) == vpc_id:
                del self._vpc_of[eni_id]
        for address in former.private:
            if self._public.get(address) == vpc_id:
                del self._public[address]
        for address in former.attached:
            self._attached[address] -= 1
            if not self._attached[address]:
                del self._attached[address]

    def is_attached(self, address: int) -> bool:
        """Whether any VPC has an attached process at an address: if not, its policy need not be asked."""
        return address in self._attached

    def vpc_of(self, eni_id: str) -> str | None:
        """The id of an interface's VPC; None while the interface is not known."""
        return self._vpc_of.get(eni_id)

    def interface(self, eni_id: str) -> tuple[Vpc, Eni]:
        """An interface and its VPC; raises UnknownInterface."""
        vpc = self.vpcs.get(self._vpc_of.get(eni_id, ""))
        if vpc is None:
            raise UnknownInterface(eni_id)
        return vpc, vpc.enis[eni_id]

    def public_owner(self, address: int) -> tuple[Vpc, Eni] | None:
        """The VPC and interface behind a public address, where an internet gateway carries it."""
        vpc = self.vpcs.get(self._public.get(address, ""))
        if vpc is None or vpc.spec.internet_gateway_id is None:
            return None
        return vpc, vpc.by_address[vpc.private[address]]

    def peers(self, spec: VpcSpec) -> Mapping[str, VpcSpec]:
        """The specifications of the VPCs actively peered with `spec` that both ends list."""
        others = {vpc_id: self.vpcs[vpc_id].spec for vpc_id in spec.active_peers() if vpc_id in self.vpcs}
        carried = set(linked(spec, others).values())
        return {vpc_id: other for vpc_id, other in others.items() if vpc_id in carried}
