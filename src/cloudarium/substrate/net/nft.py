"""A VPC's security groups, network ACLs and address translation as an nftables ruleset. Pure: text out.

Every packet of a VPC is forwarded by its namespace exactly once per hop, so the forward hook sees all of them. Three
base chains follow one another there, and a packet must pass each:

    border   stateless: source/destination check, then the network ACL of the subnet left and of the subnet reached
             (not between interfaces of one subnet), for requests and replies alike
    egress   stateful: the security groups of the interface the packet comes from
    ingress  stateful: the security groups of the interface it goes to

"Stateful" is `ct state established`: a connection once admitted survives a change of the rules, as AWS's tracked
connections do (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html). What AWS
does not track, TCP and UDP from anywhere where the other direction lets everything pass, is marked when it is
admitted, by the side that admits it (tracking.py), and asks the rules for every packet: it ends with its rule. A
table changes in one transaction; connection tracking is outside of it and keeps its entries.

Interfaces are told apart by name, subnets by interface group, and all edges (internet, peering, endpoints) are one
group. Interfaces with the same security groups share a chain. Whatever names single interfaces or addresses of theirs
is an element of a named set or map, so that one more interface is a few elements more (see ruleset.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cloudarium.substrate.net import addresses, names, tracking
from cloudarium.substrate.net.matching import ICMP, ICMPV6, TCP, UDP, port_range, protocol_number
from cloudarium.substrate.net.ruleset import Elements, Ruleset
from cloudarium.substrate.net.spec import (
    TRACKED_KINDS,
    UNFILTERED_KINDS,
    Eni,
    NaclEntry,
    SecurityGroup,
    SecurityRule,
    VpcSpec,
)


def ruleset(spec: VpcSpec, peers: Mapping[str, VpcSpec], endpoint_address: str) -> Ruleset:
    """The ruleset of a VPC's namespace.

    `peers` are the specifications of VPCs actively peered with it: rules may name their security groups.
    """
    sets = {**dict(_sets(spec)), **dict(_group_sets(spec, _Members(spec, peers)))}
    chains = (*_base_chains(spec, endpoint_address), *_border_chains(spec), *_group_chains(spec))
    return Ruleset(chains, sets)


def nat_gateway_ruleset(address: str) -> Ruleset:
    """The ruleset of the namespace of a NAT gateway's interface: translate what passes, admit nothing of its own."""
    return Ruleset(
        (
            "chain translate_source { type nat hook postrouting priority srcnat; policy accept;",
            f"  ip saddr != {address} snat to {address}",
            "}",
            "chain forward { type filter hook forward priority filter; policy accept;",
            "  ct state invalid drop",
            "}",
            "chain input { type filter hook input priority filter; policy drop;",
            "  ct state established,related accept",
            "}",
            *_NO_REDIRECTS,
        )
    )


def cloud_ruleset(service_address: str | None, service_network: str | None = None) -> Ruleset:
    """The ruleset of the cloud's own namespace, the internet of its VPCs.

    VPCs reach each other's public addresses and, of the cloud's own addresses, only `service_address`, where
    gateway endpoints and the addresses of `service_network` lead as well.
    """
    internet, endpoint = names.CLOUD_INTERNET_GROUP, names.CLOUD_ENDPOINT_GROUP
    to_service = [f"  ip daddr {service_address} accept"] if service_address else []
    endpoint_nat = [f"  iifgroup {endpoint} dnat to {service_address}"] if service_address else []
    if service_address and service_network:
        endpoint_nat.append(f"  iifgroup {internet} ip daddr {service_network} dnat to {service_address}")
    return Ruleset(
        (
            "chain translate_destination { type nat hook prerouting priority dstnat; policy accept;",
            *endpoint_nat,
            "}",
            "chain forward { type filter hook forward priority filter; policy drop;",
            f"  iifgroup {internet} oifgroup {internet} accept",
            "  reject with icmp net-unreachable",
            "}",
            "chain input { type filter hook input priority filter; policy accept;",
            f"  iifgroup {{ {internet}, {endpoint} }} jump guests",
            "}",
            "chain guests {",
            "  ct state established,related accept",
            *to_service,
            "  reject with icmp net-unreachable",
            "}",
            *_NO_REDIRECTS,
        )
    )


