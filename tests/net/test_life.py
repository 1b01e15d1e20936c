"""Coming, changing and going: what is made, what is left, and what a failure leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess

import msgspec
import pytest
from tests.net.cloud import Cloud, links_here, open_descriptors, retransmissions
from tests.net.namespaced import namespaced, run_namespaced
from tests.net.specs import eni, peered, vpc

from cloudarium.substrate.net import Fabric, NatGateway, NetworkError, Route, SpecError, VpcSpec
from cloudarium.substrate.net.kernel import nftables

IGW = Route("0.0.0.0/0", "igw", "igw-1")


def public(name: str = "vpc-1", cidr: str = "10.0.0.0/16") -> VpcSpec:
    base = cidr.rsplit(".", 2)[0]
    return vpc(name, cidr, enis=[eni(name, f"{base}.1.10")], routes=[IGW], internet_gateway_id="igw-1")


@namespaced
async def test_removing_leaves_neither_links_nor_descriptors(cloud: Cloud) -> None:
    await cloud.fabric.start()
    for _ in range(3):
        await cloud.fabric.apply(public("vpc-0"))
        await cloud.fabric.remove("vpc-0")
    before = open_descriptors()
    for _ in range(3):
        one, two = peered(public("vpc-1", "10.1.0.0/16"), public("vpc-2", "10.2.0.0/16"))
        await cloud.fabric.apply(one)
        await cloud.fabric.apply(two)
        assert len(links_here()) == 2
        await cloud.fabric.remove("vpc-1")
        await cloud.fabric.remove("vpc-2")
        assert links_here() == set()
        assert open_descriptors() == before


@namespaced
async def test_closing_leaves_nothing_and_a_new_fabric_begins_again(cloud: Cloud) -> None:
    before = open_descriptors()
    for _ in range(2):
        fabric = Fabric(service_address="198.18.0.9")
        await fabric.apply(public())
        assert len(links_here()) == 1
        await fabric.close()
        assert links_here() == set()
    assert open_descriptors() <= before + 1
    with pytest.raises(NetworkError, match="closed"):
        await fabric.apply(public())


def test_kill_9_leaves_nothing_in_the_parent_namespace(mode: str) -> None:
    """The namespace outlives the cloud's process here, as it does when init restarts the cloud."""

    def body() -> None:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            _live(write)
        os.close(write)
        assert os.read(read, 1) == b"."
        assert len(links_here()) == 2
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.read(read, 1)
        asyncio.run(_gone())
        asyncio.run(_again())

    run_namespaced(mode, body)


def _live(write: int) -> None:
    async def live() -> None:
        fabric = Fabric()
        await fabric.apply(public("vpc-1"))
        await fabric.apply(public("vpc-2"))
        os.write(write, b".")
        await asyncio.sleep(60)

    try:
        asyncio.run(live())
    finally:
        os._exit(1)


async def _gone() -> None:
    """The kernel takes namespaces down in its own time, but unasked."""
    async with asyncio.timeout(10):
        while links_here():
            await asyncio.sleep(0.01)


async def _again() -> None:
    fabric = Fabric()
    await fabric.apply(public("vpc-1"))
    await fabric.close()


@namespaced
async def test_what_a_dead_cloud_left_is_cleared_at_the_start(cloud: Cloud) -> None:
    left = Fabric()
    await left.apply(public())
    fabric = Fabric()
    await fabric.apply(public())
    assert len(links_here()) == 1
    await fabric.close()
    await left.close()


@namespaced
async def test_sixty_interfaces_find_each_other(cloud: Cloud) -> None:
    enis = [eni(str(n), f"10.0.{1 + n % 2}.{10 + n}", subnet="ab"[n % 2]) for n in range(60)]
    await cloud.fabric.apply(vpc(enis=enis))
    for n in (0, 31, 59):
        await cloud.serve(f"eni-{n}")
    asked = [(a, b) for a in range(0, 60, 7) for b in (0, 31, 59) if a != b]
    answers = await asyncio.gather(*(cloud.ask(f"eni-{a}", f"10.0.{1 + b % 2}.{10 + b}") for a, b in asked))
    assert answers == [f"eni-{b} 10.0.{1 + a % 2}.{10 + a}" for a, b in asked]
    await cloud.fabric.apply(vpc(enis=enis[:30]))
    assert await cloud.knock("eni-1", "10.0.2.69") == "dropped"
    assert await cloud.ask("eni-1", "10.0.1.10") == "eni-0 10.0.2.11"


