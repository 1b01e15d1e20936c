"""Processes of the host as members of a VPC."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tests.net.cloud import Cloud, read_all
from tests.net.namespaced import namespaced
from tests.net.specs import eni, group, tcp, vpc

from cloudarium.substrate.net import Eni, HostAttachment, Nacl, NaclEntry, Route


def attached(
    name: str, address: str, host_port: int, *groups: str, public: str | None = None, subnet: str = "a"
) -> Eni:
    return eni(
        name, address, *groups, public=public, subnet=subnet, attachment=HostAttachment(8080, "127.0.0.1", host_port)
    )


@namespaced
async def test_dial_comes_straight_from_the_host_when_the_policy_allows(cloud: Cloud) -> None:
    port = await cloud.serve_host("program")
    web = group("sg-web", tcp(8080, group="sg-lb"))
    enis = [eni("lb", "10.0.1.10", "sg-lb"), eni("no", "10.0.1.11"), attached("web", "10.0.1.20", port, "sg-web")]
    spec = vpc(enis=enis, groups=[web, group("sg-lb")])
    await cloud.fabric.apply(spec)
    assert await cloud.ask("eni-lb", "10.0.1.20", 8080) == "program 127.0.0.1"
    assert await cloud.knock("eni-no", "10.0.1.20", 8080) == "dropped"
    assert await cloud.knock("eni-lb", "10.0.1.20", 8081) == "dropped"
    assert cloud.fabric.admits("eni-web", "10.0.1.10", "tcp", 8080)
    assert not cloud.fabric.admits("eni-web", "127.0.0.1", "tcp", 8080)
    await cloud.fabric.remove(spec.id)
    with pytest.raises(LookupError):
        await cloud.fabric.dial("eni-lb", "10.0.1.20", 8080, 1)


@namespaced
async def test_dial_finds_the_process_by_public_address_and_follows_the_acl(cloud: Cloud) -> None:
    port = await cloud.serve_host("program")
    igw = Route("0.0.0.0/0", "igw", "igw-1")
    await cloud.fabric.apply(
        vpc("vpc-1", enis=[eni("lb", "10.0.1.10", public="203.0.113.1")], routes=[igw], internet_gateway_id="igw-1")
    )
    enis = [attached("web", "10.0.1.20", port, public="203.0.113.2")]
    await cloud.fabric.apply(vpc("vpc-2", enis=enis, routes=[igw], internet_gateway_id="igw-1"))
    assert await cloud.ask("eni-lb", "203.0.113.2", 8080) == "program 127.0.0.1"
    assert await cloud.ask("eni-lb", "203.0.113.2", 8081) == "refused"
    deny = Nacl("acl-1", (NaclEntry(1, False, "tcp", 8080, 8080, "203.0.113.1/32", False),))
    await cloud.fabric.apply(vpc("vpc-2", enis=enis, routes=[igw], internet_gateway_id="igw-1", acls={"a": deny}))
    assert await cloud.knock("eni-lb", "203.0.113.2", 8080) == "dropped"


@namespaced
async def test_workloads_reach_the_process_through_the_splice(cloud: Cloud) -> None:
    port = await cloud.serve_host("program")
    web = group("sg-web", tcp(8080, cidr="10.0.1.10/32"))
    enis = [eni("yes", "10.0.1.10"), eni("no", "10.0.1.11"), attached("web", "10.0.2.20", port, "sg-web", subnet="b")]
    await cloud.fabric.apply(vpc(enis=enis, groups=[web]))
    program = (
        "import socket\n"
        "try: s=socket.create_connection(('10.0.2.20',8080),0.5); print(s.recv(99).decode())\n"
        "except OSError as e: print(type(e).__name__)\n"
    )
    outputs = await asyncio.gather(
        *(asyncio.to_thread(cloud.run(who, program).communicate) for who in ("eni-yes", "eni-no"))
    )
    assert [output.decode().strip() for output, _ in outputs] == ["program 127.0.0.1", "TimeoutError"]


async def through_splice(cloud: Cloud) -> tuple[socket.socket, socket.socket]:
    """The two ends of a connection through a splice: the workload's, and the process's."""
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    enis = [eni("app", "10.0.1.10"), attached("web", "10.0.1.20", listener.getsockname()[1])]
    await cloud.fabric.apply(vpc(enis=enis))
    with cloud.fabric.enter("eni-app"):
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    await loop.sock_connect(client, ("10.0.1.20", 8080))
    with listener:
        server, _ = await loop.sock_accept(listener)
    return client, server


@namespaced
async def test_each_direction_ends_by_itself(cloud: Cloud) -> None:
    loop = asyncio.get_running_loop()
    client, server = await through_splice(cloud)
    with client, server:
        await loop.sock_sendall(client, b"question")
        client.shutdown(socket.SHUT_WR)
        assert await read_all(server) == b"question"
        await loop.sock_sendall(server, b"answer")
        server.shutdown(socket.SHUT_WR)
        assert await read_all(client) == b"answer"


@namespaced
async def test_a_reader_that_stops_stops_the_writer(cloud: Cloud) -> None:
    loop = asyncio.get_running_loop()
    client, server = await through_splice(cloud)
    total = 64 << 20
    with client, server:
        sent = 0

        async def send() -> None:
            nonlocal sent
            piece = bytes(1 << 16)
            while sent < total:
                await loop.sock_sendall(client, piece)
                sent += len(piece)
            client.shutdown(socket.SHUT_WR)

        sending = asyncio.create_task(send())
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.3)
        assert sent < total, "what nobody reads must not be taken in"
        received = 0
        while part := await loop.sock_recv(server, 1 << 20):
            received += len(part)
        await sending
        assert received == total


@namespaced
async def test_a_reset_is_passed_on_and_a_dead_process_resets(cloud: Cloud) -> None:
    loop = asyncio.get_running_loop()
    client, server = await through_splice(cloud)
    with client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.close()
        with pytest.raises(ConnectionResetError):
            await loop.sock_recv(client, 1)
    with cloud.fabric.enter("eni-app"):
        late = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with late:
        await loop.sock_connect(late, ("10.0.1.20", 8080))
        with pytest.raises(ConnectionResetError):
            await loop.sock_recv(late, 1)


@namespaced
async def test_an_attachment_moves_with_its_specification(cloud: Cloud) -> None:
    first, second = await cloud.serve_host("first"), await cloud.serve_host("second")
    for port, name in ((first, "first"), (second, "second"), (first, "first")):
        await cloud.fabric.apply(vpc(enis=[eni("lb", "10.0.1.10"), attached("web", "10.0.1.20", port)]))
        assert await cloud.ask("eni-lb", "10.0.1.20", 8080) == f"{name} 127.0.0.1"
        with cloud.fabric.enter("eni-lb"):
            raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with raw:
            await asyncio.get_running_loop().sock_connect(raw, ("10.0.1.20", 8080))
            assert await read_all(raw) == f"{name} 127.0.0.1".encode()
    await cloud.fabric.apply(vpc(enis=[eni("lb", "10.0.1.10"), eni("web", "10.0.1.20")]))
    assert await cloud.ask("eni-lb", "10.0.1.20", 8080) == "refused"
