"""Security groups and network ACLs, by real connections."""

from __future__ import annotations

import asyncio
import socket

from tests.net.cloud import Cloud, receive
from tests.net.namespaced import namespaced
from tests.net.specs import EVERYTHING, OPEN_ACL, eni, group, tcp, vpc

from cloudarium.substrate.net import Nacl, NaclEntry, NatGateway, Route, SecurityGroup

IP_TRANSPARENT = 19


@namespaced
async def test_neighbours_reach_each_other_with_their_own_addresses(cloud: Cloud) -> None:
    await cloud.fabric.apply(
        vpc(enis=[eni("1", "10.0.1.10"), eni("2", "10.0.1.11"), eni("3", "10.0.2.10", subnet="b")])
    )
    await cloud.serve("eni-2")
    await cloud.serve("eni-3")
    assert await cloud.ask("eni-1", "10.0.1.11") == "eni-2 10.0.1.10"
    assert await cloud.ask("eni-1", "10.0.2.10") == "eni-3 10.0.1.10"
    assert await cloud.ask("eni-1", "10.0.1.11", 81) == "refused"
    assert await cloud.knock("eni-1", "10.0.1.99") == "dropped"
    assert await cloud.ask("eni-1", "8.8.8.8") == "unreachable"


@namespaced
async def test_a_group_allows_by_range_and_port_and_nothing_else(cloud: Cloud) -> None:
    web = group("sg-web", tcp(80, 81, cidr="10.0.1.0/28"), tcp(90, lists=["10.0.2.0/24", "10.0.2.0/25"]))
    enis = [
        eni("near", "10.0.1.10"),
        eni("far", "10.0.1.77"),
        eni("other", "10.0.2.10", subnet="b"),
        eni("web", "10.0.2.20", "sg-web", subnet="b"),
    ]
    await cloud.fabric.apply(vpc(enis=enis, groups=[web]))
    for port in (80, 82, 90):
        await cloud.serve("eni-web", port)
    assert await cloud.ask("eni-near", "10.0.2.20", 80) == "eni-web 10.0.1.10"
    assert await cloud.ask("eni-near", "10.0.2.20", 81) == "refused"
    assert await cloud.ask("eni-other", "10.0.2.20", 90) == "eni-web 10.0.2.10"
    denied = [("eni-near", 82), ("eni-near", 90), ("eni-far", 80), ("eni-other", 80)]
    outcomes = await asyncio.gather(*(cloud.knock(who, "10.0.2.20", port) for who, port in denied))
    assert outcomes == ["dropped"] * 4


@namespaced
async def test_a_group_allows_members_of_another_and_follows_them(cloud: Cloud) -> None:
    web = group("sg-web", tcp(80, group="sg-lb"))
    lb = group("sg-lb")

    async def apply(*members: str) -> None:
        enis = [eni(n, f"10.0.1.1{n}", "sg-lb" if n in members else "sg-open") for n in ("1", "2")]
        await cloud.fabric.apply(vpc(enis=[*enis, eni("web", "10.0.1.20", "sg-web")], groups=[web, lb]))

    await apply("1")
    await cloud.serve("eni-web")
    assert await cloud.ask("eni-1", "10.0.1.20") == "eni-web 10.0.1.11"
    assert await cloud.knock("eni-2", "10.0.1.20") == "dropped"
    await apply("2")
    assert await cloud.knock("eni-1", "10.0.1.20") == "dropped"
    assert await cloud.ask("eni-2", "10.0.1.20") == "eni-web 10.0.1.12"


