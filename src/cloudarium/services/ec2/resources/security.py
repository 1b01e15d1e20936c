"""Security groups with their rules, and network ACLs."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from cloudarium.services.ec2.resources.base import Tagged


class SecurityGroup(Tagged, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroup.html."""

    TABLE = "ec2.security-groups"
    KEY = "group_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "name")

    group_id: str
    vpc_id: str
    name: str
    description: str


class SecurityGroupRule(Tagged, frozen=True, kw_only=True):
    """One rule: a protocol, a port range, and exactly one peer (a CIDR block, a prefix list or a group)."""

    TABLE = "ec2.security-group-rules"
    KEY = "rule_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("group_id", "referenced_group_id", "prefix_list_id")

    rule_id: str
    group_id: str
    is_egress: bool
    protocol: str
    """``tcp``, ``udp``, ``icmp``, ``icmpv6``, ``-1`` for everything, or an IP protocol number."""
    from_port: int
    """The first port, or the ICMP type; -1 for all."""
    to_port: int
    """The last port, or the ICMP code; -1 for all."""
    cidr_ipv4: str = ""
    cidr_ipv6: str = ""
    prefix_list_id: str = ""
    referenced_group_id: str = ""
    referenced_user_id: str = ""
    referenced_vpc_id: str = ""
    peering_id: str = ""
    """The peering connection by which a group of another VPC is referenced."""
    description: str | None = None

    @property
    def peer(self) -> str:
        """The other side, as AWS writes it in messages."""
        return self.cidr_ipv4 or self.cidr_ipv6 or self.prefix_list_id or self.referenced_group_id

    @property
    def identity(self) -> tuple[bool, str, int, int, str]:
        """What makes two rules of a group the same rule."""
        return (self.is_egress, self.protocol, self.from_port, self.to_port, self.peer)


class NaclEntry(msgspec.Struct, frozen=True):
    """One numbered entry; 32767 is the deny of everything that closes every list."""

    number: int
    egress: bool
    protocol: str
    """An IP protocol number, or ``-1``."""
    action: str
    cidr: str = ""
    cidr_ipv6: str = ""
    ports: tuple[int, int] | None = None
    icmp: tuple[int, int] | None = None
    """ICMP type and code, -1 for all."""


class NaclAssociation(msgspec.Struct, frozen=True):
    """Binds a subnet to its ACL; each subnet has exactly one."""

    association_id: str
    subnet_id: str


class NetworkAcl(Tagged, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkAcl.html."""

    TABLE = "ec2.network-acls"
    KEY = "network_acl_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "association_ids", "subnet_ids")

    network_acl_id: str
    vpc_id: str
    entries: tuple[NaclEntry, ...]
    associations: tuple[NaclAssociation, ...] = ()
    is_default: bool = False

    @property
    def association_ids(self) -> tuple[str, ...]:
        """Ids of its associations."""
        return tuple(each.association_id for each in self.associations)

    @property
    def subnet_ids(self) -> tuple[str, ...]:
        """The subnets it guards."""
        return tuple(each.subnet_id for each in self.associations)
