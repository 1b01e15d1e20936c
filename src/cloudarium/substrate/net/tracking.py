"""Which connections security groups do not track, and how the rules tell them from the others. Pure: text out.

A TCP or UDP connection from (or to) anywhere, admitted while the other direction lets all of that protocol pass, is
not tracked: its packets are held to the rules one by one, so it is cut when its rule goes.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html#untracked-connections

Each connection has two sides, of which either may not track it. The side that begins it passes the egress hook with
the connection's own packets and the ingress hook with the replies; the other side the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cloudarium.substrate.net import addresses
from cloudarium.substrate.net.matching import TCP, UDP, port_range, protocol_number
from cloudarium.substrate.net.spec import SecurityGroup, SecurityRule

CANDIDATE = "iifname != @always_tracked oifname != @always_tracked"
"""Matches the packets of connections that may go untracked."""

_BEGAN, _REACHED = 0x1, 0x2
"""Bits of a connection's mark: the side that began it, and the side it reached, do not track it."""
_BITS = {"egress": (_BEGAN, _REACHED), "ingress": (_REACHED, _BEGAN)}
"""The bit of the side that a hook speaks for: with packets of the connection's own direction, and with replies."""


class Range(NamedTuple):
    """A protocol number with ports; -1 to -1 is all of them."""

    protocol: int
    first: int
    last: int


def established(direction: str) -> Iterator[str]:
    """The rules that let pass what is already admitted; what its side does not track goes on to be judged."""
    own, reply = _BITS[direction]
    yield "  ct state established,related ct mark 0 accept"
    yield "  ct state related accept"
    yield f"  ct state established ct direction original ct mark & {own:#x} == 0 accept"
    yield f"  ct state established ct direction reply ct mark & {reply:#x} == 0 accept"


def chain(direction: str) -> str:
    """The name of the chain that admits without tracking."""
    return f"untracked_{direction}"


def marking(direction: str) -> Iterator[str]:
    """The chain that admits a packet, and marks the connection that it begins."""
    yield f"chain {chain(direction)} {{"
    yield f"  ct state new ct mark set ct mark | {_BITS[direction][0]:#x}"
    yield "  accept"
    yield "}"


def untracked(groups: Sequence[SecurityGroup], direction: str) -> list[Range]:
    """What the groups of an interface together admit in a direction without tracking it."""
    egress = direction == "egress"
    ways = [group.egress if egress else group.ingress for group in groups]
    backs = [group.ingress if egress else group.egress for group in groups]
    free = {found.protocol for back in backs for found in _open(back) if found.first < 0}
    found = {each for way in ways for each in _open(way) if each.protocol in free}
    return sorted(found)


def _open(rules: Iterable[SecurityRule]) -> Iterator[Range]:
    """TCP and UDP of the rules for everybody."""
    for rule in rules:
        if not rule.cidr or addresses.network(rule.cidr) != addresses.ANYWHERE:
            continue
        wanted = protocol_number(rule.protocol)
        for number in (TCP, UDP):
            if wanted is None:
                yield Range(number, -1, -1)
            elif wanted == number:
                yield Range(number, *(port_range(number, rule.from_port, rule.to_port) or (-1, -1)))
