"""What a rule of a security group or network ACL matches. Shared by the policy and, in spirit, by nft.py.

Values are normalised here once (protocol names, "all" ranges), so that both read rules the same way.
"""

from __future__ import annotations

from typing import NamedTuple

from cloudarium.substrate.net import addresses
from cloudarium.substrate.net.errors import SpecError
from cloudarium.substrate.net.spec import NaclEntry, SecurityRule

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
_PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "icmpv6": ICMPV6}
_ECHO_REQUEST, _ECHO_REPLY = 8, 0


class Packet(NamedTuple):
    """A packet as filters see it. For ICMP `sport` is 0 and `dport` the type (the code is taken to be 0)."""

    source: int
    destination: int
    protocol: int
    sport: int
    dport: int

    def reply(self) -> Packet:
        """The answer to this packet."""
        if self.protocol == ICMP:
            kind = _ECHO_REPLY if self.dport == _ECHO_REQUEST else self.dport
            return Packet(self.destination, self.source, ICMP, 0, kind)
        return Packet(self.destination, self.source, self.protocol, self.dport, self.sport)


def protocol_number(protocol: str) -> int | None:
    """The IP protocol number of "tcp", "6" and the like; None for "-1" (all); SpecError for anything else."""
    if protocol in ("-1", "all"):
        return None
    if (known := _PROTOCOLS.get(protocol)) is not None:
        return known
    if protocol.isascii() and protocol.isdigit() and int(protocol) <= 255:
        return int(protocol)
    raise SpecError(f"{protocol!r} is not a protocol")


def port_range(protocol: int | None, first: int, last: int) -> tuple[int, int] | None:
    """The ports a TCP or UDP rule names; None where it matches every port. Other protocols have no ports."""
    if protocol not in (TCP, UDP) or first < 0 or (first, last) == (0, 65535):
        return None
    return first, last


def _covers(protocol: str, first: int, last: int, packet: Packet) -> bool:
    wanted = protocol_number(protocol)
    if wanted is None:
        return True
    if wanted != packet.protocol:
        return False
    if wanted == ICMP:
        return first in (-1, packet.dport) and last in (-1, 0)
    ports = port_range(wanted, first, last)
    return ports is None or ports[0] <= packet.dport <= ports[1]


def entry_matches(entry: NaclEntry, packet: Packet) -> bool:
    """Whether a network ACL entry (of the packet's direction) matches."""
    cidr = addresses.network(entry.cidr)
    far = packet.destination if entry.egress else packet.source
    return cidr is not None and far in cidr and _covers(entry.protocol, entry.from_port, entry.to_port, packet)


def rule_covers(rule: SecurityRule, packet: Packet) -> bool:
    """Whether a security group rule matches the packet's protocol and port (not yet who is at the far end)."""
    return _covers(rule.protocol, rule.from_port, rule.to_port, packet)


def rule_names(rule: SecurityRule, far: int) -> bool:
    """Whether a rule's CIDR or prefix list holds the far end's address."""
    if rule.cidr:
        cidr = addresses.network(rule.cidr)
        return cidr is not None and far in cidr
    return any(far in found for found in addresses.networks(rule.prefix_list))