@namespaced
async def test_many_applications_at_once_end_as_the_last_says(cloud: Cloud) -> None:
    def spec(count: int) -> VpcSpec:
        return vpc(enis=[eni(str(n), f"10.0.1.{10 + n}") for n in range(count)])

    counts = [1, 5, 3, 8, 2, 9, 4]
    await asyncio.gather(*(cloud.fabric.apply(spec(count)) for count in counts))
    assert await cloud.ask("eni-0", "10.0.1.13") == "refused"
    assert await cloud.knock("eni-0", "10.0.1.14") == "dropped"


@namespaced
async def test_a_waiter_that_is_cancelled_leaves_a_whole_network(cloud: Cloud) -> None:
    enis = [eni(str(n), f"10.0.1.{10 + n}") for n in range(20)]
    for _ in range(3):
        waiter = asyncio.create_task(cloud.fabric.apply(vpc(enis=enis)))
        await asyncio.sleep(0.005)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        await cloud.fabric.apply(vpc(enis=enis))
        assert await cloud.ask("eni-0", "10.0.1.29") == "refused"
        await cloud.fabric.remove("vpc-1")


@namespaced
async def test_what_the_kernel_refuses_is_told_and_done_at_the_next_attempt(cloud: Cloud) -> None:
    good = vpc(enis=[eni("1", "10.0.1.10"), eni("2", "10.0.1.11")])
    multicast = msgspec.structs.replace(eni("bad", "10.0.1.12"), mac="01:00:5e:00:00:01")
    bad = msgspec.structs.replace(good, enis=(*good.enis, multicast))
    with pytest.raises(NetworkError, match="vpc-1"):
        await cloud.fabric.apply(bad)
    await cloud.fabric.apply(vpc("vpc-2", enis=[eni("3", "10.0.1.10"), eni("4", "10.0.1.11")]))
    assert await cloud.ask("eni-3", "10.0.1.11") == "refused", "others are not held up"
    mended = msgspec.structs.replace(good, enis=(*good.enis, eni("bad", "10.0.1.12")))
    await cloud.fabric.apply(mended)
    assert await cloud.ask("eni-1", "10.0.1.12") == "refused"
    assert await cloud.ask("eni-1", "10.0.1.11") == "refused"


@namespaced
async def test_rules_load_through_the_command_as_well(cloud: Cloud) -> None:
    nftables._library = lambda: None  # type: ignore[assignment]
    assert nftables.available()
    await cloud.fabric.apply(
        vpc(enis=[eni("1", "10.0.1.10"), eni("2", "10.0.1.11", "sg-closed"), eni("3", "10.0.1.12")])
    )
    assert await cloud.knock("eni-1", "10.0.1.11") == "dropped"
    assert await cloud.ask("eni-1", "10.0.1.12") == "refused"
    with pytest.raises(NetworkError, match="nftables: "):
        nftables.load("table ip nonsense { what }")


@namespaced
async def test_a_wrong_specification_changes_nothing(cloud: Cloud) -> None:
    good = vpc(enis=[eni("1", "10.0.1.10"), eni("2", "10.0.1.11")])
    await cloud.fabric.apply(good)
    dangling = msgspec.structs.replace(good, nat_gateways=(NatGateway("nat-1", "subnet-a", "eni-none"),))
    with pytest.raises(SpecError, match="nat-1 names eni-none"):
        await cloud.fabric.apply(dangling)
    assert await cloud.ask("eni-1", "10.0.1.11") == "refused"


@namespaced
async def test_a_process_belongs_to_the_namespace_it_is_started_in(cloud: Cloud) -> None:
    await cloud.fabric.apply(vpc(enis=[eni("1", "10.0.1.10"), eni("2", "10.0.1.11")]))
    server = cloud.run(
        "eni-2",
        "import socket\ns=socket.create_server(('',80)); print('ready',flush=True)\n"
        "while True:\n c,a=s.accept(); c.sendall(a[0].encode()); c.close()\n",
    )
    assert server.stdout is not None
    await asyncio.to_thread(server.stdout.readline)
    assert await cloud.ask("eni-1", "10.0.1.11") == "10.0.1.10"
    assert os.fstat(cloud.fabric.namespace("eni-2")).st_ino != os.fstat(cloud.fabric.namespace("eni-1")).st_ino
    assert {name for _, name in socket.if_nameindex()} >= {"lo"} and "eth0" not in links_here()


