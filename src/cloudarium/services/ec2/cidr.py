"""CIDR blocks: reading, AWS's canonical form, and the addresses of a subnet."""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Container, Iterable
from functools import lru_cache

from cloudarium.services.ec2.errors import invalid

Network = ipaddress.IPv4Network
_CIDR = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}/\d{1,2}")


@lru_cache(maxsize=4096)
def network(text: str) -> Network:
    """The network a canonical block stands for."""
    return ipaddress.IPv4Network(text)


def parse(text: str, message: str) -> Network:
    """A block of a request, its host bits cleared as AWS does; raises ``InvalidParameterValue`` with ``message``."""
    if _CIDR.fullmatch(text):
        try:
            return ipaddress.IPv4Network(text, strict=False)
        except ValueError:
            pass
    raise invalid(message)


def parameter(text: str, name: str) -> Network:
    """As ``parse`` with the message of CreateVpc and CreateSubnet."""
    return parse(text, f"Value ({text}) for parameter {name} is invalid. This is not a valid CIDR block.")


def canonical_ipv6(text: str, message: str) -> str:
    """An IPv6 block of a request in canonical form."""
    try:
        if "/" in text:
            return str(ipaddress.IPv6Network(text, strict=False))
    except ValueError:
        pass
    raise invalid(message)


def address(text: str, name: str) -> ipaddress.IPv4Address:
    """An address of a request; raises ``InvalidParameterValue``."""
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise invalid(f"Value ({text}) for parameter {name} is invalid. Invalid IPv4 address.") from None


def overlapping(block: Network, others: Iterable[str]) -> str | None:
    """The first of ``others`` that shares addresses with ``block``, or None."""
    return next((other for other in others if network(other).overlaps(block)), None)


RESERVED = 5
"""Addresses of a subnet that AWS keeps: network, router, DNS, future use, broadcast."""


def capacity(block: str) -> int:
    """Addresses of a subnet that can be given out."""
    return network(block).num_addresses - RESERVED


def is_reserved(block: str, ip: ipaddress.IPv4Address) -> bool:
    """Whether AWS keeps this address of the subnet for itself: the first four and the last.

    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
    """
    net = network(block)
    return int(ip) - int(net.network_address) < 4 or ip == net.broadcast_address


def free_address(block: str, used: Container[str]) -> str | None:
    """A free address of a subnet, picked at random as AWS does, or None when it is full."""
    net = network(block)
    first, last = int(net.network_address) + 4, int(net.broadcast_address) - 1
    for _ in range(16):
        candidate = str(ipaddress.IPv4Address(random.randint(first, last)))
        if candidate not in used:
            return candidate
    for number in range(first, last + 1):
        candidate = str(ipaddress.IPv4Address(number))
        if candidate not in used:
            return candidate
    return None
