"""Route tables, gateways, peerings and endpoints, by real connections."""

from __future__ import annotations

import asyncio
import socket

import msgspec
from tests.net.cloud import SERVICE, Cloud, read_all
from tests.net.namespaced import namespaced
from tests.net.specs import eni, group, peered, tcp, vpc

from cloudarium.substrate.net import GatewayEndpoint, NatGateway, Route

ETH_P_IP = socket.htons(0x0800)
IGW = Route("0.0.0.0/0", "igw", "igw-1")


@namespaced
async def test_the_route_table_of_the_subnet_decides(cloud: Cloud) -> None:
    enis = [eni("a", "10.0.1.10"), eni("b", "10.0.2.10", subnet="b"), eni("b2", "10.0.2.11", subnet="b")]
    await cloud.fabric.apply(vpc(enis=enis, tables={"a": [Route("10.0.2.11/32", "blackhole")]}))
    await cloud.serve("eni-b")
    await cloud.serve("eni-b2")
    assert await cloud.ask("eni-a", "10.0.2.10") == "eni-b 10.0.1.10"
    assert await cloud.knock("eni-a", "10.0.2.11") == "dropped", "more specific than the local route"
    assert await cloud.ask("eni-b", "10.0.2.11") == "eni-b2 10.0.2.10"
    await cloud.fabric.apply(vpc(enis=enis, tables={"a": []}))
    assert await cloud.ask("eni-a", "10.0.2.11") == "eni-b2 10.0.1.10"


@namespaced
async def test_a_route_to_an_interface_needs_its_check_off(cloud: Cloud) -> None:
    loop = asyncio.get_running_loop()
    for check, first_seen in ((True, "10.0.1.50"), (False, "10.0.2.10")):
        enis = [eni("a", "10.0.1.10"), eni("b", "10.0.2.10", subnet="b"), eni("fw", "10.0.1.50", check=check)]
        await cloud.fabric.apply(vpc(enis=enis, tables={"a": [Route("10.0.2.0/24", "eni", "eni-fw")]}))
        with cloud.fabric.enter("eni-fw"):
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, ETH_P_IP)
        with wire, cloud.udp("eni-a") as sender:
            sender.sendto(b"to be routed", ("10.0.2.10", 5000))
            sender.sendto(b"for the appliance itself", ("10.0.1.50", 5000))
            packet = await loop.sock_recv(wire, 2000)
            assert socket.inet_ntoa(packet[16:20]) == first_seen


@namespaced
async def test_two_vpcs_of_one_range_live_side_by_side(cloud: Cloud) -> None:
    for name in ("one", "two"):
        await cloud.fabric.apply(
            vpc(f"vpc-{name}", enis=[eni(f"{name}-1", "10.0.1.10"), eni(f"{name}-2", "10.0.1.11")])
        )
        await cloud.serve(f"eni-{name}-2")
    assert await cloud.ask("eni-one-1", "10.0.1.11") == "eni-one-2 10.0.1.10"
    assert await cloud.ask("eni-two-1", "10.0.1.11") == "eni-two-2 10.0.1.10"
    await cloud.fabric.remove("vpc-one")
    assert await cloud.ask("eni-two-1", "10.0.1.11") == "eni-two-2 10.0.1.10"


