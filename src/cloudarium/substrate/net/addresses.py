"""IPv4 arithmetic on plain integers, and the addresses the fabric itself uses.

The link-local ones never collide with a VPC's own: AWS refuses CIDRs in 169.254.0.0/16.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterable
from typing import NamedTuple

from cloudarium.substrate.net.errors import SpecError

ROUTER = "169.254.1.1"
"""The VPC's end of every interface's link, and each workload's default gateway."""
INTERNET_SIDE, VPC_SIDE = "169.254.2.1", "169.254.2.2"
"""The two ends of the links between a VPC and the cloud's own namespace."""
REQUESTER_SIDE, ACCEPTER_SIDE = "169.254.3.1", "169.254.3.2"
"""The two ends of a peering link."""
RESOLVER = "169.254.169.253"
_ENDPOINT_BASE = 0xA9FE8000
"""From 169.254.128.0: what a VPC's traffic through gateway endpoints is translated to, one address per VPC."""
ENDPOINT_ADDRESSES = 0x2900
"""169.254.128.0 up to 169.254.168.255: below the metadata and resolver addresses."""


class Network(NamedTuple):
    """An IPv4 range."""

    base: int
    mask: int
    prefix: int

    def __contains__(self, address: object) -> bool:
        return isinstance(address, int) and address & self.mask == self.base

    def __str__(self) -> str:
        return f"{text(self.base)}/{self.prefix}"


ANYWHERE = Network(0, 0, 0)
LOCAL_SERVICES = Network(0xA9FEA800, 0xFFFFFC00, 22)
"""169.254.168.0/22: what AWS serves to each workload where it is, and never forwards."""


@functools.lru_cache(maxsize=8192)
def number(address: str) -> int:
    """The integer of a dotted IPv4 address; raises SpecError for anything else."""
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET, address), "big")
    except (OSError, TypeError, ValueError):
        raise SpecError(f"{address!r} is not an IPv4 address") from None


def text(address: int) -> str:
    """The dotted form of an integer address."""
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


@functools.lru_cache(maxsize=8192)
def network(cidr: str) -> Network | None:
    """The range that a CIDR denotes, host bits cleared as AWS does; None for an IPv6 one; SpecError otherwise."""
    address, slash, length = cidr.partition("/")
    if ":" in address:
        try:
            socket.inet_pton(socket.AF_INET6, address)
        except (OSError, ValueError):
            raise SpecError(f"{cidr!r} is not a CIDR block") from None
        return None
    if slash and not (length.isascii() and length.isdigit() and int(length) <= 32):
        raise SpecError(f"{cidr!r} is not a CIDR block")
    prefix = int(length) if slash else 32
    mask = (0xFFFFFFFF << 32 - prefix) & 0xFFFFFFFF
    return Network(number(address) & mask, mask, prefix)


def networks(cidrs: Iterable[str]) -> list[Network]:
    """The IPv4 ranges among `cidrs`, sorted, without those inside another of them."""
    kept: list[Network] = []
    for candidate in sorted({found for cidr in cidrs if (found := network(cidr)) is not None}):
        if not kept or candidate.base not in kept[-1]:
            kept.append(candidate)
    return kept


def resolver_addresses(primary_cidr: str) -> tuple[str, str]:
    """Where the Amazon-provided DNS server answers: base of the primary CIDR plus two, and the link-local one.

    https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
    """
    primary = network(primary_cidr)
    if primary is None:
        raise SpecError(f"the primary CIDR {primary_cidr!r} is not IPv4")
    return text(primary.base + 2), RESOLVER


def endpoint_address(index: int) -> str:
    """The address that the VPC numbered `index` (0 up to ENDPOINT_ADDRESSES - 1) has at gateway endpoints."""
    return text(_ENDPOINT_BASE + index)
