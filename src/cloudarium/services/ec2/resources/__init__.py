"""What EC2 stores: one struct per AWS resource, grouped by family."""

from cloudarium.services.ec2.resources.addresses import NAT_ENDED, Address, NatAddress, NatGateway
from cloudarium.services.ec2.resources.base import AccountNetwork, ClientToken, Tagged, Tags
from cloudarium.services.ec2.resources.interfaces import (
    Attachment,
    HostProcess,
    InterfaceAttachment,
    NetworkInterface,
)
from cloudarium.services.ec2.resources.links import PEERINGS, PeeringConnection, PeeringSide, VpcEndpoint
from cloudarium.services.ec2.resources.prefix_lists import ManagedPrefixList, PrefixListEntry, PrefixListVersion
from cloudarium.services.ec2.resources.routing import InternetGateway, Route, RouteTable, RouteTableAssociation
from cloudarium.services.ec2.resources.security import (
    NaclAssociation,
    NaclEntry,
    NetworkAcl,
    SecurityGroup,
    SecurityGroupRule,
)
from cloudarium.services.ec2.resources.vpcs import CidrAssociation, DhcpOptions, Subnet, Vpc

__all__ = [
    "NAT_ENDED",
    "PEERINGS",
    "AccountNetwork",
    "Address",
    "Attachment",
    "CidrAssociation",
    "ClientToken",
    "DhcpOptions",
    "HostProcess",
    "InterfaceAttachment",
    "InternetGateway",
    "ManagedPrefixList",
    "NaclAssociation",
    "NaclEntry",
    "NatAddress",
    "NatGateway",
    "NetworkAcl",
    "NetworkInterface",
    "PeeringConnection",
    "PeeringSide",
    "PrefixListEntry",
    "PrefixListVersion",
    "Route",
    "RouteTable",
    "RouteTableAssociation",
    "SecurityGroup",
    "SecurityGroupRule",
    "Subnet",
    "Tagged",
    "Tags",
    "Vpc",
    "VpcEndpoint",
]
