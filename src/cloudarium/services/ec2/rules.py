"""Security group rules: reading permissions, comparing rules, and AWS's words about them. Values in, values out.

A *permission* of the API carries one protocol and port range and many peers; a *rule* has exactly one peer. A
``RuleSpec`` is a rule that is not stored yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudarium.services.ec2 import cidr
from cloudarium.services.ec2.errors import invalid

_NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_KNOWN = {"tcp", "udp", "icmp", "icmpv6", "-1"}

_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")


class RuleSpec(NamedTuple):
    """A rule of a request. Exactly one of the four peers is set."""

    protocol: str
    from_port: int
    to_port: int
    cidr_ipv4: str = ""
    cidr_ipv6: str = ""
    prefix_list_id: str = ""
    group_id: str = ""
    description: str | None = None

    @property
    def peer(self) -> str:
        """The other side."""
        return self.cidr_ipv4 or self.cidr_ipv6 or self.prefix_list_id or self.group_id

    def identity(self, *, is_egress: bool) -> tuple[bool, str, int, int, str]:
        """As ``SecurityGroupRule.identity``."""
        return (is_egress, self.protocol, self.from_port, self.to_port, self.peer)


def protocol_of(text: str) -> str:
    """The canonical name of a protocol; raises for unknown ones."""
    name = text.strip().lower()
    name = _NAMES.get(name, name)
    if name in _KNOWN or (name.isascii() and name.isdigit() and int(name) <= 255):
        return name
    raise invalid(f"Invalid value '{text}' for IP protocol. Unknown protocol.")


def ports_of(protocol: str, first: int | None, last: int | None) -> tuple[int, int]:
    """The port range (or ICMP type and code) of a rule; raises for what the protocol does not take.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
    """
    if protocol in ("tcp", "udp"):
        if first is None or last is None:
            raise invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
        for port in (first, last):
            if not 0 <= port <= 65535:
                raise invalid(f"Invalid value '{port}' for port. Ports must be between 0 and 65535.")
        if first > last:
            raise invalid(f"Invalid TCP/UDP port range ({first}:{last})")
        return first, last
    if protocol in ("icmp", "icmpv6"):
        kind = -1 if first is None else first
        code = -1 if last is None else last
        if not (-1 <= kind <= 255 and -1 <= code <= 255):
            raise invalid(f"ICMP type ({kind}) or code ({code}) is out of range.")
        if kind == -1 and code != -1:
            raise invalid(f"ICMP code ({code}) must be -1 when the type is -1.")
        return kind, code
    return -1, -1


def description_of(text: str | None) -> str | None:
    """A rule's description, checked; empty means none."""
    if text is not None and not _DESCRIPTION.fullmatch(text):
        raise invalid(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following "
            "set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
        )
    return text or None


def block_of(text: str) -> str:
    """An IPv4 block of a rule in canonical form."""
    return str(cidr.parse(text, f"CIDR block {text} is malformed"))


def ipv6_block_of(text: str) -> str:
    """An IPv6 block of a rule in canonical form."""
    return cidr.canonical_ipv6(text, f"CIDR block {text} is malformed")


def expand(permission: Mapping[str, Any]) -> list[RuleSpec]:
    """The rules that one permission stands for; groups are those of its pairs, still unchecked.

    A pair without ``GroupId`` must have been completed by the caller.
    """
    protocol = protocol_of(str(permission.get("IpProtocol") or ""))
    first, last = ports_of(protocol, permission.get("FromPort"), permission.get("ToPort"))
    base = RuleSpec(protocol, first, last)
    found: list[RuleSpec] = []
    for each in permission.get("IpRanges") or ():
        block = block_of(each.get("CidrIp", ""))
        found.append(base._replace(cidr_ipv4=block, description=description_of(each.get("Description"))))
    for each in permission.get("Ipv6Ranges") or ():
        block = ipv6_block_of(each.get("CidrIpv6", ""))
        found.append(base._replace(cidr_ipv6=block, description=description_of(each.get("Description"))))
    for each in permission.get("PrefixListIds") or ():
        name = each.get("PrefixListId", "")
        found.append(base._replace(prefix_list_id=name, description=description_of(each.get("Description"))))
    for each in permission.get("UserIdGroupPairs") or ():
        group = each.get("GroupId", "")
        found.append(base._replace(group_id=group, description=description_of(each.get("Description"))))
    return found


def in_words(spec: RuleSpec) -> str:
    """A rule as AWS writes it in ``InvalidPermission.Duplicate``."""
    if spec.protocol == "-1":
        return f"peer: {spec.peer}, ALL, ALLOW"
    if spec.protocol in ("tcp", "udp"):
        return (
            f"peer: {spec.peer}, {spec.protocol.upper()}, from port: {spec.from_port}, to port: {spec.to_port}, ALLOW"
        )
    if spec.protocol in ("icmp", "icmpv6"):
        kind = "ALL" if spec.from_port == -1 else str(spec.from_port)
        code = "ALL" if spec.to_port == -1 else str(spec.to_port)
        return f"peer: {spec.peer}, {spec.protocol.upper()}, type: {kind}, code: {code}, ALLOW"
    return f"peer: {spec.peer}, {spec.protocol}, ALLOW"
