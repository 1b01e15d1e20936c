"""Verdicts and their reasons; that they are the kernel's is tests/net's to prove."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from tests.net.specs import eni, group, peered, tcp, vpc
from tests.net.worlds import worlds

from cloudarium.substrate.net import Nacl, NaclEntry, NatGateway, Route, SecurityRule, UnknownInterface, VpcSpec, decide
from cloudarium.substrate.net.policy import admits
from cloudarium.substrate.net.world import World


def world(*specs: VpcSpec, service: str | None = None) -> World:
    made = World(service)
    for spec in specs:
        made.put(spec)
    return made


TWO = [eni("1", "10.0.1.10"), eni("2", "10.0.2.10", "sg-web", subnet="b")]
WEB = group("sg-web", tcp(80, cidr="10.0.1.0/24"))


@pytest.mark.parametrize(
    ("spec", "address", "outcome", "words"),
    [
        (vpc(enis=TWO, groups=[WEB]), "10.0.2.10", "allowed", "security groups and network ACL of eni-2"),
        (vpc(enis=TWO, groups=[group("sg-web")]), "10.0.2.10", "dropped", "no rule of sg-web of eni-2 .* port 80 from"),
        (vpc(enis=TWO, groups=[WEB], acls={"b": Nacl("acl-b")}), "10.0.2.10", "dropped", "no entry of acl-b"),
        (
            vpc(
                enis=TWO,
                groups=[WEB],
                acls={"a": Nacl("acl-a", (NaclEntry(7, True, "-1", -1, -1, "0.0.0.0/0", False),))},
            ),
            "10.0.2.10",
            "dropped",
            "entry 7 of acl-a denies",
        ),
        (vpc(enis=TWO, groups=[WEB]), "10.0.2.99", "dropped", "no network interface of vpc-1 has 10.0.2.99"),
        (vpc(enis=TWO, groups=[WEB]), "8.8.8.8", "unreachable", "rtb-main has no route to 8.8.8.8"),
        (
            vpc(enis=TWO, groups=[WEB], routes=[Route("8.0.0.0/8", "blackhole")]),
            "8.8.8.8",
            "dropped",
            "8.0.0.0/8 of rtb-main",
        ),
        (
            vpc(enis=TWO, groups=[WEB], routes=[Route("0.0.0.0/0", "igw", "igw-1")], internet_gateway_id="igw-1"),
            "8.8.8.8",
            "dropped",
            "eni-1 has no public address",
        ),
        (
            vpc(enis=TWO, groups=[WEB], tables={"b": [Route("10.0.1.0/24", "blackhole")]}),
            "10.0.2.10",
            "dropped",
            "lead back",
        ),
    ],
)
def test_the_reason_names_what_decided(spec: VpcSpec, address: str, outcome: str, words: str) -> None:
    verdict = decide(world(spec), "eni-1", address, "tcp", 80)
    assert verdict.outcome == outcome
    assert re.search(words, verdict.reason), verdict.reason


def test_what_the_other_end_sees() -> None:
    igw, nat = [Route("0.0.0.0/0", "igw", "igw-1")], [Route("0.0.0.0/0", "nat", "nat-1")]
    enis = [eni("1", "10.0.2.10", subnet="b"), eni("n", "10.0.1.5"), eni("p", "10.0.1.10", public="203.0.113.1")]
    one = vpc(
        enis=enis,
        routes=igw,
        tables={"b": nat},
        internet_gateway_id="igw-1",
        nat_gateways=(NatGateway("nat-1", "subnet-a", "eni-n", "203.0.113.5"),),
    )
    two = vpc("vpc-2", enis=[eni("w", "10.0.1.10", public="203.0.113.9")], routes=igw, internet_gateway_id="igw-1")
    both = world(one, two)
    for source, seen in (("eni-1", "203.0.113.5"), ("eni-p", "203.0.113.1")):
        verdict = decide(both, source, "203.0.113.9", "tcp", 80)
        assert (verdict.allowed, verdict.eni, verdict.source) == (True, "eni-w", seen)
    assert decide(both, "198.51.100.7", "203.0.113.9", "tcp", 80).source == "198.51.100.7"
    assert not decide(both, "198.51.100.7", "203.0.113.5", "tcp", 80).allowed


def test_pings_and_their_answers() -> None:
    ping = group("sg-web", SecurityRule("icmp", 8, -1, "0.0.0.0/0"))
    replies = NaclEntry(1, True, "icmp", 0, -1, "0.0.0.0/0", True)
    requests = NaclEntry(1, False, "icmp", 8, -1, "0.0.0.0/0", True)
    for entries, allowed in (((requests, replies), True), ((requests,), False)):
        spec = vpc(enis=TWO, groups=[ping], acls={"b": Nacl("acl-b", entries)})
        assert decide(world(spec), "eni-1", "10.0.2.10", "icmp", 8).allowed is allowed
        assert not decide(world(spec), "eni-1", "10.0.2.10", "tcp", 80).allowed


def test_admits_asks_for_groups_and_acl_but_no_gateway() -> None:
    made = world(vpc(enis=[eni("lb", "10.0.1.10", "sg-lb")], groups=[group("sg-lb", tcp(80, cidr="0.0.0.0/0"))]))
    assert admits(made, "eni-lb", "127.0.0.1", "tcp", 80).allowed
    assert not admits(made, "eni-lb", "127.0.0.1", "tcp", 81).allowed
    closed = Nacl("acl-x", (NaclEntry(1, False, "-1", -1, -1, "0.0.0.0/0", True),))
    made.put(
        vpc(
            enis=[eni("lb", "10.0.1.10", "sg-lb")],
            groups=[group("sg-lb", tcp(80, cidr="0.0.0.0/0"))],
            acls={"a": closed},
        )
    )
    assert not admits(made, "eni-lb", "127.0.0.1", "tcp", 80).allowed, "the reply has no entry"


def test_a_peering_carries_neither_others_traffic_nor_without_both() -> None:
    one, two = peered(
        vpc("vpc-1", "10.1.0.0/16", enis=[eni("1", "10.1.1.10")], routes=[Route("10.2.0.0/16", "peering", "pcx-1")]),
        vpc("vpc-2", "10.2.0.0/16", enis=[eni("2", "10.2.1.10")], routes=[Route("10.1.0.0/16", "peering", "pcx-1")]),
    )
    made = world(one, two)
    assert decide(made, "eni-1", "10.2.1.10", "tcp", 80).allowed
    made.drop("vpc-2")
    assert decide(made, "eni-1", "10.2.1.10", "tcp", 80).reason == "peering pcx-1 is not active"


def test_the_world_forgets() -> None:
    made = world(vpc(enis=[eni("1", "10.0.1.10", public="203.0.113.1")], internet_gateway_id="igw-1"))
    made.drop("vpc-1")
    with pytest.raises(UnknownInterface, match="eni-1"):
        made.interface("eni-1")
    assert made.public_owner(0xCB007101) is None
    made.drop("vpc-1")


@settings(max_examples=40)
@given(worlds())
def test_verdicts_do_not_depend_on_the_order_of_specifications(specs: list[VpcSpec]) -> None:
    forward, backward = world(*specs), world(*reversed(specs))
    for spec in specs:
        for source in spec.enis:
            for other in specs:
                for target in other.enis:
                    question = (source.id, target.public_ip or target.private_ips[0], "tcp", 80)
                    assert decide(forward, *question) == decide(backward, *question)
