"""Which connections security groups do not track."""

from __future__ import annotations

import pytest
from tests.net.specs import EVERYTHING, group, tcp

from cloudarium.substrate.net import SecurityRule
from cloudarium.substrate.net.tracking import untracked

ANYWHERE = tcp(80, cidr="0.0.0.0/0")
TCP, UDP = 6, 17


@pytest.mark.parametrize(
    ("rule", "back", "found"),
    [
        (ANYWHERE, EVERYTHING, [(TCP, 80, 80)]),
        (ANYWHERE, tcp(0, 65535, cidr="0.0.0.0/0"), [(TCP, 80, 80)]),
        (ANYWHERE, tcp(1024, 65535, cidr="0.0.0.0/0"), []),
        (ANYWHERE, SecurityRule("udp", 0, 65535, "0.0.0.0/0"), []),
        (ANYWHERE, SecurityRule("-1", cidr="10.0.0.0/8"), []),
        (tcp(80, cidr="10.0.0.0/8"), EVERYTHING, []),
        (tcp(80, group="sg-other"), EVERYTHING, []),
        (tcp(80, lists=["0.0.0.0/0"]), EVERYTHING, []),
        (EVERYTHING, EVERYTHING, [(TCP, -1, -1), (UDP, -1, -1)]),
        (SecurityRule("icmp", 8, 0, "0.0.0.0/0"), EVERYTHING, []),
        (tcp(80, cidr="::/0"), EVERYTHING, []),
    ],
)
def test_both_directions_must_be_open(
    rule: SecurityRule, back: SecurityRule, found: list[tuple[int, int, int]]
) -> None:
    assert untracked([group("sg-1", rule, egress=[back])], "ingress") == found
    assert untracked([group("sg-1", back, egress=[rule])], "egress") == found
    apart = [group("sg-1", rule, egress=()), group("sg-2", egress=[back])]
    assert untracked(apart, "ingress") == found, "the groups of an interface are one"
