"""What reaches what, decided from the specifications alone, with the meaning that links.py and nft.py give them.

A connection is followed from leg to leg. A *leg* is the crossing of one VPC, from an interface or an edge (internet,
peering, endpoint) to another. On each the request passes, in order, the route of the subnet it leaves, that subnet's
network ACL, the one of the subnet it reaches (unless it is the same), and the security groups at both ends. The
reply passes the network ACLs backwards and needs a route back to the same place; security groups remember it.

A property test holds this module and the kernel to the same verdicts.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from cloudarium.substrate.net import addresses
from cloudarium.substrate.net.addresses import Network
from cloudarium.substrate.net.errors import SpecError
from cloudarium.substrate.net.matching import (
    Packet,
    entry_matches,
    protocol_number,
    rule_covers,
    rule_names,
)
from cloudarium.substrate.net.nft import unfiltered
from cloudarium.substrate.net.spec import Eni, Route, SecurityRule
from cloudarium.substrate.net.world import Vpc, World

EPHEMERAL_PORT = 49152
"""The client port assumed where none is given: the first of IANA's dynamic range, inside Linux's default one."""
_LONGEST_PATH = 8
_DNS = 53


class Verdict(msgspec.Struct, frozen=True):
    """Whether a connection comes about. `unreachable` is told to the sender; `dropped` it can only wait for.

    `reason` names the security group, network ACL or route that decided; `eni` is the interface reached and `source`
    the address it sees.
    """

    outcome: Literal["allowed", "dropped", "unreachable"]
    reason: str
    eni: str | None = None
    source: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the connection comes about."""
        return self.outcome == "allowed"


class _Edge(NamedTuple):
    """A way out of a VPC: the kind and id of the route's target."""

    kind: str
    id: str


class _Leg(NamedTuple):
    vpc: Vpc
    entry: Eni | _Edge
    exit: Eni | _Edge
    packet: Packet


def decide(
    world: World,
    source: str,
    destination: str,
    protocol: str = "tcp",
    port: int = 0,
    source_port: int = EPHEMERAL_PORT,
) -> Verdict:
    """Whether `source` can connect to `destination` (an address, as the source would write it).

    `source` is the id of an interface, or an address outside of every VPC; then `destination` is a public address.
    For ICMP `port` is the type. Raises UnknownInterface and SpecError.
    """
    number = protocol_number(protocol)
    target = addresses.number(destination)
    if not source.startswith("eni-") and _is_address(source):
        packet = Packet(addresses.number(source), target, number or 0, source_port, port)
        walk = _Walk(world)
        return walk.verdict(walk.from_internet(packet))
    vpc, eni = world.interface(source)
    if destination in eni.private_ips:
        return Verdict("allowed", "an interface reaches itself", eni.id, eni.private_ips[0])
    packet = Packet(addresses.number(eni.private_ips[0]), target, number or 0, source_port, port)
    walk = _Walk(world)
    return walk.verdict(walk.from_interface(vpc, eni, packet))


def admits(
    world: World, eni_id: str, source: str, protocol: str, port: int, source_port: int = EPHEMERAL_PORT
) -> Verdict:
    """Whether an interface's security groups and its subnet's network ACL let in a client from outside the cloud.

    No internet gateway or public address is asked for: the client comes through the host.
    """
    vpc, eni = world.interface(eni_id)
    packet = Packet(
        addresses.number(source),
        addresses.number(eni.private_ips[0]),
        protocol_number(protocol) or 0,
        source_port,
        port,
    )
    walk = _Walk(world)
    walk.legs.append(_Leg(vpc, _Edge("igw", "outside"), eni, packet))
    return walk.judge(route_back=False)


def route(vpc: Vpc, eni: Eni, address: int) -> tuple[Network, Route] | None:
    """The route that a packet from an interface to `address` takes: the longest prefix; None without any."""
    return _lookup(vpc, eni.subnet_id, address)


def _lookup(vpc: Vpc, subnet_id: str, address: int) -> tuple[Network, Route] | None:
    table_id, _ = vpc.subnets[subnet_id]
    return next((pair for pair in vpc.routes(table_id) if address in pair[0]), None)


def _is_address(source: str) -> bool:
    try:
        addresses.number(source)
    except SpecError:
        return False
    return True