_NO_REDIRECTS = (
    # A packet may leave by the link it came in by (NAT gateways, appliances); nobody should be told to go around.
    "chain output { type filter hook output priority filter; policy accept;",
    "  icmp type redirect drop",
    "}",
)


def _sets(spec: VpcSpec) -> Iterator[tuple[str, Elements]]:
    links = {eni.id: f'"{names.eni_link(eni.id)}"' for eni in spec.enis}
    yield (
        "owned",
        _set("ifname . ipv4_addr", (f"{links[e.id]} . {address}" for e in spec.enis for address in e.private_ips)),
    )
    nats = {nat.eni_id for nat in spec.nat_gateways}
    yield "always_tracked", _set("ifname", (links[e.id] for e in spec.enis if e.id in nats or e.kind in TRACKED_KINDS))
    yield "routers", _set("ifname", (links[e.id] for e in spec.enis if not e.source_dest_check or e.id in nats))
    public = public_addresses(spec)
    yield "inward", _map("ipv4_addr : ipv4_addr", (f"{outside} : {inside}" for inside, outside in public.items()))
    yield "outward", _map("ipv4_addr : ipv4_addr", (f"{inside} : {outside}" for inside, outside in public.items()))
    yield "public", _set("ipv4_addr", public)
    idents = [names.ident(subnet.id) for subnet in spec.subnets]
    yield "marks", _map("devgroup : mark", (f"{ident} : {ident}" for ident in idents))
    for direction in ("egress", "ingress"):
        verdicts = (f"{links[eni.id]} : {_verdict(spec, eni, direction)}" for eni in spec.enis)
        yield f"by_interface_{direction}", _map("ifname : verdict", verdicts)


def _set(kind: str, members: Iterable[str]) -> Elements:
    return Elements("set", kind, frozenset(members))


def _map(kind: str, members: Iterable[str]) -> Elements:
    return Elements("map", kind, frozenset(members))


def public_addresses(spec: VpcSpec) -> dict[str, str]:
    """Private address to public one, of the interfaces and NAT gateways that have one."""
    found = {inside: outside for eni in spec.enis for inside, outside in eni.public_addresses().items()}
    enis = {eni.id: eni for eni in spec.enis}
    for nat in spec.nat_gateways:
        if nat.public_ip is not None:
            found[enis[nat.eni_id].private_ips[0]] = nat.public_ip
    return found


