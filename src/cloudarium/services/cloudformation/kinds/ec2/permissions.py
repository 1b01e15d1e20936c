"""Rules of security groups: those of templates as EC2 takes them. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudarium.services.cloudformation.kinds.ec2.base import block

_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_WITH_PORTS = ("tcp", "udp", "icmp", "icmpv6")


class Direction(NamedTuple):
    """How one direction is called, in templates and in EC2's operations."""

    word: str
    """What the operations end in: ``authorize_security_group_<word>``."""
    prefix: str
    """What the properties of the other side begin with: ``SourcePrefixListId``."""
    is_egress: bool


INGRESS = Direction("ingress", "Source", is_egress=False)
EGRESS = Direction("egress", "Destination", is_egress=True)


def permission(rule: Mapping[str, Any], direction: Direction) -> dict[str, Any]:
    """A rule of a template as one permission with one peer."""
    found: dict[str, Any] = {name: rule[name] for name in ("FromPort", "IpProtocol", "ToPort") if name in rule}
    described = {"Description": rule["Description"]} if rule.get("Description") else {}
    if "CidrIp" in rule:
        found["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    if "CidrIpv6" in rule:
        found["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **described}]
    prefix_list = rule.get(f"{direction.prefix}PrefixListId")
    if prefix_list:
        found["PrefixListIds"] = [{"PrefixListId": prefix_list, **described}]
    group = {
        member: rule[name]
        for name, member in (
            (f"{direction.prefix}SecurityGroupId", "GroupId"),
            (f"{direction.prefix}SecurityGroupName", "GroupName"),
            (f"{direction.prefix}SecurityGroupOwnerId", "UserId"),
        )
        if rule.get(name)
    }
    if group:
        found["UserIdGroupPairs"] = [{**group, **described}]
    return found


def is_same(rule: Mapping[str, Any], shown: Mapping[str, Any], direction: Direction) -> bool:
    """Whether a rule that EC2 shows is the template's; EC2 writes protocols and blocks in its own way."""
    if shown["IsEgress"] != direction.is_egress:
        return False
    protocol = str(rule["IpProtocol"]).lower()
    protocol = _PROTOCOLS.get(protocol, protocol)
    if protocol != shown["IpProtocol"]:
        return False
    if protocol in _WITH_PORTS and (rule.get("FromPort", -1), rule.get("ToPort", -1)) != (
        shown["FromPort"],
        shown["ToPort"],
    ):
        return False
    peers = (
        ("CidrIp", shown.get("CidrIpv4")),
        ("CidrIpv6", shown.get("CidrIpv6")),
        (f"{direction.prefix}PrefixListId", shown.get("PrefixListId")),
        (f"{direction.prefix}SecurityGroupId", shown.get("ReferencedGroupInfo", {}).get("GroupId")),
    )
    return all((block(rule[name]) if rule.get(name) else None) == has for name, has in peers)
