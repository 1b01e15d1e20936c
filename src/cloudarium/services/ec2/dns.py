"""Names of interfaces as a VPC's own DNS server answers them.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html
"""

from __future__ import annotations

import re

from cloudarium.kernel.store import Store
from cloudarium.services.ec2.names import internal_domain, private_dns, public_dns
from cloudarium.services.ec2.resources import PEERINGS, Address, NetworkInterface, PeeringConnection
from cloudarium.services.ec2.whereabouts import Whereabouts

_PRIVATE = re.compile(r"ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})\.(.+)")
_PUBLIC = re.compile(r"ec2-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})\.(.+)")
_REVERSE = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa")


class Names:
    """A name server (see ``Cloud.name_servers``) for what EC2 itself names."""

    def __init__(self, store: Store, vpcs: Whereabouts) -> None:
        self._store = store
        self._vpcs = vpcs

    def __call__(self, vpc_id: str, name: str, kind: str) -> list[str] | None:
        """Records of a name asked for inside a VPC; None for names that are not EC2's."""
        if match := _PRIVATE.fullmatch(name):
            return self._private(vpc_id, ".".join(match.groups()[:4]), match[5], kind)
        if match := _PUBLIC.fullmatch(name):
            return self._public(vpc_id, ".".join(match.groups()[:4]), name, kind)
        if match := _REVERSE.fullmatch(name):
            return self._reverse(vpc_id, ".".join(reversed(match.groups())), kind)
        return None

    def _private(self, vpc_id: str, ip: str, domain: str, kind: str) -> list[str] | None:
        """Every address of the VPC's blocks has its name, in use or not; so do those of any other private range."""
        scope = self._vpcs.scope(vpc_id)
        if scope is None or domain != internal_domain(scope.region) or not _is_address(ip):
            return None
        return [ip] if kind == "A" else []

    def _public(self, vpc_id: str, ip: str, name: str, kind: str) -> list[str] | None:
        """The private address within the VPC, and over a peering that allows it; the public one elsewhere."""
        for scope, address in self._store.table(Address).everywhere():
            if address.public_ip == ip and public_dns(ip, scope.region) == name and address.network_interface_id:
                interface = self._store.table(NetworkInterface).get(scope, address.network_interface_id)
                near = interface is not None and self._sees_private(vpc_id, interface.vpc_id)
                return [address.private_ip if near else ip] if kind == "A" else []
        return None

    def _sees_private(self, asking: str, owning: str) -> bool:
        if asking == owning:
            return True
        for peering in self._store.table(PeeringConnection).find(PEERINGS, "vpc_ids", owning):
            side = peering.requester if peering.requester.vpc_id == owning else peering.accepter
            if peering.state == "active" and asking in peering.vpc_ids and side.allow_remote_dns:
                return True
        return False

    def _reverse(self, vpc_id: str, ip: str, kind: str) -> list[str] | None:
        scope = self._vpcs.scope(vpc_id)
        if scope is None:
            return None
        for interface in self._store.table(NetworkInterface).find(scope, "private_ips", ip):
            if interface.vpc_id == vpc_id:
                return [f"{private_dns(ip, scope.region)}."] if kind == "PTR" else []
        for owner, address in self._store.table(Address).everywhere():
            if address.public_ip == ip:
                named = address.domain_name or f"{public_dns(ip, owner.region)}."
                return [named] if kind == "PTR" else []
        return None


def _is_address(ip: str) -> bool:
    return all(int(part) < 256 for part in ip.split("."))
