"""DNS names and other texts derived from addresses, ids and regions."""

from __future__ import annotations

import os
from datetime import UTC, datetime

AMAZON_DNS = "AmazonProvidedDNS"
"""How DHCP options name a VPC's own resolver."""

_MAC_PREFIXES = ("02", "06", "0a", "0e", "12", "16")


def private_dns(ip: str, region: str) -> str:
    """The private DNS name of an address (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html)."""
    return f"ip-{ip.replace('.', '-')}.{internal_domain(region)}"


def internal_domain(region: str) -> str:
    """The domain that Amazon's DHCP options give: ``ec2.internal`` in us-east-1, else the region's."""
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


def public_dns(ip: str, region: str) -> str:
    """The public DNS name of an address."""
    zone = "compute-1" if region == "us-east-1" else f"{region}.compute"
    return f"ec2-{ip.replace('.', '-')}.{zone}.amazonaws.com"


def mac_address(zone: str) -> str:
    """A random locally administered address; its first byte follows the zone, as on AWS (02, 06, 0a, …)."""
    first = _MAC_PREFIXES[(ord(zone[-1]) - ord("a")) % len(_MAC_PREFIXES)]
    return ":".join([first, *(f"{byte:02x}" for byte in os.urandom(5))])


def moment(seconds: float) -> datetime:
    """Cloud seconds as the API shows them: an aware time with milliseconds."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)