@namespaced
async def test_public_addresses_join_vpcs_through_internet_gateways(cloud: Cloud) -> None:
    web = group("sg-web", tcp(80, cidr="203.0.113.1/32"))
    one = [eni("1", "10.0.1.10", public="203.0.113.1"), eni("none", "10.0.1.11")]
    two = [eni("2", "10.0.1.10", "sg-web", public="203.0.113.2"), eni("3", "10.0.1.12", public="203.0.113.3")]
    await cloud.fabric.apply(vpc("vpc-1", enis=one, routes=[IGW], internet_gateway_id="igw-1"))
    await cloud.fabric.apply(vpc("vpc-2", enis=two, groups=[web], routes=[IGW], internet_gateway_id="igw-1"))
    await cloud.serve("eni-2")
    assert await cloud.ask("eni-1", "203.0.113.2") == "eni-2 203.0.113.1"
    assert await cloud.knock("eni-3", "203.0.113.2") == "dropped", "the group sees the public address"
    assert await cloud.knock("eni-none", "203.0.113.2") == "dropped", "no public address, no way out"
    await cloud.serve("eni-1")
    assert await cloud.ask("eni-1", "203.0.113.1") == "eni-1 203.0.113.1", "one's own public address, too"
    assert await cloud.ask("eni-1", "192.0.2.9") == "unreachable", "not of this cloud"
    await cloud.fabric.apply(vpc("vpc-2", enis=two, groups=[web], routes=[IGW]))
    assert await cloud.ask("eni-1", "203.0.113.2") == "unreachable", "the gateway is detached"


@namespaced
async def test_local_services_are_never_forwarded(cloud: Cloud) -> None:
    routes = [Route("169.254.0.0/16", "eni", "eni-2")]
    enis = [eni("1", "10.0.1.10"), eni("2", "10.0.1.11", check=False)]
    await cloud.fabric.apply(vpc(enis=enis, routes=routes))
    loop = asyncio.get_running_loop()
    with cloud.fabric.enter("eni-2"):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, ETH_P_IP)
    with wire, cloud.udp("eni-1") as sender:
        sender.sendto(b"for the metadata service", ("169.254.169.254", 80))
        sender.sendto(b"for anybody", ("169.254.1.9", 80))
        packet = await loop.sock_recv(wire, 2000)
        assert socket.inet_ntoa(packet[16:20]) == "169.254.1.9"


@namespaced
async def test_a_connection_comes_from_the_primary_address(cloud: Cloud) -> None:
    many = msgspec.structs.replace(
        eni("1", "10.0.1.100"), private_ips=("10.0.1.100", *(f"10.0.1.{n}" for n in (20, 30, 140, 150, 160, 170)))
    )
    await cloud.fabric.apply(vpc(enis=[many, eni("2", "10.0.2.10", subnet="b")]))
    await cloud.serve("eni-2")
    assert await cloud.ask("eni-1", "10.0.2.10") == "eni-2 10.0.1.100"


