"""Names and numbers that identifiers have inside the kernel: the same every time, so that nothing is remembered.

Interface names hold 15 bytes and marks, groups and table numbers 32 bits, so identifiers are hashed.
"""

from __future__ import annotations

import functools
from hashlib import blake2s

CLOUD = "cloud"
"""The site (see links.py) of the cloud's own namespace, the VPCs' internet."""
ENI_LINK = "eth0"
"""An interface as its own namespace sees it."""
INTERNET_LINK, ENDPOINT_LINK = "igw", "gwe"
DOOMED_GROUP = 2
"""Interface group that links are put into to be deleted together."""
EDGE_GROUP = 1
"""Interface group, in a VPC, of links that lead out of it. The groups of subnets' interfaces come from `ident`."""
CLOUD_INTERNET_GROUP, CLOUD_ENDPOINT_GROUP = 0x43000001, 0x43000002
LOCAL_TABLE = 100
NFT_TABLE = "cloudarium"
CLOUD_LINK_PREFIX = "cl-"


@functools.lru_cache(maxsize=8192)
def _digest(identifier: str) -> str:
    return blake2s(identifier.encode(), digest_size=6).hexdigest()


def eni_link(eni_id: str) -> str:
    """The VPC's end of an interface's link."""
    return "e" + _digest(eni_id)


def peering_link(peering_id: str) -> str:
    """A peering's link, named alike in both VPCs."""
    return "p" + _digest(peering_id)


def cloud_link(kind: str, vpc_id: str) -> str:
    """The cloud's end of a VPC's internet or endpoint link; `kind` is one letter."""
    return f"{CLOUD_LINK_PREFIX}{kind}{_digest(vpc_id)[:10]}"


def ident(identifier: str) -> int:
    """A number for an identifier as mark, interface group or routing table; above every number of the kernel's."""
    return 0x40000000 | int(_digest(identifier)[:8], 16) & 0x3FFFFFFF


def chain(kind: str, *identifiers: str) -> str:
    """The name of an nftables chain or set."""
    return f"{kind}_{_digest(' '.join(identifiers))}"


def vpc_site(vpc_id: str) -> str:
    """The site of a VPC's namespace."""
    return f"vpc:{vpc_id}"


def eni_site(eni_id: str) -> str:
    """The site of an interface's own namespace."""
    return f"eni:{eni_id}"