def _base_chains(spec: VpcSpec, endpoint_address: str) -> Iterator[str]:
    edge, internet = names.EDGE_GROUP, names.INTERNET_LINK
    yield "chain choose_table { type filter hook prerouting priority mangle; policy accept;"
    yield "  meta mark set iifgroup map @marks"
    yield "}"
    yield "chain translate_destination { type nat hook prerouting priority dstnat; policy accept;"
    yield f'  iifname "{internet}" dnat to ip daddr map @inward'
    yield "}"
    yield "chain translate_source { type nat hook postrouting priority srcnat; policy accept;"
    yield f'  oifname "{internet}" snat to ip saddr map @outward'
    yield f'  oifname "{names.ENDPOINT_LINK}" snat to {endpoint_address}'
    yield "}"
    yield "chain input { type filter hook input priority filter; policy drop;"
    yield '  iifname "lo" accept'
    yield "  ct state established,related accept"
    yield f"  iifgroup {edge} drop"
    yield "  iifname . ip saddr != @owned drop"
    if spec.dns.enable_support:
        resolvers = ", ".join(addresses.resolver_addresses(spec.cidrs[0]))
        yield f"  ip daddr {{ {resolvers} }} meta l4proto {{ tcp, udp }} th dport 53 accept"
    yield "}"
    yield "chain border { type filter hook forward priority -20; policy accept;"
    yield f"  iifgroup != {edge} iifname . ip saddr != @owned iifname != @routers drop"
    yield f"  oifgroup != {edge} oifname . ip daddr != @owned oifname != @routers drop"
    yield f'  oifname "{internet}" ip saddr != @public drop'
    yield f'  oifname {{ "{internet}", "{names.ENDPOINT_LINK}" }} ct state invalid drop'
    if spec.subnets:
        idents = [(names.ident(subnet.id), subnet.id) for subnet in spec.subnets]
        leaving = ", ".join(f"{ident} : jump {names.chain('leave', subnet)}" for ident, subnet in idents)
        reaching = ", ".join(f"{ident} : jump {names.chain('reach', subnet)}" for ident, subnet in idents)
        yield f"  iifgroup vmap {{ {leaving} }}"
        yield f"  oifgroup vmap {{ {reaching} }}"
    yield "}"
    for direction, side, priority in (("egress", "iif", -10), ("ingress", "oif", 0)):
        yield f"chain groups_{direction} {{ type filter hook forward priority {priority}; policy drop;"
        yield from tracking.established(direction)
        yield f"  {side}group {edge} accept"
        yield f"  {side}name vmap @by_interface_{direction}"
        yield "}"
    yield from _NO_REDIRECTS


def _verdict(spec: VpcSpec, eni: Eni, direction: str) -> str:
    if unfiltered(spec, eni):
        return "accept"
    return f"jump {names.chain(direction, *sorted(eni.security_group_ids))}" if eni.security_group_ids else "drop"


def unfiltered(spec: VpcSpec, eni: Eni) -> bool:
    """Whether no security group applies to an interface: NAT gateways', and those AWS allows to have none."""
    if any(nat.eni_id == eni.id for nat in spec.nat_gateways):
        return True
    return not eni.security_group_ids and eni.kind in UNFILTERED_KINDS


# -- network ACLs ------------------------------------------------------------------------------------------------------


def _border_chains(spec: VpcSpec) -> Iterator[str]:
    for nacl in spec.nacls:
        for egress in (True, False):
            entries = sorted((entry for entry in nacl.entries if entry.egress is egress), key=lambda e: e.number)
            yield f"chain {_nacl_chain(nacl.id, egress)} {{"
            for entry in entries:
                yield from (f"  {match} {'return' if entry.allow else 'drop'}" for match in _entry(entry))
            yield "  drop"
            yield "}"
    for subnet in spec.subnets:
        ident = names.ident(subnet.id)
        yield f"chain {names.chain('leave', subnet.id)} {{"
        yield f"  oifgroup {ident} return"
        yield f"  goto {_nacl_chain(subnet.nacl_id, True)}"
        yield "}"
        yield f"chain {names.chain('reach', subnet.id)} {{"
        yield f"  iifgroup {ident} return"
        yield f"  goto {_nacl_chain(subnet.nacl_id, False)}"
        yield "}"


def _nacl_chain(nacl_id: str, egress: bool) -> str:
    return names.chain("acl_out" if egress else "acl_in", nacl_id)


def _entry(entry: NaclEntry) -> Iterator[str]:
    far = "daddr" if entry.egress else "saddr"
    what = _protocol(entry.protocol, entry.from_port, entry.to_port)
    where = _ranges(far, (entry.cidr,))
    if what is not None and where is not None:
        yield f"{where} {what}"


# -- security groups ---------------------------------------------------------------------------------------------------


