"""EC2's networks: VPCs and all that is in them."""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.ec2.addresses import Eip, EipAssociation
from cloudarium.services.cloudformation.kinds.ec2.dhcp import DhcpOptions, DhcpOptionsAssociation
from cloudarium.services.cloudformation.kinds.ec2.endpoints import VpcEndpoint
from cloudarium.services.cloudformation.kinds.ec2.gateways import GatewayAttachment, InternetGateway
from cloudarium.services.cloudformation.kinds.ec2.interfaces import NetworkInterface
from cloudarium.services.cloudformation.kinds.ec2.nat import NatGateway
from cloudarium.services.cloudformation.kinds.ec2.network_acls import (
    NetworkAcl,
    NetworkAclEntry,
    SubnetNetworkAclAssociation,
)
from cloudarium.services.cloudformation.kinds.ec2.peering import PeeringConnection
from cloudarium.services.cloudformation.kinds.ec2.prefix_lists import PrefixList
from cloudarium.services.cloudformation.kinds.ec2.routing import Route, RouteTable, SubnetRouteTableAssociation
from cloudarium.services.cloudformation.kinds.ec2.security_group_rules import EgressRule, IngressRule
from cloudarium.services.cloudformation.kinds.ec2.security_groups import SecurityGroup
from cloudarium.services.cloudformation.kinds.ec2.subnets import Subnet
from cloudarium.services.cloudformation.kinds.ec2.vpcs import Vpc, VpcCidrBlock
from cloudarium.services.cloudformation.kinds.kind import Kind

KINDS: dict[str, Kind] = {
    kind.type: kind
    for kind in (
        DhcpOptions(),
        DhcpOptionsAssociation(),
        EgressRule(),
        Eip(),
        EipAssociation(),
        GatewayAttachment(),
        IngressRule(),
        InternetGateway(),
        NatGateway(),
        NetworkAcl(),
        NetworkAclEntry(),
        NetworkInterface(),
        PeeringConnection(),
        PrefixList(),
        Route(),
        RouteTable(),
        SecurityGroup(),
        Subnet(),
        SubnetNetworkAclAssociation(),
        SubnetRouteTableAssociation(),
        Vpc(),
        VpcCidrBlock(),
        VpcEndpoint(),
    )
}
