"""Workloads that outlive the cloud: their namespace is taken up again, with a link, addresses and filters as before."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess

import pytest
from tests.net.cloud import Cloud, open_descriptors
from tests.net.namespaced import namespaced, run_namespaced
from tests.net.specs import eni, tcp, vpc
from tests.net.specs import group as security_group

from cloudarium.substrate.net import Fabric, NetworkError, VpcSpec
from cloudarium.substrate.net.kernel import namespaces

WORKLOAD = """
import os, socket, sys
server = socket.create_server(("", 80))
if len(sys.argv) > 1:
    import threading

    local = socket.create_server(("169.254.170.2", 81))

    def answer():
        while True:
            client, _ = local.accept()
            client.sendall(b"local")
            client.close()

    threading.Thread(target=answer, daemon=True).start()
# Its number as /proc knows it, which shows the processes of an outer namespace.
print(os.readlink("/proc/self"), flush=True)
while True:
    client, peer = server.accept()
    client.sendall(f"{os.getpid()} {peer[0]}".encode())
    client.close()
"""


def spec(*, more: bool = False) -> VpcSpec:
    enis = [eni("1", "10.0.1.10"), eni("2", "10.0.1.11", "sg-web"), eni("3", "10.0.2.12", subnet="b")]
    return vpc(
        enis=[*enis, *([eni("4", "10.0.1.13")] if more else [])],
        groups=[security_group("sg-web", tcp(80, cidr="10.0.0.0/16"))],
    )


async def start_workload(cloud: Cloud, name: str = "eni-2", *arguments: str) -> tuple[int, int]:
    """Its process id, and its namespace."""
    process = cloud.run(name, WORKLOAD, *arguments)
    assert process.stdout is not None
    shown = int(await asyncio.to_thread(process.stdout.readline))
    return process.pid, os.open(f"/proc/{shown}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def test_a_workload_that_survived_kill_9_is_reached_again_where_it_was(mode: str) -> None:
    def body() -> None:
        here, there = socket.socketpair()
        child = os.fork()
        if child == 0:
            _first_cloud(there)
        told, (namespace, *_), _, _ = socket.recv_fds(here, 20, 1)
        workload = int(told)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        asyncio.run(_second_cloud(workload, namespace))
        os.kill(workload, signal.SIGKILL)

    run_namespaced(mode, body)


def _first_cloud(parent: socket.socket) -> None:
    async def live() -> None:
        cloud = Cloud()
        await cloud.fabric.apply(spec())
        await cloud.fabric.local_address("eni-2", "169.254.170.2")
        pid, fd = await start_workload(cloud, "eni-2", "local")
        assert await cloud.ask("eni-1", "10.0.1.11") == f"{pid} 10.0.1.10"
        socket.send_fds(parent, [str(pid).encode()], [fd])
        await asyncio.sleep(60)

    try:
        asyncio.run(live())
    finally:
        os._exit(1)


async def _second_cloud(workload: int, namespace: int) -> None:
    cloud = Cloud()
    cloud.fabric.adopt("eni-2", namespace)
    os.close(namespace)
    await cloud.fabric.apply(spec())
    try:
        assert await cloud.ask("eni-1", "10.0.1.11") == f"{workload} 10.0.1.10"
        assert await cloud.ask("eni-3", "10.0.1.11") == f"{workload} 10.0.2.12"
        # The security group stands before it as before: only port 80.
        assert await cloud.knock("eni-1", "10.0.1.11", 81) == "dropped"
        # And it gets out, to its neighbours and the resolver, from its own address.
        await cloud.serve("eni-1")
        assert await cloud.ask("eni-2", "10.0.1.10") == "eni-1 10.0.1.11"
        # What listens on the loopback's own address has never stopped doing so.
        assert await cloud.within("eni-2", "169.254.170.2", 81) == "local"
        await cloud.fabric.apply(spec(more=True))
        assert await cloud.ask("eni-4", "10.0.1.11") == f"{workload} 10.0.1.13"
    finally:
        await cloud.close()


@namespaced
async def test_a_namespace_found_late_takes_the_place_of_the_fresh_one(cloud: Cloud) -> None:
    await cloud.fabric.apply(spec())
    pid, fd = await start_workload(cloud)
    # As if another cloud had begun before it was told of the workload.
    await cloud.fabric.remove("vpc-1")
    await cloud.fabric.apply(spec())
    assert await cloud.ask("eni-1", "10.0.1.11") == "refused", "a fresh namespace, without the workload"
    before = open_descriptors()
    cloud.fabric.adopt("eni-2", fd)
    await cloud.fabric.ready("eni-2", 5)
    assert await cloud.ask("eni-1", "10.0.1.11") == f"{pid} 10.0.1.10"
    assert os.fstat(cloud.fabric.namespace("eni-2")).st_ino == os.fstat(fd).st_ino
    assert open_descriptors() == before, "the fresh namespace was given up"
    os.close(fd)


@namespaced
async def test_an_adopted_namespace_is_let_go_with_its_interface(cloud: Cloud) -> None:
    await cloud.fabric.apply(spec())
    pid, fd = await start_workload(cloud)
    await cloud.fabric.remove("vpc-1")
    before = open_descriptors()
    for _ in range(3):
        cloud.fabric.adopt("eni-2", fd)
        await cloud.fabric.apply(spec())
        assert await cloud.ask("eni-1", "10.0.1.11") == f"{pid} 10.0.1.10"
        await cloud.fabric.remove("vpc-1")
        assert open_descriptors() == before
    home = namespaces.current()
    with namespaces.inside(fd, home):
        assert {name for _, name in socket.if_nameindex()} & {"eth0"} == set(), "the workload lost its link"
    os.close(fd)


@namespaced
async def test_what_was_adopted_for_nothing_is_closed_at_the_end(cloud: Cloud) -> None:
    before = open_descriptors()
    fabric = Fabric()
    fd = os.open("/proc/self/ns/net", os.O_RDONLY)
    fabric.adopt("eni-9", fd)
    fabric.adopt("eni-9", fd)
    os.close(fd)
    await fabric.close()
    assert open_descriptors() <= before + 1


@namespaced
async def test_a_local_address_is_seen_by_its_own_workload_only(cloud: Cloud) -> None:
    await cloud.fabric.apply(spec())
    for _ in range(2):
        await cloud.fabric.local_address("eni-1", "169.254.170.2")
        await cloud.fabric.local_address("eni-2", "169.254.170.2")
    for name in ("eni-1", "eni-2"):
        listening = await cloud.fabric.listen(name, 80, address="169.254.170.2")
        cloud.answer(listening, name)
    # The policy knows nothing of it, so ask from within.
    assert await cloud.within("eni-1", "169.254.170.2") == "eni-1 169.254.170.2"
    assert await cloud.within("eni-2", "169.254.170.2") == "eni-2 169.254.170.2"
    with pytest.raises(OSError):
        await cloud.within("eni-3", "169.254.170.2")
    assert await cloud.ask("eni-3", "10.0.1.10") == "refused", "a listener on one address is not one on all"


@namespaced
async def test_waiting_for_an_interface(cloud: Cloud) -> None:
    with pytest.raises(TimeoutError):
        await cloud.fabric.ready("eni-4", 0.01)
    waiting = [asyncio.create_task(cloud.fabric.ready(name, 10)) for name in ("eni-4", "eni-4", "eni-1")]
    await asyncio.sleep(0)
    await cloud.fabric.apply(spec())
    await waiting[2]
    assert not waiting[0].done()
    await cloud.fabric.apply(spec(more=True))
    await asyncio.gather(*waiting)
    assert await cloud.ask("eni-1", "10.0.1.13") == "refused"
    await cloud.fabric.remove("vpc-1")
    with pytest.raises(TimeoutError):
        await cloud.fabric.ready("eni-4", 0.01)


@namespaced
async def test_a_workload_of_any_user_may_listen_on_any_port_and_ping(cloud: Cloud) -> None:
    await cloud.fabric.apply(spec())

    def settings() -> list[list[str]]:
        found = []
        for name in ("ip_unprivileged_port_start", "ping_group_range"):
            with open(f"/proc/sys/net/ipv4/{name}") as file:
                found.append(file.read().split())
        return found

    with cloud.fabric.enter("eni-1"):
        ports, groups = settings()
        if not os.access("/proc/sys/net/ipv4/ip_unprivileged_port_start", os.W_OK):
            pytest.skip("this machine has /proc/sys mounted read-only")
    assert ports == ["0"]
    assert groups[0] == "0" and groups != ["1", "0"]


@namespaced
async def test_a_namespace_that_is_not_a_workload_s_is_not_touched(cloud: Cloud) -> None:
    """A link named as an interface's that cannot be deleted is somebody else's."""
    await cloud.fabric.apply(spec())
    home = namespaces.current()
    with namespaces.fresh(home) as foreign:
        subprocess.run(["ip", "link", "set", "lo", "name", "eth0"], check=True)
    cloud.fabric.adopt("eni-4", foreign)
    with pytest.raises(NetworkError, match="cannot be adopted"):
        await cloud.fabric.apply(spec(more=True))
    await cloud.fabric.apply(spec(more=True))
    os.close(foreign)
    assert await cloud.ask("eni-1", "10.0.1.13") == "refused", "the next attempt makes a namespace of its own"


@namespaced
async def test_a_local_addresss_port_is_left_to_the_workload(cloud: Cloud) -> None:
    await cloud.fabric.apply(spec())
    for _ in range(2):
        await cloud.fabric.local_address("eni-1", "169.254.170.2", port=80, leads_to=51679)
    cloud.answer(await cloud.fabric.listen("eni-1", 51679, address="169.254.170.2"), "agent")
    # All addresses, the same port: the workload's own server.
    cloud.answer(await cloud.fabric.listen("eni-1", 80), "workload")
    assert await cloud.within("eni-1", "169.254.170.2") == "agent 169.254.170.2"
    assert await cloud.ask("eni-3", "10.0.1.10") == "workload 10.0.2.12"