class _Members:
    """The addresses of security groups, in the VPC itself and across its active peerings."""

    def __init__(self, spec: VpcSpec, peers: Mapping[str, VpcSpec]) -> None:
        self._of: dict[str, list[str]] = {}
        reachable = [peers[vpc_id] for vpc_id in spec.active_peers() if vpc_id in peers]
        for eni in (eni for one in (spec, *reachable) for eni in one.enis):
            for group in eni.security_group_ids:
                self._of.setdefault(group, []).extend(eni.private_ips)

    def of(self, group_id: str) -> Sequence[str]:
        return self._of.get(group_id, ())


def _group_sets(spec: VpcSpec, members: _Members) -> Iterator[tuple[str, Elements]]:
    named = {rule.group_id for group in spec.security_groups for rule in (*group.ingress, *group.egress)} - {""}
    for group_id in sorted(named):
        yield names.chain("members", group_id), _set("ipv4_addr", members.of(group_id))


def _group_chains(spec: VpcSpec) -> Iterator[str]:
    for group in spec.security_groups:
        yield from _group_chain(group, egress=True)
        yield from _group_chain(group, egress=False)
    combinations = {tuple(sorted(eni.security_group_ids)) for eni in spec.enis if eni.security_group_ids}
    rules = {group.id: group for group in spec.security_groups}
    for combination in sorted(combinations):
        groups = [rules[group] for group in combination]
        for direction, kind in (("egress", "group_out"), ("ingress", "group_in")):
            yield f"chain {names.chain(direction, *combination)} {{"
            for number, first, last in tracking.untracked(groups, direction):
                yield f"  {tracking.CANDIDATE} {_protocol(str(number), first, last)} goto {tracking.chain(direction)}"
            yield from (f"  jump {names.chain(kind, group)}" for group in combination)
            yield "}"
    for direction in ("egress", "ingress"):
        yield from tracking.marking(direction)


def _group_chain(group: SecurityGroup, *, egress: bool) -> Iterator[str]:
    rules, far = (group.egress, "daddr") if egress else (group.ingress, "saddr")
    yield f"chain {names.chain('group_out' if egress else 'group_in', group.id)} {{"
    for rule in rules:
        what, where = _protocol(rule.protocol, rule.from_port, rule.to_port), _far_end(rule, far)
        if what is not None and where is not None:
            yield f"  {where} {what} accept"
    yield "}"


def _far_end(rule: SecurityRule, far: str) -> str | None:
    if rule.group_id:
        return f"ip {far} @{names.chain('members', rule.group_id)}"
    return _ranges(far, (rule.cidr,) if rule.cidr else rule.prefix_list)


# -- matches -----------------------------------------------------------------------------------------------------------


def _ranges(far: str, cidrs: Sequence[str]) -> str | None:
    """A match of an address against ranges; None where nothing can match, as with IPv6 ranges."""
    found = addresses.networks(cidrs)
    if not found:
        return None
    if addresses.ANYWHERE in found:
        return ""
    return f"ip {far} {{ {', '.join(map(str, found))} }}"


def _protocol(protocol: str, first: int, last: int) -> str | None:
    number = protocol_number(protocol)
    if number is None:
        return ""
    if number == ICMPV6:
        return None
    if number == ICMP and first >= 0:
        return f"icmp type {first}" + (f" icmp code {last}" if last >= 0 else "")
    ports = port_range(number, first, last)
    if ports is None:
        return f"meta l4proto {number}"
    if ports[0] > ports[1]:
        return None
    return f"{ {TCP: 'tcp', UDP: 'udp'}[number] } dport {ports[0]}-{ports[1]}"


def leading(address: str, port: int, to: int) -> str:
    """What leads a TCP port of a local address to another port of it; loading it again changes nothing."""
    rule = f"ip daddr {address} tcp dport {port} dnat to {address}:{to}"
    table = "ip cloudarium_local"
    return "\n".join(
        [
            f"table {table}",
            f"delete table {table}",
            f"table {table} {{",
            f"  chain from_here {{ type nat hook output priority -100; {rule}; }}",
            f"  chain from_others {{ type nat hook prerouting priority -100; {rule}; }}",
            "}",
        ]
    )
