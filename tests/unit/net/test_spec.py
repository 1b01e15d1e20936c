"""Specifications: sent and back, and refused where they contradict themselves."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from tests.net.specs import eni, group, tcp, vpc
from tests.net.worlds import worlds

from cloudarium.substrate.net import NatGateway, NotSupported, Route, SecurityRule, SpecError, VpcSpec
from cloudarium.substrate.net.validation import validate

replace = msgspec.structs.replace


@settings(max_examples=30)
@given(worlds())
def test_specifications_travel_as_json_and_msgpack(world: list[VpcSpec]) -> None:
    for spec in world:
        validate(spec)
        assert msgspec.json.decode(msgspec.json.encode(spec), type=VpcSpec) == spec
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(spec), type=VpcSpec) == spec
        assert hash(spec) == hash(replace(spec))


BASE = vpc(enis=[eni("1", "10.0.1.10")])
WRONG = [
    (replace(BASE, cidrs=()), "has no CIDR"),
    (replace(BASE, subnets=BASE.subnets[:1] * 2), "subnet-a is listed twice"),
    (replace(BASE, enis=BASE.enis * 2), "eni-1 is listed twice"),
    (replace(BASE, enis=(BASE.enis[0], eni("2", "10.0.1.10"))), "10.0.1.10 is listed twice"),
    (replace(BASE, nacls=()), "subnet-a names acl-open"),
    (replace(BASE, route_tables=()), "subnet-a names rtb-main"),
    (replace(BASE, enis=(eni("1", "10.0.1.10", "sg-none"),)), "eni-1 names sg-none"),
    (replace(BASE, enis=(eni("1", "10.0.1.10", subnet="z"),)), "eni-1 names subnet-z"),
    (replace(BASE, nat_gateways=(NatGateway("nat-1", "subnet-a", "eni-9"),)), "nat-1 names eni-9"),
    (replace(BASE, enis=(replace(BASE.enis[0], mac="02:00:00:00:00"),)), "is not a MAC address"),
    (replace(BASE, enis=(replace(BASE.enis[0], mac="02:00:00:00:00:0x"),)), "is not a MAC address"),
    (replace(BASE, enis=(replace(BASE.enis[0], private_ips=()),)), "has no private address"),
    (replace(BASE, enis=(replace(BASE.enis[0], private_ips=("10.0.1",)),)), "is not an IPv4 address"),
    (vpc(groups=[group("sg-x", tcp(80, cidr="10.0.0.0/8", group="sg-open"))]), "more than one of"),
    (vpc(groups=[group("sg-x", SecurityRule("smtp", 1, 2, "10.0.0.0/8"))]), "'smtp' is not a protocol"),
    (vpc(groups=[group("sg-x", tcp(80, 65536, cidr="10.0.0.0/8"))]), "port range 80-65536"),
    (vpc(groups=[group("sg-x", tcp(80, cidr="10.0.0.0/8 accept; }"))]), "is not a CIDR block"),
    (vpc(routes=[Route("nowhere", "blackhole")]), "is not"),
]


@pytest.mark.parametrize(("spec", "why"), WRONG, ids=[why for _, why in WRONG])
def test_contradictions_are_named(spec: VpcSpec, why: str) -> None:
    with pytest.raises(SpecError, match=why):
        validate(spec)


@pytest.mark.parametrize(
    "spec",
    [replace(BASE, cidrs=("fd00::/56",)), replace(BASE, enis=(replace(BASE.enis[0], private_ips=("fd00::1",)),))],
    ids=["range", "address"],
)
def test_ipv6_is_refused_by_name(spec: VpcSpec) -> None:
    with pytest.raises(NotSupported, match="IPv4 only"):
        validate(spec)
