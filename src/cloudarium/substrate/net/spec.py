"""What a VPC should be: plain values, in; the Fabric makes the kernel's network match.

Frozen structs, all strings, numbers and tuples, so that a specification can be compared, hashed, stored and sent.
IPv4 only: IPv6 ranges in rules are accepted (Terraform writes them everywhere) and match nothing, because no
interface has an IPv6 address; an IPv6 address on an interface is refused by `validate`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

TargetKind = Literal["local", "igw", "nat", "peering", "eni", "gateway-endpoint", "blackhole"]

UNFILTERED_KINDS = frozenset({"nat_gateway", "natGateway", "network_load_balancer"})
"""Interfaces AWS lets be without security groups; without any they pass everything. Others without any pass nothing."""


TRACKED_KINDS = frozenset({"nat_gateway", "natGateway", "network_load_balancer", "vpc_endpoint"})
"""Interfaces whose connections AWS always tracks, whatever the rules."""


class SecurityRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One permission: a protocol, a port range and exactly one of `cidr`, `prefix_list` and `group_id`.

    `protocol` is tcp, udp, icmp, icmpv6, a number, or -1 for all. For ICMP `from_port` is the type and `to_port` the
    code; -1 is any.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
    """

    protocol: str
    from_port: int = -1
    to_port: int = -1
    cidr: str = ""
    prefix_list: tuple[str, ...] = ()
    group_id: str = ""


class SecurityGroup(msgspec.Struct, frozen=True):
    """Stateful filter of the interfaces that name it."""

    id: str
    ingress: tuple[SecurityRule, ...] = ()
    egress: tuple[SecurityRule, ...] = ()


class NaclEntry(msgspec.Struct, frozen=True):
    """One numbered entry of a network ACL; the lowest number that matches decides. Ports as in `SecurityRule`.

    https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
    """

    number: int
    egress: bool
    protocol: str
    from_port: int
    to_port: int
    cidr: str
    allow: bool


class Nacl(msgspec.Struct, frozen=True):
    """Stateless filter at the border of a subnet; what matches no entry is denied."""

    id: str
    entries: tuple[NaclEntry, ...] = ()


class Route(msgspec.Struct, frozen=True):
    """One route. For a gateway endpoint `destination` may be a prefix list id: the endpoint's CIDRs stand for it."""

    destination: str
    target_kind: TargetKind
    target_id: str = ""


class RouteTable(msgspec.Struct, frozen=True):
    """The routes of a table. The local routes of the VPC's own CIDRs are always there, listed or not."""

    id: str
    routes: tuple[Route, ...] = ()


class Subnet(msgspec.Struct, frozen=True):
    """A subnet, its zone, and the one route table and network ACL in force for it."""

    id: str
    cidr: str
    zone: str
    route_table_id: str
    nacl_id: str


class HostAttachment(msgspec.Struct, frozen=True):
    """A process of the host that stands behind an interface: `port` of the interface leads to `host:host_port`."""

    port: int
    host: str
    host_port: int


class Eni(msgspec.Struct, frozen=True, omit_defaults=True):
    """A network interface. The first of `private_ips` is the primary; `public_ip` belongs to it.

    `more_public_ips` are pairs of one of the others and the public address that belongs to that.
    """

    id: str
    subnet_id: str
    private_ips: tuple[str, ...]
    mac: str
    security_group_ids: tuple[str, ...] = ()
    source_dest_check: bool = True
    public_ip: str | None = None
    attachment: HostAttachment | None = None
    kind: str = "interface"
    more_public_ips: tuple[tuple[str, str], ...] = ()

    def public_addresses(self) -> dict[str, str]:
        """Public address by private address."""
        primary = {} if self.public_ip is None else {self.private_ips[0]: self.public_ip}
        return primary | dict(self.more_public_ips)


class NatGateway(msgspec.Struct, frozen=True):
    """Translates to the primary address of its interface, then to `public_ip` (None: a private NAT gateway)."""

    id: str
    subnet_id: str
    eni_id: str
    public_ip: str | None = None


class Peering(msgspec.Struct, frozen=True):
    """A peering connection; traffic passes while `state` is active and both VPCs' specifications list it."""

    id: str
    requester_vpc: str
    accepter_vpc: str
    state: str = "active"

    def other(self, vpc_id: str) -> str:
        """The VPC at the far end of `vpc_id`."""
        return self.accepter_vpc if vpc_id == self.requester_vpc else self.requester_vpc


class GatewayEndpoint(msgspec.Struct, frozen=True):
    """A gateway endpoint for a service's CIDRs (the prefix list)."""

    id: str
    cidrs: tuple[str, ...]


class DnsSpec(msgspec.Struct, frozen=True):
    """The resolver of a VPC, which without `enable_support` does not answer, and what workloads are told of names.

    `servers` are whom they are to ask, in order; none: the resolver.
    """

    enable_support: bool = True
    domain: str = "ec2.internal"
    servers: tuple[str, ...] = ()


class VpcSpec(msgspec.Struct, frozen=True):
    """Everything that decides what reaches what in one VPC. The first CIDR is the primary."""

    id: str
    cidrs: tuple[str, ...]
    subnets: tuple[Subnet, ...] = ()
    route_tables: tuple[RouteTable, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    nacls: tuple[Nacl, ...] = ()
    enis: tuple[Eni, ...] = ()
    internet_gateway_id: str | None = None
    nat_gateways: tuple[NatGateway, ...] = ()
    peerings: tuple[Peering, ...] = ()
    gateway_endpoints: tuple[GatewayEndpoint, ...] = ()
    dns: DnsSpec = DnsSpec()

    def active_peers(self) -> tuple[str, ...]:
        """The ids of the VPCs that active peerings lead to."""
        return tuple(peering.other(self.id) for peering in self.peerings if peering.state == "active")