@namespaced
async def test_a_private_address_more_or_less(cloud: Cloud) -> None:
    one, two = eni("1", "10.0.1.10"), eni("2", "10.0.1.11")
    both = msgspec.structs.replace(two, private_ips=("10.0.1.11", "10.0.1.12"))
    for second, expected in ((two, "dropped"), (both, "refused"), (two, "dropped")):
        await cloud.fabric.apply(vpc(enis=[one, second]))
        assert await (cloud.knock if expected == "dropped" else cloud.ask)("eni-1", "10.0.1.12") == expected
        assert await cloud.ask("eni-1", "10.0.1.11") == "refused"
    # The address goes to another interface, in one step.
    await cloud.fabric.apply(vpc(enis=[one, both]))
    three = eni("3", "10.0.1.12")
    await cloud.fabric.apply(vpc(enis=[one, two, three]))
    await cloud.serve("eni-3")
    assert await cloud.ask("eni-1", "10.0.1.12") == "eni-3 10.0.1.10"


def test_a_network_that_is_not_its_own_is_refused(mode: str) -> None:
    """In the host's network the fabric must not touch anything."""

    def body() -> None:
        subprocess.run(["ip", "link", "add", "eth7", "type", "veth", "peer", "name", "eth8"], check=True)
        subprocess.run(["ip", "link", "set", "eth7", "up"], check=True)
        found = Fabric().capabilities
        assert not found.complete and "eth7" in found.reason

    run_namespaced(mode, body)


@namespaced
async def test_the_first_packet_of_a_fresh_interface_arrives(cloud: Cloud) -> None:
    """A link whose queue the kernel has not yet made loses packets, which TCP repeats only after a second.

    The kernel makes it in a work item that waits for a lock, which taking namespaces down holds for long.
    """
    crowd = vpc("vpc-2", "10.1.0.0/16", enis=[eni(f"x{n}", f"10.1.1.{10 + n}") for n in range(12)])
    enis = [eni("0", "10.0.1.10")]
    for number in range(1, 9):
        enis.append(eni(str(number), f"10.0.1.{10 + number}"))
        await cloud.fabric.apply(crowd)
        await cloud.fabric.remove("vpc-2")
        await cloud.fabric.apply(vpc(enis=enis))
        client, server = await cloud.connection("eni-0", f"eni-{number}", f"10.0.1.{10 + number}")
        with client, server:
            assert retransmissions(client) == 0


@namespaced
async def test_interfaces_come_change_and_go_without_the_table_being_replaced(cloud: Cloud) -> None:
    """What a kernel takes 15 ms for, however small the change: fifty interfaces at once would wait for it."""
    steady = [eni("in", "10.0.1.10"), eni("shut", "10.0.1.11", "sg-closed")]
    await cloud.fabric.apply(vpc(enis=steady))
    loaded: list[str] = []
    load = nftables.load
    nftables.load = lambda text: (loaded.append(text), load(text))[1]  # type: ignore[func-returns-value]
    one, two = eni("1", "10.0.1.20"), eni("2", "10.0.1.21", "sg-closed")
    swapped = [
        msgspec.structs.replace(one, security_group_ids=("sg-closed",)),
        msgspec.structs.replace(two, security_group_ids=("sg-open",), private_ips=("10.0.1.21", "10.0.1.22")),
    ]
    for pair, open_one, shut_one in (([one, two], "20", "21"), (swapped, "21", "20"), ([one, two], "20", "21")):
        await cloud.fabric.apply(vpc(enis=[*steady, *pair]))
        assert await cloud.ask("eni-in", f"10.0.1.{open_one}") == "refused"
        assert await cloud.knock("eni-in", f"10.0.1.{shut_one}") == "dropped"
    await cloud.fabric.apply(vpc(enis=[*steady, one]))
    # Its address may be another's at once.
    await cloud.fabric.apply(vpc(enis=[*steady, one, eni("3", "10.0.1.21")]))
    assert await cloud.ask("eni-in", "10.0.1.21") == "refused"
    await cloud.fabric.apply(vpc(enis=steady))
    assert await cloud.knock("eni-in", "10.0.1.20") == "dropped"
    assert len(loaded) == 6 and not any("table ip cloudarium {" in text for text in loaded)
