"""Containers behind their instance's interface, with real packets."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from tests.net.cloud import Cloud, open_descriptors, read_all
from tests.net.namespaced import namespaced
from tests.net.specs import eni, group, tcp, vpc

from cloudarium.substrate.net.bridge import BridgePort, Bridges, PortInUse, Published, parse_key
from cloudarium.substrate.net.errors import NetworkError
from cloudarium.substrate.net.kernel import namespaces

HOST, CLIENT = "eni-host", "eni-client"
HOST_IP, CLIENT_IP = "10.0.1.10", "10.0.2.10"


async def two(cloud: Cloud, *groups: str) -> Bridges:
    """An instance and a client in one VPC."""
    await cloud.fabric.apply(
        vpc(
            enis=[eni("host", HOST_IP, *groups), eni("client", CLIENT_IP, subnet="b")],
            groups=[group("sg-80", tcp(80, cidr="0.0.0.0/0"))],
        )
    )
    return Bridges(cloud.fabric)


def inside(port: BridgePort, kind: int = socket.SOCK_STREAM) -> socket.socket:
    home = namespaces.current()
    try:
        with namespaces.inside(port.fd, home):
            return socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
    finally:
        os.close(home)


def serve(cloud: Cloud, port: BridgePort, number: int, name: str) -> None:
    listener = inside(port)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", number))
    listener.listen()
    cloud.answer(listener, name)


async def ask(port: BridgePort, address: str, number: int) -> str:
    with inside(port) as sock:
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().sock_connect(sock, (address, number))
        return (await read_all(sock)).decode()


@namespaced
async def test_published_ports_lead_in_and_only_they(cloud: Cloud) -> None:
    bridges = await two(cloud)
    web = await bridges.attach(HOST, "web")
    assert (web.address, web.gateway, parse_key(web.key)) == ("172.17.0.2", "172.17.0.1", (HOST, "172.17.0.2"))
    serve(cloud, web, 80, "web")
    assert await cloud.ask(CLIENT, HOST_IP, 8080) == "refused"
    assert await bridges.publish(HOST, "web", 8080, 80, "tcp") == 8080
    assert (await cloud.ask(CLIENT, HOST_IP, 8080)).startswith(f"web {CLIENT_IP}")
    dynamic = await bridges.publish(HOST, "web", 0, 80, "tcp")
    assert dynamic == 32768
    assert (await cloud.ask(CLIENT, HOST_IP, dynamic)).startswith("web")
    assert (await cloud.within(HOST, HOST_IP, 8080)).startswith("web"), "from the instance itself"
    assert (await cloud.within(HOST, web.address)).startswith("web")
    with inside(web, socket.SOCK_DGRAM) as server, cloud.udp(CLIENT) as client:
        server.bind(("0.0.0.0", 53))
        await bridges.publish(HOST, "web", 5353, 53, "udp")
        for sock in (server, client):
            sock.settimeout(5)

        def talk() -> tuple[bytes, tuple[str, int]]:
            client.sendto(b"?", (HOST_IP, 5353))
            _, peer = server.recvfrom(100)
            server.sendto(b"!", peer)
            answer: tuple[bytes, tuple[str, int]] = client.recvfrom(100)
            return answer

        assert await asyncio.to_thread(talk) == (b"!", (HOST_IP, 5353))


@namespaced
async def test_outward_a_container_has_the_instances_address(cloud: Cloud) -> None:
    bridges = await two(cloud)
    one, other = await bridges.attach(HOST, "one"), await bridges.attach(HOST, "other")
    await cloud.serve(CLIENT)
    assert (await ask(one, CLIENT_IP, 80)).split()[1].startswith(HOST_IP)
    serve(cloud, other, 80, "other")
    assert (await ask(one, other.address, 80)).split() == ["other", one.address], "each other they see as they are"
    await bridges.publish(HOST, "other", 8080, 80, "tcp")
    assert (await ask(one, HOST_IP, 8080)).startswith("other")
    assert (await ask(other, HOST_IP, 8080)).startswith("other"), "itself, by its published port"


@namespaced
async def test_security_groups_are_the_instances(cloud: Cloud) -> None:
    bridges = await two(cloud, "sg-80")
    web = await bridges.attach(HOST, "web")
    serve(cloud, web, 80, "web")
    await bridges.publish(HOST, "web", 80, 80, "tcp")
    await bridges.publish(HOST, "web", 81, 80, "tcp")
    assert (await cloud.ask(CLIENT, HOST_IP, 80)).startswith("web")
    assert await cloud.knock(CLIENT, HOST_IP, 81) == "dropped"


@namespaced
async def test_ports_are_given_once(cloud: Cloud) -> None:
    bridges = await two(cloud)
    await bridges.attach(HOST, "a")
    await bridges.attach(HOST, "b")
    await bridges.publish(HOST, "a", 80, 80, "tcp")
    with pytest.raises(PortInUse, match="port is already allocated"):
        await bridges.publish(HOST, "b", 80, 80, "tcp")
    await bridges.publish(HOST, "a", 80, 80, "tcp")
    await bridges.publish(HOST, "b", 80, 80, "udp")
    with await cloud.fabric.listen(HOST, 9000), pytest.raises(PortInUse):
        await bridges.publish(HOST, "b", 9000, 80, "tcp")
    with await cloud.fabric.listen(HOST, 32768):
        assert await bridges.publish(HOST, "b", 0, 80, "tcp") == 32769
    await bridges.detach(HOST, "a")
    assert await bridges.publish(HOST, "b", 80, 80, "tcp") == 80
    with pytest.raises(NetworkError, match="not attached"):
        await bridges.publish(HOST, "a", 1, 1, "tcp")
    with pytest.raises(NetworkError, match="sctp"):
        await bridges.publish(HOST, "b", 1, 1, "sctp")


@namespaced
async def test_what_outlived_the_cloud_comes_back(cloud: Cloud) -> None:
    first = await two(cloud)
    web = await first.attach(HOST, "web")
    serve(cloud, web, 80, "web")
    await first.publish(HOST, "web", 8080, 80, "tcp")
    held = os.dup(web.fd)
    first.close()
    second = Bridges(cloud.fabric)
    back = await second.adopt(HOST, "web", held, web.address, [Published(8080, 80, "tcp")])
    os.close(held)
    assert back.address == web.address
    assert (await cloud.ask(CLIENT, HOST_IP, 8080)).startswith("web"), "the server inside never noticed"
    assert second.published(HOST, "web") == [Published(8080, 80, "tcp")]
    assert (await second.attach(HOST, "new")).address != web.address
    with pytest.raises(NetworkError, match="another container"):
        await second.adopt(HOST, "other", back.fd, web.address)


@namespaced
async def test_nothing_is_left(cloud: Cloud) -> None:
    bridges = await two(cloud)
    await bridges.attach(HOST, "first")
    await bridges.detach(HOST, "first")
    before = open_descriptors()
    with cloud.fabric.enter(HOST):
        links = socket.if_nameindex()
    for round_ in range(3):
        for name in "abc":
            await bridges.attach(HOST, name)
            await bridges.publish(HOST, name, 0, 80, "tcp")
        assert bridges.port(HOST, "a") is not None
        for name in "abc":
            await bridges.detach(HOST, name)
            await bridges.detach(HOST, name)
        assert bridges.port(HOST, "a") is None, round_
    assert open_descriptors() == before
    with cloud.fabric.enter(HOST):
        assert socket.if_nameindex() == links
    await bridges.attach(HOST, "again")
    await bridges.forget(HOST)
    bridges.close()
    assert open_descriptors() < before
    with cloud.fabric.enter(HOST):
        assert socket.if_nameindex() == links


@namespaced
async def test_a_cancelled_caller_leaves_nothing_that_detach_does_not_remove(cloud: Cloud) -> None:
    bridges = await two(cloud)
    await bridges.attach(HOST, "first")
    await bridges.detach(HOST, "first")
    before = open_descriptors()
    for turns in range(6):
        task = asyncio.create_task(bridges.attach(HOST, "web"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bridges.detach(HOST, "web")
        assert bridges.port(HOST, "web") is None
        assert open_descriptors() == before
