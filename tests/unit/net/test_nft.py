"""The rulesets as text: what must be in them, and what must never get in."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from tests.net.specs import eni, group, tcp, vpc
from tests.net.worlds import worlds

from cloudarium.substrate.net import Nacl, NaclEntry, NatGateway, Peering, SecurityRule, VpcSpec, names, nft

replace = msgspec.structs.replace


def ruleset(spec: VpcSpec, **peers: VpcSpec) -> str:
    return nft.ruleset(spec, {peer.id: peer for peer in peers.values()}, "169.254.128.0").text()


def chain(text: str, name: str) -> list[str]:
    """The lines of one chain."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"chain {name} {{"))
    return [line.strip() for line in lines[start + 1 : lines.index("}", start)]]


def test_rules_of_a_group() -> None:
    rules = (
        tcp(80, cidr="10.0.0.0/8"),
        tcp(443, 444, cidr="0.0.0.0/0"),
        tcp(22, lists=["10.1.0.0/16", "10.1.2.0/24", "192.0.2.7/32"]),
        SecurityRule("-1", group_id="sg-other"),
        SecurityRule("icmp", 8, -1, "0.0.0.0/0"),
        SecurityRule("icmp", 3, 4, "0.0.0.0/0"),
        SecurityRule("udp", 0, 65535, "10.0.0.1/32"),
        SecurityRule("50", -1, -1, "10.0.0.1/32"),
    )
    text = ruleset(vpc(groups=[group("sg-web", *rules)]))
    assert [" ".join(line.split()) for line in chain(text, names.chain("group_in", "sg-web"))] == [
        "ip saddr { 10.0.0.0/8 } tcp dport 80-80 accept",
        "tcp dport 443-444 accept",
        "ip saddr { 10.1.0.0/16, 192.0.2.7/32 } tcp dport 22-22 accept",
        f"ip saddr @{names.chain('members', 'sg-other')} accept",
        "icmp type 8 accept",
        "icmp type 3 icmp code 4 accept",
        "ip saddr { 10.0.0.1/32 } meta l4proto 17 accept",
        "ip saddr { 10.0.0.1/32 } meta l4proto 50 accept",
    ]


def test_ipv6_rules_match_nothing() -> None:
    rules = (tcp(80, cidr="::/0"), SecurityRule("icmpv6", -1, -1, "0.0.0.0/0"), tcp(80, lists=["fd00::/8"]))
    assert chain(ruleset(vpc(groups=[group("sg-six", *rules)])), names.chain("group_in", "sg-six")) == []


def test_acl_entries_in_order_of_number_and_denied_at_the_end() -> None:
    entries = (
        NaclEntry(200, False, "-1", -1, -1, "0.0.0.0/0", True),
        NaclEntry(100, False, "6", 80, 80, "10.0.0.0/8", False),
        NaclEntry(50, True, "-1", -1, -1, "0.0.0.0/0", True),
    )
    text = ruleset(vpc(acls={"a": Nacl("acl-1", entries)}))
    assert [line.strip() for line in chain(text, names.chain("acl_in", "acl-1"))] == [
        "ip saddr { 10.0.0.0/8 } tcp dport 80-80 drop",
        "return",
        "drop",
    ]


def test_members_of_peers_only_where_the_peering_is_active() -> None:
    web = group("sg-web", tcp(80, group="sg-far"))
    far = vpc("vpc-2", "10.2.0.0/16", enis=[eni("far", "10.2.1.9", "sg-far")], groups=[group("sg-far")])
    for state, listed in (("active", True), ("deleted", False)):
        near = vpc(groups=[web], peerings=(Peering("pcx-1", "vpc-1", "vpc-2", state),))
        assert ("elements = { 10.2.1.9 }" in ruleset(near, far=far)) is listed


def test_interfaces_without_groups_pass_nothing_unless_aws_lets_them() -> None:
    bare = replace(eni("1", "10.0.1.10"), security_group_ids=())
    balancer = replace(eni("2", "10.0.1.11"), security_group_ids=(), kind="network_load_balancer")
    gateway = eni("3", "10.0.1.12", "sg-closed")
    spec = vpc(enis=[bare, balancer, gateway], nat_gateways=(NatGateway("nat-1", "subnet-a", "eni-3"),))
    assert chain(ruleset(spec), "groups_ingress")[-1] == "oifname vmap @by_interface_ingress"
    verdicts = nft.ruleset(spec, {}, "169.254.128.0").sets["by_interface_ingress"].members
    assert f'"{names.eni_link("eni-1")}" : drop' in verdicts
    assert f'"{names.eni_link("eni-2")}" : accept' in verdicts
    assert f'"{names.eni_link("eni-3")}" : accept' in verdicts


@settings(max_examples=30)
@given(worlds())
def test_identifiers_stay_out_and_the_text_is_the_same_every_time(world: list[VpcSpec]) -> None:
    for spec in world:
        text = nft.ruleset(spec, {other.id: other for other in world}, "169.254.128.0").text()
        assert text == nft.ruleset(replace(spec), {other.id: other for other in world}, "169.254.128.0").text()
        assert "sg-" not in text and "eni-" not in text and "acl-" not in text
        assert text.count("{") == text.count("}")


def test_hostile_identifiers_are_only_hashed() -> None:
    hostile = 'x"; } flush ruleset; {'
    groups = [group(hostile, tcp(80, group=hostile))]
    text = ruleset(vpc(enis=[replace(eni("1", "10.0.1.10", hostile), id=hostile)], groups=groups))
    assert "flush" not in text


def test_names_fit_the_kernel() -> None:
    for name in (names.eni_link("eni-1"), names.peering_link("pcx-1"), names.cloud_link("i", "vpc-1")):
        assert len(name) <= 15
    assert names.ident("subnet-1") > 0x3FFFFFFF and names.ident("subnet-1") < 2**31


def test_one_interface_more_changes_elements_only() -> None:
    few = [eni(str(n), f"10.0.1.{10 + n}", public=f"203.0.113.{n}") for n in range(3)]
    one_more = eni("more", "10.0.1.99", public="203.0.113.99")
    before, after = (nft.ruleset(vpc(enis=enis), {}, "169.254.128.0") for enis in (few, [*few, one_more]))
    more, less = after.change(before), before.change(after)
    assert more is not None and less is not None
    assert "delete" not in more and "10.0.1.10" not in more
    assert "add" not in less and less.count("10.0.1.99") == more.count("10.0.1.99")
    assert after.change(after) == ""


def test_a_changed_value_is_removed_before_it_is_added() -> None:
    old, new = (vpc(enis=[eni("1", "10.0.1.10", group_id)]) for group_id in ("sg-open", "sg-closed"))
    both = [eni("1", "10.0.1.10"), eni("2", "10.0.1.11", "sg-closed")]
    first = nft.ruleset(vpc(enis=both), {}, "169.254.128.0")
    second = nft.ruleset(
        vpc(enis=[replace(both[0], security_group_ids=("sg-closed",)), eni("2", "10.0.1.11")]), {}, "x"
    )
    change = replace(second, chains=first.chains).change(first)
    assert change is not None and change.index("delete element") < change.index("add element")
    assert nft.ruleset(new, {}, "x").change(nft.ruleset(old, {}, "x")) is None, "another chain needs another table"
