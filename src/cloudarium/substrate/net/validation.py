"""Refusing a specification that contradicts itself, before any of it reaches the kernel."""

from __future__ import annotations

from collections.abc import Iterable

from cloudarium.substrate.net import addresses, names
from cloudarium.substrate.net.errors import NotSupported, SpecError
from cloudarium.substrate.net.matching import protocol_number
from cloudarium.substrate.net.spec import Eni, SecurityRule, VpcSpec


def validate(spec: VpcSpec) -> None:
    """Raise SpecError for dangling references, duplicates and malformed addresses, NotSupported for IPv6 ones.

    Routes and rules may name what does not exist: on AWS such a route is a blackhole and such a rule stale.
    """
    if not spec.cidrs:
        raise SpecError(f"{spec.id} has no CIDR")
    for cidr in spec.cidrs:
        if addresses.network(cidr) is None:
            raise NotSupported(f"{spec.id}: IPv6 CIDR {cidr} (the fabric is IPv4 only)")
    tables = _unique("route table", (table.id for table in spec.route_tables))
    nacls = _unique("network ACL", (nacl.id for nacl in spec.nacls))
    groups = _unique("security group", (group.id for group in spec.security_groups))
    subnets = _unique("subnet", (subnet.id for subnet in spec.subnets))
    for subnet in spec.subnets:
        _exists(subnet.route_table_id, tables, subnet.id)
        _exists(subnet.nacl_id, nacls, subnet.id)
        if addresses.network(subnet.cidr) is None:
            raise NotSupported(f"{subnet.id}: IPv6 CIDR {subnet.cidr} (the fabric is IPv4 only)")
    enis = _unique("network interface", (eni.id for eni in spec.enis))
    _unique("private address", (address for eni in spec.enis for address in eni.private_ips))
    for eni in spec.enis:
        _exists(eni.subnet_id, subnets, eni.id)
        for group in eni.security_group_ids:
            _exists(group, groups, eni.id)
        _check_eni(eni)
    for nat in spec.nat_gateways:
        _exists(nat.eni_id, enis, nat.id)
        if nat.public_ip is not None:
            addresses.number(nat.public_ip)
    _check_rules(spec)
    for idents in (subnets, tables):
        if len({names.ident(identifier) for identifier in idents}) != len(idents):
            raise SpecError(f"{spec.id}: two identifiers have the same number in the kernel; recreate one of them")


def _check_eni(eni: Eni) -> None:
    if not eni.private_ips:
        raise SpecError(f"{eni.id} has no private address")
    public = eni.public_addresses()
    if strange := public.keys() - set(eni.private_ips):
        raise SpecError(f"{eni.id}: a public address belongs to {min(strange)}, which the interface does not have")
    for address in (*eni.private_ips, *public.values()):
        if ":" in address:
            raise NotSupported(f"{eni.id}: IPv6 address {address} (the fabric is IPv4 only)")
        addresses.number(address)
    octets = eni.mac.split(":")
    if len(octets) != 6 or any(len(octet) != 2 or not set(octet) <= _HEX for octet in octets):
        raise SpecError(f"{eni.id}: {eni.mac!r} is not a MAC address")


_HEX = frozenset("0123456789abcdefABCDEF")


def _check_rules(spec: VpcSpec) -> None:
    for group in spec.security_groups:
        for rule in (*group.ingress, *group.egress):
            _check_rule(group.id, rule)
    for nacl in spec.nacls:
        for entry in nacl.entries:
            protocol_number(entry.protocol)
            addresses.network(entry.cidr)
            _check_ports(nacl.id, entry.from_port, entry.to_port)
    for table in spec.route_tables:
        for route in table.routes:
            if not (route.target_kind == "gateway-endpoint" and route.destination.startswith("pl-")):
                addresses.network(route.destination)
    for endpoint in spec.gateway_endpoints:
        addresses.networks(endpoint.cidrs)


def _check_rule(group_id: str, rule: SecurityRule) -> None:
    if bool(rule.cidr) + bool(rule.prefix_list) + bool(rule.group_id) > 1:
        raise SpecError(f"{group_id}: a rule has more than one of cidr, prefix_list and group_id")
    protocol_number(rule.protocol)
    if rule.cidr:
        addresses.network(rule.cidr)
    addresses.networks(rule.prefix_list)
    _check_ports(group_id, rule.from_port, rule.to_port)


def _check_ports(owner: str, first: int, last: int) -> None:
    if not (-1 <= first <= 65535 and -1 <= last <= 65535):
        raise SpecError(f"{owner}: port range {first}-{last}")


def _unique(what: str, identifiers: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    for identifier in identifiers:
        if identifier in seen:
            raise SpecError(f"{what} {identifier} is listed twice")
        seen.add(identifier)
    return seen


def _exists(identifier: str, known: set[str], owner: str) -> None:
    if identifier not in known:
        raise SpecError(f"{owner} names {identifier}, which the VPC does not have")
