"""Specifications for tests, said briefly. A VPC has two subnets (x.x.1.0/24 and x.x.2.0/24) unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cloudarium.substrate.net import (
    Eni,
    HostAttachment,
    Nacl,
    NaclEntry,
    Peering,
    Route,
    RouteTable,
    SecurityGroup,
    SecurityRule,
    Subnet,
    VpcSpec,
)

EVERYTHING = SecurityRule("-1", cidr="0.0.0.0/0")
OPEN = SecurityGroup("sg-open", (EVERYTHING,), (EVERYTHING,))
CLOSED = SecurityGroup("sg-closed", (), (EVERYTHING,))
OPEN_ACL = Nacl(
    "acl-open",
    (
        NaclEntry(100, True, "-1", -1, -1, "0.0.0.0/0", True),
        NaclEntry(100, False, "-1", -1, -1, "0.0.0.0/0", True),
    ),
)


def tcp(
    first: int, last: int | None = None, *, cidr: str = "", group: str = "", lists: Iterable[str] = ()
) -> SecurityRule:
    return SecurityRule("tcp", first, first if last is None else last, cidr, tuple(lists), group)


def group(name: str, *ingress: SecurityRule, egress: Iterable[SecurityRule] = (EVERYTHING,)) -> SecurityGroup:
    return SecurityGroup(name, ingress, tuple(egress))


def eni(
    name: str,
    address: str,
    *groups: str,
    subnet: str = "a",
    public: str | None = None,
    attachment: HostAttachment | None = None,
    check: bool = True,
    kind: str = "interface",
) -> Eni:
    """An interface `eni-<name>`, in sg-open unless told otherwise."""
    mac = "02:" + ":".join(f"{int(part):02x}" for part in address.split(".")) + ":01"
    return Eni(
        f"eni-{name}", f"subnet-{subnet}", (address,), mac, groups or ("sg-open",), check, public, attachment, kind
    )


def vpc(
    name: str = "vpc-1",
    cidr: str = "10.0.0.0/16",
    *,
    enis: Iterable[Eni] = (),
    groups: Iterable[SecurityGroup] = (),
    routes: Iterable[Route] = (),
    tables: dict[str, Iterable[Route]] | None = None,
    acls: dict[str, Nacl] | None = None,
    subnets: dict[str, str] | None = None,
    **others: object,
) -> VpcSpec:
    """A VPC. `routes` are those of the main table; `tables` and `acls` give subnets, by letter, ones of their own."""
    base = cidr.rsplit(".", 2)[0]
    tables, acls = tables or {}, acls or {}
    subnets = subnets or {"a": f"{base}.1.0/24", "b": f"{base}.2.0/24"}
    named = {acl.id: acl for acl in (OPEN_ACL, *acls.values())}
    spec = VpcSpec(
        name,
        (cidr,),
        tuple(
            Subnet(
                f"subnet-{letter}",
                block,
                f"us-east-1{letter}",
                f"rtb-{letter}" if letter in tables else "rtb-main",
                acls[letter].id if letter in acls else OPEN_ACL.id,
            )
            for letter, block in subnets.items()
        ),
        (
            RouteTable("rtb-main", tuple(routes)),
            *(RouteTable(f"rtb-{letter}", tuple(own)) for letter, own in tables.items()),
        ),
        (OPEN, CLOSED, *groups),
        tuple(named.values()),
        tuple(enis),
    )
    return msgspec.structs.replace(spec, **others)


def peered(first: VpcSpec, second: VpcSpec, name: str = "pcx-1") -> tuple[VpcSpec, VpcSpec]:
    """Both, with an active peering between them (routes are the caller's)."""
    peering = Peering(name, first.id, second.id)
    return (
        msgspec.structs.replace(first, peerings=(*first.peerings, peering)),
        msgspec.structs.replace(second, peerings=(*second.peerings, peering)),
    )
