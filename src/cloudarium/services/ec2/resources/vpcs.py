"""VPCs, subnets and DHCP option sets."""

from __future__ import annotations

import msgspec

from cloudarium.services.ec2.resources.base import Tagged


class CidrAssociation(msgspec.Struct, frozen=True):
    """A CIDR block of a VPC. The first of a VPC is its primary one and can never be disassociated."""

    association_id: str
    cidr: str
    state: str = "associated"


class Vpc(Tagged, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Vpc.html."""

    TABLE = "ec2.vpcs"
    KEY = "vpc_id"

    vpc_id: str
    cidrs: tuple[CidrAssociation, ...]
    dhcp_options_id: str
    tenancy: str = "default"
    is_default: bool = False
    dns_support: bool = True
    dns_hostnames: bool = False
    usage_metrics: bool = False

    @property
    def cidr(self) -> str:
        """The primary CIDR block."""
        return self.cidrs[0].cidr

    @property
    def networks(self) -> tuple[str, ...]:
        """Every CIDR block in use."""
        return tuple(each.cidr for each in self.cidrs if each.state == "associated")


class Subnet(Tagged, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Subnet.html."""

    TABLE = "ec2.subnets"
    KEY = "subnet_id"
    INDEXES = ("vpc_id",)

    subnet_id: str
    vpc_id: str
    cidr: str
    zone: str
    zone_id: str
    is_default: bool = False
    public_ip_on_launch: bool = False
    hostname_type: str = "ip-name"
    dns_a_record: bool = False


class DhcpOptions(Tagged, frozen=True, kw_only=True):
    """A set of DHCP options; the one with ``is_default`` is what a new VPC gets."""

    TABLE = "ec2.dhcp-options"
    KEY = "dhcp_options_id"

    dhcp_options_id: str
    configurations: tuple[tuple[str, tuple[str, ...]], ...]
    is_default: bool = False