class _Walk:
    """Follows one connection; each step adds legs, or returns the verdict that ends it early."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.legs: list[_Leg] = []
        self._service = False

    # -- the way there -------------------------------------------------------------------------------------------------

    def from_interface(self, vpc: Vpc, eni: Eni, packet: Packet) -> Verdict | None:
        for _ in range(_LONGEST_PATH):
            if packet.destination in vpc.resolvers:
                return self._resolver(vpc, packet)
            found = _lookup(vpc, eni.subnet_id, packet.destination)
            if found is None:
                return Verdict("unreachable", f"{self._table(vpc, eni)} has no route to {_dotted(packet.destination)}")
            kind, identifier = found[1].target_kind, found[1].target_id
            match kind:
                case "local":
                    return self._deliver(vpc, eni, packet)
                case "nat" if any(nat.id == identifier for nat in vpc.spec.nat_gateways):
                    nat = next(nat for nat in vpc.spec.nat_gateways if nat.id == identifier)
                    through = vpc.enis[nat.eni_id]
                    if through is eni:
                        return Verdict("dropped", f"{self._table(vpc, eni)} routes {identifier} to itself")
                    self.legs.append(_Leg(vpc, eni, through, packet))
                    eni = through
                    packet = packet._replace(source=addresses.number(through.private_ips[0]))
                case "igw" if vpc.spec.internet_gateway_id == identifier:
                    return self._to_internet(vpc, eni, packet, identifier)
                case "gateway-endpoint" if any(e.id == identifier for e in vpc.spec.gateway_endpoints):
                    self.legs.append(_Leg(vpc, eni, _Edge(kind, identifier), packet))
                    return self._to_service(identifier)
                case "peering":
                    return self._to_peer(vpc, eni, packet, identifier)
                case "eni" if identifier in vpc.enis:
                    return self._to_appliance(vpc, eni, vpc.enis[identifier], packet)
                case _:
                    return Verdict("dropped", f"the route {found[0]} of {self._table(vpc, eni)} is a blackhole")
        return Verdict("dropped", f"the path from {eni.id} is a loop")

    def from_internet(self, packet: Packet) -> Verdict | None:
        owner = self._world.public_owner(packet.destination)
        if owner is None:
            if self._world.is_service(packet.destination):
                self._service = True
                return None
            return Verdict("unreachable", f"{_dotted(packet.destination)} is not an address of this cloud")
        vpc, eni = owner
        if any(nat.eni_id == eni.id for nat in vpc.spec.nat_gateways):
            return Verdict("dropped", f"{_dotted(packet.destination)} is a NAT gateway's, which admits no connection")
        inside = packet._replace(destination=vpc.private[packet.destination])
        self.legs.append(_Leg(vpc, _Edge("igw", vpc.spec.internet_gateway_id or ""), eni, inside))
        return None

    def _deliver(self, vpc: Vpc, entry: Eni | _Edge, packet: Packet) -> Verdict | None:
        target = vpc.by_address.get(packet.destination)
        if target is None:
            return Verdict("dropped", f"no network interface of {vpc.id} has {_dotted(packet.destination)}")
        if any(nat.eni_id == target.id for nat in vpc.spec.nat_gateways):
            return Verdict("dropped", f"{target.id} is a NAT gateway's, which admits no connection")
        self.legs.append(_Leg(vpc, entry, target, packet))
        return None

    def _resolver(self, vpc: Vpc, packet: Packet) -> Verdict:
        address = _dotted(packet.destination)
        if vpc.spec.dns.enable_support and packet.dport == _DNS:
            return Verdict("allowed", f"the resolver of {vpc.id} answers at {address}")
        return Verdict("dropped", f"the resolver of {vpc.id} does not answer {address} port {packet.dport}")

    def _to_internet(self, vpc: Vpc, eni: Eni, packet: Packet, gateway: str) -> Verdict | None:
        public = vpc.public.get(packet.source)
        if public is None:
            return Verdict("dropped", f"{eni.id} has no public address to pass {gateway} with")
        self.legs.append(_Leg(vpc, eni, _Edge("igw", gateway), packet))
        return self.from_internet(packet._replace(source=public))

    def _to_service(self, endpoint: str) -> Verdict | None:
        if self._world.service is None:
            return Verdict("unreachable", f"nothing is behind {endpoint}")
        self._service = True
        return None

    def _to_peer(self, vpc: Vpc, eni: Eni, packet: Packet, peering_id: str) -> Verdict | None:
        peers = self._world.peers(vpc.spec)
        peering = next((p for p in vpc.spec.peerings if p.id == peering_id and p.other(vpc.id) in peers), None)
        if peering is None:
            return Verdict("dropped", f"peering {peering_id} is not active")
        other = self._world.vpcs[peering.other(vpc.id)]
        self.legs.append(_Leg(vpc, eni, _Edge("peering", peering_id), packet))
        return self._deliver(other, _Edge("peering", peering_id), packet)

    def _to_appliance(self, vpc: Vpc, eni: Eni, appliance: Eni, packet: Packet) -> Verdict | None:
        if _dotted(packet.destination) in appliance.private_ips:
            return self._deliver(vpc, eni, packet)
        if appliance.source_dest_check:
            return Verdict("dropped", f"the source/destination check of {appliance.id}")
        return Verdict("dropped", f"it is up to {appliance.id} to pass on what is routed to it")

    @staticmethod
    def _table(vpc: Vpc, eni: Eni) -> str:
        return vpc.subnets[eni.subnet_id][0]

    # -- the filters on it ---------------------------------------------------------------------------------------------

    def verdict(self, end: Verdict | None) -> Verdict:
        """The verdict on the legs so far, `end` being what was found behind the last one."""
        if end is None:
            return self.judge()
        if end.outcome == "unreachable" and (refusal := self._refusal()) is not None:
            return Verdict("dropped", refusal)
        return end

    def _refusal(self) -> str | None:
        return next((found for leg in self.legs if (found := self._border(leg, leg.packet) or self._groups(leg))), None)

    def judge(self, *, route_back: bool = True) -> Verdict:
        """Hold every leg to the filters, there and back."""
        if (refusal := self._refusal()) is not None:
            return Verdict("dropped", refusal)
        for leg in reversed(self.legs):
            refusal = self._border(leg._replace(entry=leg.exit, exit=leg.entry), leg.packet.reply())
            if refusal is None and route_back:
                refusal = self._way_back(leg)
            if refusal is not None:
                return Verdict("dropped", f"the reply: {refusal}")
        last = self.legs[-1] if self.legs else None
        if self._service or last is None:
            return Verdict("allowed", "the service address of the cloud answers")
        assert isinstance(last.exit, Eni)
        reason = f"the security groups and network ACL of {last.exit.id} allow it"
        return Verdict("allowed", reason, last.exit.id, _dotted(last.packet.source))

    def _border(self, leg: _Leg, packet: Packet) -> str | None:
        """The stateless filters: the network ACL of the subnet left, then the one of the subnet reached."""
        left = leg.entry.subnet_id if isinstance(leg.entry, Eni) else None
        reached = leg.exit.subnet_id if isinstance(leg.exit, Eni) else None
        if left == reached:
            return None
        for subnet, egress in ((left, True), (reached, False)):
            if subnet is not None and (refusal := _acl(leg.vpc, subnet, packet, egress=egress)) is not None:
                return refusal
        return None

    def _groups(self, leg: _Leg) -> str | None:
        """The stateful filters: the security groups at both ends."""
        packet = leg.packet
        for eni, far, egress in ((leg.entry, packet.destination, True), (leg.exit, packet.source, False)):
            if not isinstance(eni, Eni) or unfiltered(leg.vpc.spec, eni):
                continue
            rules = [
                rule
                for group in leg.vpc.spec.security_groups
                if group.id in eni.security_group_ids
                for rule in (group.egress if egress else group.ingress)
            ]
            if not any(rule_covers(rule, packet) and self._names(leg.vpc, rule, far) for rule in rules):
                groups = ", ".join(eni.security_group_ids) or "no security group"
                way = f"to {_dotted(far)}" if egress else f"from {_dotted(far)}"
                return f"no rule of {groups} of {eni.id} allows protocol {packet.protocol} port {packet.dport} {way}"
        return None

    def _names(self, vpc: Vpc, rule: SecurityRule, far: int) -> bool:
        if not rule.group_id:
            return rule_names(rule, far)
        if far in vpc.groups.get(rule.group_id, ()):
            return True
        peers = self._world.peers(vpc.spec)
        return any(far in self._world.vpcs[peer].groups.get(rule.group_id, ()) for peer in peers)

    def _way_back(self, leg: _Leg) -> str | None:
        """The reply must leave by the way the request came; arriving by an edge it is delivered by address."""
        if not isinstance(leg.exit, Eni):
            return None
        found = _lookup(leg.vpc, leg.exit.subnet_id, leg.packet.source)
        back = (found[1].target_kind, found[1].target_id) if found is not None else ("", "")
        if isinstance(leg.entry, Eni):
            fits = back[0] == "local"
        elif leg.entry.kind == "igw":
            fits = back == ("igw", leg.entry.id)
        else:
            fits = back == (leg.entry.kind, leg.entry.id)
        if fits:
            return None
        return f"{self._table(leg.vpc, leg.exit)} does not lead back to {_dotted(leg.packet.source)}"


def _acl(vpc: Vpc, subnet_id: str, packet: Packet, *, egress: bool) -> str | None:
    nacl_id = vpc.subnets[subnet_id][1]
    for entry in vpc.entries(nacl_id, egress):
        if entry_matches(entry, packet):
            return None if entry.allow else f"entry {entry.number} of {nacl_id} denies it"
    return f"no entry of {nacl_id} allows it"


def _dotted(address: int) -> str:
    return addresses.text(address)
