"""What the kernel is told about a container instance's bridge network. Pure: requests and rulesets out.

Docker's network of the name, as seen from outside: 172.17.0.0/16, the gateway at .1, what leaves has the instance's
address, published ports lead in and nothing else does. Inside there is no bridge but a route per container, as in a
VPC here: nothing to learn, nothing to flood, and every packet between containers passes the instance's hooks.
"""

from __future__ import annotations

import ipaddress
from hashlib import blake2s
from typing import Literal

from cloudarium.substrate.net import names
from cloudarium.substrate.net.kernel import rtnl
from cloudarium.substrate.net.kernel.netlink import Request
from cloudarium.substrate.net.links import MTU

Protocol = Literal["tcp", "udp"]

NETWORK = ipaddress.ip_network("172.17.0.0/16")
GATEWAY = "172.17.0.1"
DYNAMIC_PORTS = range(32768, 61000)
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html (hostPort)"""
TABLE = "ip cloudarium_bridge"

_GROUP = 0x42000001
_GATEWAY_MAC = "02:42:ac:11:00:01"
_MAIN_TABLE = 254
_FAR_INDEX = 2
"""The container's link: the first after its loopback."""
FIRST_NEAR_INDEX = 100_000
"""Above the links that the fabric numbers."""


def near_link(container_id: str) -> str:
    """The instance's end of a container's link."""
    return "c" + blake2s(container_id.encode(), digest_size=6).hexdigest()


def mac_of(address: str) -> str:
    """As Docker makes them: the address in it."""
    return "02:42:" + ":".join(f"{byte:02x}" for byte in ipaddress.ip_address(address).packed)


def prepare(uplink: int) -> list[Request]:
    """The instance: no links of an earlier cloud, the gateway's address, and an uplink that forwards."""
    return [
        rtnl.delete_group(_GROUP),
        rtnl.address(rtnl.LOOPBACK, GATEWAY),
        rtnl.link_up(uplink, forwards=True),
    ]


def join(container_id: str, address: str, index: int, namespace: int) -> list[Request]:
    """The instance's side of a container, in order; the first makes the link into its namespace."""
    near = (near_link(container_id), index, _GATEWAY_MAC, _GROUP)
    far = (names.ENI_LINK, _FAR_INDEX, mac_of(address), 0)
    return [
        rtnl.veth((near, far), mtu=MTU, peer_namespace=namespace),
        rtnl.link_up(index, forwards=True),
        rtnl.neighbour(index, address, mac_of(address)),
        rtnl.route(_MAIN_TABLE, (address, 32), "unicast", index=index),
    ]


def settle(address: str) -> list[Request]:
    """The container's side, once the link is there."""
    return [
        rtnl.link_up(rtnl.LOOPBACK),
        rtnl.link_up(_FAR_INDEX),
        rtnl.address(_FAR_INDEX, address),
        rtnl.neighbour(_FAR_INDEX, GATEWAY, _GATEWAY_MAC),
        rtnl.route(_MAIN_TABLE, (GATEWAY, 32), "unicast", index=_FAR_INDEX),
        rtnl.route(_MAIN_TABLE, ("0.0.0.0", 0), "unicast", index=_FAR_INDEX, via=GATEWAY),
    ]


def leave(container_id: str) -> Request:
    """Take a container's link away, both ends of it."""
    return rtnl.delete_named(near_link(container_id))


def ruleset() -> str:
    """The instance's table, without a container in it."""
    inward = "tcp dport map @ports_tcp", "udp dport map @ports_udp"
    lead_in = " ".join(f"dnat ip to {port};" for port in inward)
    uplink = names.ENI_LINK
    return f"""
table {TABLE} {{ }}
delete table {TABLE}
table {TABLE} {{
  map ports_tcp {{ type inet_service : ipv4_addr . inet_service; }}
  map ports_udp {{ type inet_service : ipv4_addr . inet_service; }}
  set selves {{ type ipv4_addr . ipv4_addr; }}
  chain inward {{ {lead_in} }}
  chain prerouting {{ type nat hook prerouting priority -100; fib daddr type local jump inward; }}
  chain output {{ type nat hook output priority -100; ip daddr != 127.0.0.0/8 fib daddr type local jump inward; }}
  chain postrouting {{
    type nat hook postrouting priority 100;
    ip saddr {NETWORK} oifname "{uplink}" masquerade;
    ip saddr . ip daddr @selves snat ip to {GATEWAY};
  }}
  chain forward {{
    type filter hook forward priority 0;
    iifname "{uplink}" ct state established,related accept;
    iifname "{uplink}" ct status dnat accept;
    iifname "{uplink}" drop;
  }}
}}
"""


def know(address: str, *, remove: bool = False) -> str:
    """A container that may talk to itself by its published port."""
    return f"{_verb(remove)} element {TABLE} selves {{ {address} . {address} }}\n"


def lead(protocol: Protocol, host_port: int, address: str, port: int, *, remove: bool = False) -> str:
    """A published port."""
    value = "" if remove else f" : {address} . {port}"
    return f"{_verb(remove)} element {TABLE} ports_{protocol} {{ {host_port}{value} }}\n"


def _verb(remove: bool) -> str:
    return "delete" if remove else "add"
