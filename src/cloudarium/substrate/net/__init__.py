"""VPCs as network namespaces.

`spec` says what should be, `links` and `nft` what that means to the kernel (pure), `kernel` talks to it, `machine`
makes the difference, `policy` tells what reaches what without asking the kernel, and `Fabric` is the door to all.
"""

from cloudarium.substrate.net.capabilities import Capabilities
from cloudarium.substrate.net.errors import NetworkError, NotSupported, SpecError, UnknownInterface
from cloudarium.substrate.net.fabric import Fabric
from cloudarium.substrate.net.host import HostClient
from cloudarium.substrate.net.policy import Verdict, decide
from cloudarium.substrate.net.spec import (
    DnsSpec,
    Eni,
    GatewayEndpoint,
    HostAttachment,
    Nacl,
    NaclEntry,
    NatGateway,
    Peering,
    Route,
    RouteTable,
    SecurityGroup,
    SecurityRule,
    Subnet,
    VpcSpec,
)

__all__ = [
    "Capabilities",
    "DnsSpec",
    "Eni",
    "Fabric",
    "GatewayEndpoint",
    "HostAttachment",
    "HostClient",
    "Nacl",
    "NaclEntry",
    "NatGateway",
    "NetworkError",
    "NotSupported",
    "Peering",
    "Route",
    "RouteTable",
    "SecurityGroup",
    "SecurityRule",
    "SpecError",
    "Subnet",
    "UnknownInterface",
    "Verdict",
    "VpcSpec",
    "decide",
]