@namespaced
async def test_egress_rules_and_several_groups(cloud: Cloud) -> None:
    narrow = group("sg-narrow", egress=[tcp(80, cidr="10.0.1.20/32")])
    more = group("sg-more", egress=[tcp(81, group="sg-open")])
    none = group("sg-none", egress=[])
    enis = [
        eni("one", "10.0.1.10", "sg-narrow"),
        eni("two", "10.0.1.11", "sg-narrow", "sg-more"),
        eni("mute", "10.0.1.12", "sg-none"),
        eni("web", "10.0.1.20"),
    ]
    await cloud.fabric.apply(vpc(enis=enis, groups=[narrow, more, none]))
    assert await cloud.ask("eni-one", "10.0.1.20", 80) == "refused"
    assert await cloud.ask("eni-two", "10.0.1.20", 80) == "refused"
    assert await cloud.ask("eni-two", "10.0.1.20", 81) == "refused"
    outcomes = await asyncio.gather(cloud.knock("eni-one", "10.0.1.20", 81), cloud.knock("eni-mute", "10.0.1.20", 80))
    assert outcomes == ["dropped", "dropped"]
    # What may send nothing by itself still answers: groups are stateful.
    await cloud.serve("eni-mute")
    assert await cloud.knock("eni-two", "10.0.1.12", 80) == "dropped"
    assert await cloud.knock("eni-web", "10.0.1.12", 80) == "dropped"
    await cloud.fabric.apply(
        vpc(enis=enis, groups=[narrow, more, group("sg-none", tcp(80, cidr="0.0.0.0/0"), egress=[])])
    )
    assert await cloud.ask("eni-web", "10.0.1.12", 80) == "eni-mute 10.0.1.20"


@namespaced
async def test_network_acls_are_stateless_and_stand_between_subnets_only(cloud: Cloud) -> None:
    enis = [eni("a", "10.0.1.10"), eni("a2", "10.0.1.11"), eni("b", "10.0.2.10", subnet="b")]
    every = "0.0.0.0/0"

    def acl(*entries: NaclEntry) -> dict[str, Nacl]:
        return {"b": Nacl("acl-b", entries)}

    inbound = NaclEntry(100, False, "tcp", 80, 80, every, True)
    replies = NaclEntry(100, True, "tcp", 1024, 65535, every, True)
    await cloud.fabric.apply(vpc(enis=enis, acls=acl(inbound)))
    await cloud.serve("eni-b")
    await cloud.serve("eni-a2")
    assert await cloud.knock("eni-a", "10.0.2.10") == "dropped", "the reply had no entry"
    assert await cloud.ask("eni-a", "10.0.1.11") == "eni-a2 10.0.1.10"
    await cloud.fabric.apply(vpc(enis=enis, acls=acl(inbound, replies)))
    assert await cloud.ask("eni-a", "10.0.2.10") == "eni-b 10.0.1.10"
    deny = NaclEntry(50, False, "tcp", 0, 65535, "10.0.1.10/32", False)
    await cloud.fabric.apply(vpc(enis=enis, acls=acl(inbound, replies, deny)))
    assert await cloud.knock("eni-a", "10.0.2.10") == "dropped", "the lower number decides"
    assert await cloud.ask("eni-a2", "10.0.2.10") == "eni-b 10.0.1.11"


@namespaced
async def test_established_connections_survive_the_loss_of_their_rule(cloud: Cloud) -> None:
    enis = [eni("1", "10.0.1.10"), eni("2", "10.0.1.11", "sg-web")]
    some = tcp(1024, 65535, cidr="0.0.0.0/0")
    for rules, replies in (
        (tcp(80, cidr="10.0.0.0/8"), EVERYTHING),
        (tcp(80, group="sg-open"), EVERYTHING),
        (tcp(80, cidr="0.0.0.0/0"), some),
    ):
        await cloud.fabric.apply(vpc(enis=enis, groups=[group("sg-web", rules, egress=[replies])]))
        client, server = await cloud.connection("eni-1", "eni-2", "10.0.1.11")
        with client, server:
            await cloud.fabric.apply(vpc(enis=enis, groups=[group("sg-web", egress=())]))
            assert await cloud.knock("eni-1", "10.0.1.11") == "dropped"
            for _ in range(3):
                assert await _passes(client, server)
                assert await _passes(server, client)


async def _passes(sender: socket.socket, receiver: socket.socket) -> bool:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sender, b"still here")
    try:
        async with asyncio.timeout(0.5):
            return await loop.sock_recv(receiver, 100) == b"still here"
    except TimeoutError:
        return False


