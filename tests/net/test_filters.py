"""Security groups and network ACLs, by real connections."""

from __future__ import annotations

import asyncio
import socket

from tests.net.cloud import Cloud, receive
from tests.net.namespaced import namespaced
from tests.net.specs import OPEN_ACL, eni, group, tcp, vpc

from cloudarium.substrate.net import Nacl, NaclEntry

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
    await cloud.fabric.apply(vpc(enis=enis, groups=[group("sg-web", tcp(80, cidr="0.0.0.0/0"))]))
    loop = asyncio.get_running_loop()
    client, server = await cloud.connection("eni-1", "eni-2", "10.0.1.11")
    with client, server:
        await cloud.fabric.apply(vpc(enis=enis, groups=[group("sg-web")]))
        assert await cloud.knock("eni-1", "10.0.1.11") == "dropped"
        for _ in range(3):
            await loop.sock_sendall(client, b"still here")
            assert await loop.sock_recv(server, 100) == b"still here"
            await loop.sock_sendall(server, b"so am I")
            assert await loop.sock_recv(client, 100) == b"so am I"


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