@namespaced
async def test_a_secondary_address_has_a_public_one_of_its_own(cloud: Cloud) -> None:
    primary = eni("1", "10.0.1.10", public="203.0.113.1")
    both = msgspec.structs.replace(
        primary, private_ips=("10.0.1.10", "10.0.1.11"), more_public_ips=(("10.0.1.11", "203.0.113.9"),)
    )
    other = vpc("vpc-2", enis=[eni("2", "10.0.1.10", public="203.0.113.2")], routes=[IGW], internet_gateway_id="igw-1")
    await cloud.fabric.apply(other)
    await cloud.fabric.apply(vpc(enis=[both], routes=[IGW], internet_gateway_id="igw-1"))
    await cloud.serve("eni-1")
    await cloud.serve("eni-2")
    assert await cloud.ask("eni-2", "203.0.113.9") == "eni-1 203.0.113.2"
    assert await cloud.ask("eni-1", "203.0.113.2") == "eni-2 203.0.113.1"
    with cloud.fabric.enter("eni-1"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with sock:
        sock.bind(("10.0.1.11", 0))
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().sock_connect(sock, ("203.0.113.2", 80))
        assert await read_all(sock) == b"eni-2 203.0.113.9"
    await cloud.fabric.apply(
        vpc(enis=[msgspec.structs.replace(both, more_public_ips=())], routes=[IGW], internet_gateway_id="igw-1")
    )
    assert await cloud.ask("eni-2", "203.0.113.9") == "unreachable"


@namespaced
async def test_without_a_route_to_the_gateway_there_is_no_answer(cloud: Cloud) -> None:
    enis = [eni("1", "10.0.1.10", public="203.0.113.1"), eni("2", "10.0.2.10", subnet="b", public="203.0.113.2")]
    await cloud.fabric.apply(vpc(enis=enis, tables={"a": [IGW]}, internet_gateway_id="igw-1"))
    await cloud.serve("eni-2")
    assert await cloud.knock("eni-1", "203.0.113.2") == "dropped"
    assert await cloud.ask("eni-2", "203.0.113.1") == "unreachable"


@namespaced
async def test_a_nat_gateway_lends_its_address_outward_only(cloud: Cloud) -> None:
    private = [Route("0.0.0.0/0", "nat", "nat-1")]
    enis = [
        eni("nat", "10.0.1.5", kind="nat_gateway"),
        eni("app", "10.0.2.10", subnet="b"),
        eni("app2", "10.0.2.11", subnet="b"),
    ]
    nats = (NatGateway("nat-1", "subnet-a", "eni-nat", "203.0.113.5"),)
    spec = vpc(enis=enis, routes=[IGW], tables={"b": private}, internet_gateway_id="igw-1", nat_gateways=nats)
    await cloud.fabric.apply(spec)
    other = [eni("web", "10.0.1.10", public="203.0.113.9")]
    await cloud.fabric.apply(vpc("vpc-2", enis=other, routes=[IGW], internet_gateway_id="igw-2"))
    other_routes = [Route("0.0.0.0/0", "igw", "igw-2")]
    await cloud.fabric.apply(vpc("vpc-2", enis=other, routes=other_routes, internet_gateway_id="igw-2"))
    await cloud.serve("eni-web")
    await cloud.serve("eni-app")
    assert await cloud.ask("eni-app", "203.0.113.9") == "eni-web 203.0.113.5"
    assert await cloud.ask("eni-app2", "203.0.113.9") == "eni-web 203.0.113.5"
    assert await cloud.ask("eni-app2", "10.0.2.10") == "eni-app 10.0.2.11"
    assert await cloud.knock("eni-web", "203.0.113.5") == "dropped"
    assert await cloud.ask("eni-app", "192.0.2.9") == "unreachable"


@namespaced
async def test_much_data_passes_two_translations_unharmed(cloud: Cloud) -> None:
    enis = [eni("nat", "10.0.1.5", kind="nat_gateway"), eni("app", "10.0.2.10", subnet="b")]
    nats = (NatGateway("nat-1", "subnet-a", "eni-nat", "203.0.113.5"),)
    private = [Route("0.0.0.0/0", "nat", "nat-1")]
    await cloud.fabric.apply(
        vpc(enis=enis, routes=[IGW], tables={"b": private}, internet_gateway_id="igw-1", nat_gateways=nats)
    )
    await cloud.fabric.apply(
        vpc("vpc-2", enis=[eni("web", "10.0.1.10", public="203.0.113.9")], routes=[IGW], internet_gateway_id="igw-1")
    )
    loop = asyncio.get_running_loop()
    payload = bytes(range(256)) * 16384
    client, server = await cloud.connection("eni-app", "eni-web", "203.0.113.9")
    with client, server:
        sending = asyncio.create_task(loop.sock_sendall(server, payload))
        received = bytearray()
        while len(received) < len(payload):
            received += await loop.sock_recv(client, 1 << 20)
        await sending
    assert received == payload


@namespaced
async def test_peering_is_by_routes_and_not_transitive(cloud: Cloud) -> None:
    def to(cidr: str, peering: str) -> Route:
        return Route(cidr, "peering", peering)

    one = vpc(
        "vpc-1",
        "10.1.0.0/16",
        enis=[eni("1", "10.1.1.10")],
        routes=[to("10.2.0.0/16", "p12"), to("10.3.0.0/16", "p12")],
    )
    two = vpc(
        "vpc-2",
        "10.2.0.0/16",
        enis=[eni("2", "10.2.1.10")],
        routes=[to("10.1.0.0/16", "p12"), to("10.3.0.0/16", "p23")],
    )
    three = vpc(
        "vpc-3",
        "10.3.0.0/16",
        enis=[eni("3", "10.3.1.10")],
        routes=[to("10.2.0.0/16", "p23"), to("10.1.0.0/16", "p23")],
    )
    one, two = peered(one, two, "p12")
    two, three = peered(two, three, "p23")
    # The accepter first: the link appears once both are there.
    for spec in (two, three, one):
        await cloud.fabric.apply(spec)
    for name in "123":
        await cloud.serve(f"eni-{name}")
    assert await cloud.ask("eni-1", "10.2.1.10") == "eni-2 10.1.1.10"
    assert await cloud.ask("eni-2", "10.1.1.10") == "eni-1 10.2.1.10"
    assert await cloud.ask("eni-3", "10.2.1.10") == "eni-2 10.3.1.10"
    assert await cloud.knock("eni-1", "10.3.1.10") == "dropped"
    await cloud.fabric.remove("vpc-1")
    assert await cloud.knock("eni-2", "10.1.1.10") == "dropped"
    assert await cloud.ask("eni-2", "10.3.1.10") == "eni-3 10.2.1.10"
    await cloud.fabric.apply(one)
    await cloud.serve("eni-1")
    assert await cloud.ask("eni-2", "10.1.1.10") == "eni-1 10.2.1.10"
    await cloud.fabric.remove("vpc-2")
    await cloud.fabric.apply(two)
    await cloud.serve("eni-2")
    assert await cloud.ask("eni-1", "10.2.1.10") == "eni-2 10.1.1.10"


@namespaced
async def test_groups_are_known_across_a_peering(cloud: Cloud) -> None:
    web = group("sg-web", tcp(80, group="sg-clients"))
    one = vpc(
        "vpc-1",
        "10.1.0.0/16",
        enis=[eni("in", "10.1.1.10", "sg-clients"), eni("out", "10.1.1.11")],
        groups=[group("sg-clients")],
        routes=[Route("10.2.0.0/16", "peering", "pcx-1")],
    )
    two = vpc(
        "vpc-2",
        "10.2.0.0/16",
        enis=[eni("web", "10.2.1.10", "sg-web")],
        groups=[web],
        routes=[Route("10.1.0.0/16", "peering", "pcx-1")],
    )
    one, two = peered(one, two)
    await cloud.fabric.apply(two)
    await cloud.fabric.apply(one)
    await cloud.serve("eni-web")
    assert await cloud.ask("eni-in", "10.2.1.10") == "eni-web 10.1.1.10"
    assert await cloud.knock("eni-out", "10.2.1.10") == "dropped"


@namespaced
async def test_the_service_address_is_reached_by_endpoint_and_internet_gateway(cloud: Cloud) -> None:
    listed = ("52.216.0.0/15", "3.5.0.0/19")
    for name in ("1", "2"):
        spec = vpc(
            f"vpc-{name}",
            enis=[
                eni(f"public-{name}", "10.0.1.10", public=f"203.0.113.{name}"),
                eni(f"private-{name}", "10.0.2.10", subnet="b"),
            ],
            routes=[IGW],
            tables={"b": [Route("pl-63a5400a", "gateway-endpoint", "vpce-1")]},
            internet_gateway_id="igw-1",
            gateway_endpoints=(GatewayEndpoint("vpce-1", listed),),
        )
        await cloud.fabric.apply(spec)
    port = await cloud.serve_host("service", SERVICE)
    hidden = await cloud.serve_host("hidden", "0.0.0.0")
    assert await cloud.ask("eni-public-1", SERVICE, port) == "service 203.0.113.1"
    first = await cloud.ask("eni-private-1", "52.216.7.8", port)
    second = await cloud.ask("eni-private-2", "3.5.0.1", port)
    assert first.startswith("service 169.254.12") and second.startswith("service 169.254.12") and first != second
    assert await cloud.ask("eni-private-1", SERVICE, port) == "unreachable"
    assert await cloud.knock("eni-public-1", "169.254.2.1", hidden) == "dropped"