@namespaced
async def test_what_is_open_to_all_is_not_tracked(cloud: Cloud) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html."""
    anywhere = tcp(80, cidr="0.0.0.0/0")
    enis = [eni("1", "10.0.1.10", "sg-client"), eni("2", "10.0.1.11", "sg-web")]

    async def apply(web: SecurityGroup, client: SecurityGroup) -> None:
        await cloud.fabric.apply(vpc(enis=enis, groups=[web, client]))

    web, closed = group("sg-web", anywhere), group("sg-client")
    both = group("sg-client", EVERYTHING)
    for whose, before, after in (
        ("the rule that let the server be reached", (web, closed), (group("sg-web"), closed)),
        ("the rule that lets it answer", (web, closed), (group("sg-web", anywhere, egress=()), closed)),
        ("the rule that let the client begin", (web, both), (web, group("sg-client", EVERYTHING, egress=()))),
        ("the rule that lets it be answered", (web, both), (web, group("sg-client"))),
    ):
        await apply(*before)
        client, server = await cloud.connection("eni-1", "eni-2", "10.0.1.11")
        with client, server:
            assert await _passes(client, server) and await _passes(server, client)
            await apply(*after)
            assert not await _passes(client, server) or not await _passes(server, client), whose


@namespaced
async def test_what_passes_a_nat_gateway_is_always_tracked(cloud: Cloud) -> None:
    enis = [
        eni("nat", "10.0.1.5", kind="nat_gateway"),
        eni("in", "10.0.2.10", "sg-client", subnet="b"),
        eni("out", "10.0.1.11", public="203.0.113.2"),
    ]
    gateway: dict[str, object] = {
        "internet_gateway_id": "igw-1",
        "nat_gateways": (NatGateway("nat-1", "subnet-a", "eni-nat", "203.0.113.5"),),
        "tables": {"a": [Route("0.0.0.0/0", "igw", "igw-1")], "b": [Route("0.0.0.0/0", "nat", "nat-1")]},
    }
    await cloud.fabric.apply(vpc(enis=enis, groups=[group("sg-client", EVERYTHING)], **gateway))  # type: ignore[arg-type]
    client, server = await cloud.connection("eni-in", "eni-out", "203.0.113.2")
    with client, server:
        await cloud.fabric.apply(vpc(enis=enis, groups=[group("sg-client", egress=())], **gateway))  # type: ignore[arg-type]
        assert await _passes(client, server) and await _passes(server, client)


@namespaced
async def test_a_network_acl_cuts_established_connections(cloud: Cloud) -> None:
    enis = [eni("1", "10.0.1.10"), eni("2", "10.0.2.10", subnet="b")]
    await cloud.fabric.apply(vpc(enis=enis))
    loop = asyncio.get_running_loop()
    client, server = await cloud.connection("eni-1", "eni-2", "10.0.2.10")
    with client, server:
        await cloud.fabric.apply(vpc(enis=enis, acls={"b": Nacl("acl-none", ())}))
        await loop.sock_sendall(client, b"lost")
        try:
            async with asyncio.timeout(0.5):
                raise AssertionError(await loop.sock_recv(server, 100))
        except TimeoutError:
            pass
        await cloud.fabric.apply(vpc(enis=enis, acls={"b": OPEN_ACL}))
        async with asyncio.timeout(20):
            assert await loop.sock_recv(server, 100) == b"lost", "TCP sends it again"


@namespaced
async def test_an_interface_cannot_send_with_another_address(cloud: Cloud) -> None:
    for check, first_seen in ((True, "10.0.1.10"), (False, "10.0.1.66")):
        await cloud.fabric.apply(vpc(enis=[eni("1", "10.0.1.10", check=check), eni("2", "10.0.1.11")]))
        receiver, honest, forger = cloud.udp("eni-2", 5000), cloud.udp("eni-1"), cloud.udp("eni-1")
        with receiver, honest, forger:
            forger.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
            forger.bind(("10.0.1.66", 0))
            forger.sendto(b"forged", ("10.0.1.11", 5000))
            honest.sendto(b"honest", ("10.0.1.11", 5000))
            _, sender = await receive(receiver)
            assert sender[0] == first_seen
