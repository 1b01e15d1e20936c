"""The VPC's DNS server, asked from workloads."""

from __future__ import annotations

import asyncio
import struct

import dnslib
import msgspec
from tests.net.cloud import Cloud, read_all, receive
from tests.net.namespaced import namespaced
from tests.net.specs import eni, group, vpc

from cloudarium.substrate.net import DnsSpec, Nacl

RESOLVERS = ("10.0.0.2", "169.254.169.253")


async def ask(cloud: Cloud, who: str, resolver: str, name: str, kind: str = "A") -> dnslib.DNSRecord:
    query = dnslib.DNSRecord.question(name, kind)
    with cloud.udp(who) as sock:
        sock.sendto(query.pack(), (resolver, 53))
        answer, peer = await receive(sock)
    assert peer == (resolver, 53)
    return dnslib.DNSRecord.parse(answer)


@namespaced
async def test_both_addresses_answer_whatever_the_filters_say(cloud: Cloud) -> None:
    mute = group("sg-mute", egress=[])
    await cloud.fabric.apply(vpc(enis=[eni("1", "10.0.1.10", "sg-mute")], groups=[mute], acls={"a": Nacl("acl-none")}))
    for resolver in RESOLVERS:
        answer = await ask(cloud, "eni-1", resolver, "web.internal")
        assert [str(record.rdata) for record in answer.rr] == ["10.0.1.10", "10.0.2.10"]


@namespaced
async def test_each_vpc_has_its_own_view(cloud: Cloud) -> None:
    for name in ("vpc-1", "vpc-2"):
        await cloud.fabric.apply(vpc(name, enis=[eni(name, "10.0.1.10")]))
    for name in ("vpc-1", "vpc-2"):
        answer = await ask(cloud, f"eni-{name}", "10.0.0.2", "vpc.internal", "TXT")
        assert str(answer.rr[0].rdata) == f'"{name}"'


@namespaced
async def test_long_answers_are_had_over_tcp(cloud: Cloud) -> None:
    await cloud.fabric.apply(vpc(enis=[eni("1", "10.0.1.10")]))
    short = await ask(cloud, "eni-1", "10.0.0.2", "big.internal")
    assert short.header.tc and not short.rr
    loop = asyncio.get_running_loop()
    query = dnslib.DNSRecord.question("big.internal").pack()
    framed = struct.pack("!H", len(query)) + query
    with await cloud.fabric.dial("eni-1", "169.254.169.253", 53, 5) as sock:
        await loop.sock_sendall(sock, framed + framed)
        sock.shutdown(1)
        received = await read_all(sock)
    (length,) = struct.unpack_from("!H", received)
    assert len(received) == 2 * (2 + length)
    assert len(dnslib.DNSRecord.parse(received[2 : 2 + length]).rr) == 200


@namespaced
async def test_support_switched_off_and_on(cloud: Cloud) -> None:
    spec = vpc(enis=[eni("1", "10.0.1.10")])
    for _ in range(2):
        await cloud.fabric.apply(spec)
        assert (await ask(cloud, "eni-1", "10.0.0.2", "nothing.internal")).header.rcode == dnslib.RCODE.NXDOMAIN
        await cloud.fabric.apply(msgspec.structs.replace(spec, dns=DnsSpec(enable_support=False)))
        assert await cloud.knock("eni-1", "10.0.0.2", 53) == "dropped"


@namespaced
async def test_the_resolvers_addresses_serve_nothing_else(cloud: Cloud) -> None:
    await cloud.fabric.apply(vpc(enis=[eni("1", "10.0.1.10")]))
    outcomes = await asyncio.gather(*(cloud.knock("eni-1", address, 80) for address in (*RESOLVERS, "169.254.1.1")))
    assert outcomes == ["dropped"] * 3


@namespaced
async def test_garbage_is_survived(cloud: Cloud) -> None:
    await cloud.fabric.apply(vpc(enis=[eni("1", "10.0.1.10")]))
    loop = asyncio.get_running_loop()
    with cloud.udp("eni-1") as sock:
        for size in (0, 1, 11, 12, 13, 500, 4097, 8000):
            sock.sendto(b"\x00\xff" * (size // 2) + b"\x01" * (size % 2), ("10.0.0.2", 53))
    with await cloud.fabric.dial("eni-1", "10.0.0.2", 53, 5) as stream:
        await loop.sock_sendall(stream, b"\xff\xff" + b"\x00" * 65535)
        stream.shutdown(1)
        assert len(await read_all(stream)) in (0, 14), "an error or nothing, and the end"
    assert (await ask(cloud, "eni-1", "10.0.0.2", "web.internal")).rr
