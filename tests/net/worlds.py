"""Random small worlds: two VPCs, perhaps peered, perhaps with internet and NAT gateways, with random filters."""

from __future__ import annotations

from hypothesis import strategies as st

from cloudarium.substrate.net import (
    Eni,
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

PORTS = (80, 81)
SOURCE_PORT = 40_000
_GROUPS = ("sg-a", "sg-b", "sg-c")


def worlds() -> st.SearchStrategy[list[VpcSpec]]:
    return st.composite(_world)()


def _world(draw: st.DrawFn) -> list[VpcSpec]:
    same_range = draw(st.integers(0, 3)) == 0
    ranges = ("10.1.0.0/16", "10.1.0.0/16" if same_range else "10.2.0.0/16")
    peerings: tuple[Peering, ...] = ()
    if not same_range and draw(st.booleans()):
        state = draw(st.sampled_from(["active", "active", "active", "pending-acceptance"]))
        peerings = (Peering("pcx-1", "vpc-1", "vpc-2", state),)
    return [_vpc(draw, number, ranges[number - 1], ranges[2 - number], peerings) for number in (1, 2)]


def _vpc(draw: st.DrawFn, number: int, cidr: str, other: str, peerings: tuple[Peering, ...]) -> VpcSpec:
    name, base = f"vpc-{number}", cidr.rsplit(".", 2)[0]
    igw = "igw-1" if draw(st.integers(0, 3)) else None
    enis = [
        Eni(
            f"eni-{number}{position}",
            f"subnet-{number}{'ab'[position % 2]}",
            (f"{base}.{1 + position % 2}.{10 + position}",),
            f"02:00:00:00:{number:02x}:{position:02x}",
            tuple(sorted(draw(st.sets(st.sampled_from(_own(number)), min_size=1, max_size=2)))),
            public_ip=f"203.0.113.{10 * number + position}" if draw(st.booleans()) else None,
        )
        for position in range(3)
    ]
    nats: tuple[NatGateway, ...] = ()
    if draw(st.booleans()):
        nat = f"eni-{number}n"
        enis.append(Eni(nat, f"subnet-{number}a", (f"{base}.1.5",), f"02:00:00:00:{number:02x}:0f", kind="nat_gateway"))
        nats = (NatGateway("nat-1", f"subnet-{number}a", nat, f"203.0.113.{10 * number + 9}"),)
    return VpcSpec(
        name,
        (cidr,),
        tuple(
            Subnet(f"subnet-{number}{zone}", f"{base}.{1 + 'ab'.index(zone)}.0/24", zone, f"rtb-{number}{zone}", acl)
            for zone, acl in (("a", f"acl-{number}a"), ("b", f"acl-{number}b"))
        ),
        tuple(RouteTable(f"rtb-{number}{zone}", _routes(draw, number, base, other)) for zone in "ab"),
        tuple(
            SecurityGroup(group, (*_rules(draw), *_mostly(draw, _EVERY, 2)), (*_rules(draw), *_mostly(draw, _EVERY, 6)))
            for group in _own(number)
        ),
        tuple(Nacl(f"acl-{number}{zone}", _entries(draw)) for zone in "ab"),
        tuple(enis),
        igw,
        nats,
        peerings,
    )


_EVERY = SecurityRule("-1", cidr="0.0.0.0/0")


def _own(number: int) -> tuple[str, ...]:
    return tuple(f"{group}{number}" for group in _GROUPS)


def _mostly(draw: st.DrawFn, rule: SecurityRule, odds: int) -> tuple[SecurityRule, ...]:
    return (rule,) if draw(st.integers(1, odds)) > 1 else ()


_CIDRS = st.sampled_from(
    [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.2.0.0/16",
        "10.1.1.0/24",
        "10.2.2.0/24",
        "10.1.1.10/32",
        "10.1.2.11/31",
        "203.0.113.0/24",
        "203.0.113.10/32",
        "203.0.113.19/32",
        "::/0",
    ]
)
_RANGES = st.sampled_from([(80, 80), (81, 81), (80, 81), (0, 65535), (1024, 65535), (0, 79), (-1, -1)])
_PROTOCOLS = st.sampled_from(["tcp", "tcp", "6", "-1", "udp", "icmp", "icmpv6", "50"])


def _rules(draw: st.DrawFn) -> tuple[SecurityRule, ...]:
    rules = []
    for _ in range(draw(st.integers(0, 3))):
        protocol = draw(_PROTOCOLS)
        first, last = draw(_RANGES) if protocol in ("tcp", "6", "udp") else (-1, -1)
        match draw(st.integers(0, 3)):
            case 0:
                group = draw(st.sampled_from([*_own(1), *_own(2), "sg-gone"]))
                rules.append(SecurityRule(protocol, first, last, group_id=group))
            case 1:
                lists = tuple(draw(st.lists(_CIDRS, max_size=3)))
                rules.append(SecurityRule(protocol, first, last, prefix_list=lists))
            case _:
                rules.append(SecurityRule(protocol, first, last, draw(_CIDRS)))
    return tuple(rules)


def _entries(draw: st.DrawFn) -> tuple[NaclEntry, ...]:
    entries = []
    for number in draw(st.lists(st.integers(1, 99), max_size=3, unique=True)):
        protocol = draw(_PROTOCOLS)
        first, last = draw(_RANGES) if protocol in ("tcp", "6", "udp") else (-1, -1)
        allow = draw(st.integers(0, 2)) == 0
        entries.append(NaclEntry(number, draw(st.booleans()), protocol, first, last, draw(_CIDRS), allow))
    for egress in (True, False):
        if draw(st.integers(0, 9)):
            entries.append(NaclEntry(100, egress, "-1", -1, -1, "0.0.0.0/0", True))
    return tuple(entries)


def _routes(draw: st.DrawFn, number: int, base: str, other: str) -> tuple[Route, ...]:
    routes = {}
    match draw(st.integers(0, 4)):
        case 0 | 1:
            routes["0.0.0.0/0"] = Route("0.0.0.0/0", "igw", "igw-1")
        case 2 | 3:
            routes["0.0.0.0/0"] = Route("0.0.0.0/0", "nat", "nat-1")
    if not other.startswith(base) and draw(st.integers(0, 4)):
        routes[other] = Route(other, "peering", "pcx-1")
    if draw(st.integers(0, 5)) == 0:
        target = draw(st.sampled_from([f"{base}.1.10/32", f"{base}.2.0/24", "203.0.113.0/28"]))
        kind = draw(st.sampled_from(["blackhole", "eni", "igw"]))
        identifier = {"blackhole": "", "eni": f"eni-{number}2", "igw": "igw-1"}[kind]
        routes[target] = Route(target, kind, identifier)  # type: ignore[arg-type]
    return tuple(routes.values())
