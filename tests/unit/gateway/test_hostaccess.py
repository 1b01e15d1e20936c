"""What a name inside VPCs denotes for the host."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloudarium.gateway import hostaccess
from cloudarium.gateway.hostaccess import HostAccess, HostName, Target, places, targets
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Store
from cloudarium.substrate.net import addresses

RECORDS = {
    ("vpc-1", "web.corp.local", "A"): ["10.0.0.5", "10.0.0.6"],
    ("vpc-2", "web.corp.local", "A"): ["10.0.0.9"],
    ("vpc-1", "db.corp.local", "SRV"): ["1 1 5432 one.db.corp.local.", "1 1 5433 two.db.corp.local."],
    ("vpc-1", "one.db.corp.local", "A"): ["10.0.0.5"],
    ("vpc-1", "two.db.corp.local", "A"): ["10.0.0.6"],
    ("vpc-1", "alias.corp.local", "CNAME"): ["WEB.corp.local."],
    ("vpc-1", "loop.corp.local", "CNAME"): ["loop.corp.local."],
}
INTERFACES = {"vpc-1": {"10.0.0.5": "eni-5", "10.0.0.6": "eni-6"}, "vpc-2": {"10.0.0.5": "eni-other"}}


def cloud() -> Any:
    vpcs = {
        vpc: SimpleNamespace(by_address={addresses.number(ip): SimpleNamespace(id=eni) for ip, eni in enis.items()})
        for vpc, enis in INTERFACES.items()
    }
    return SimpleNamespace(
        fabric=SimpleNamespace(world=SimpleNamespace(vpcs=vpcs)),
        resolve=lambda vpc, name, kind: RECORDS.get((vpc, name, kind)),
    )


def test_names_are_the_interfaces_that_have_their_addresses() -> None:
    found = [Target("vpc-1", "eni-5", "10.0.0.5"), Target("vpc-1", "eni-6", "10.0.0.6")]
    assert targets(cloud(), "web.corp.local") == found, "10.0.0.9 is nobody's"
    assert targets(cloud(), "alias.corp.local", "vpc-1") == found
    assert targets(cloud(), "web.corp.local", "vpc-3") == []


def test_an_address_may_be_in_several_vpcs() -> None:
    assert [each.eni_id for each in targets(cloud(), "10.0.0.5")] == ["eni-5", "eni-other"]
    assert [each.eni_id for each in targets(cloud(), "10.0.0.5", "vpc-2")] == ["eni-other"]


def test_service_records_bring_their_ports() -> None:
    assert targets(cloud(), "db.corp.local") == [
        Target("vpc-1", "eni-5", "10.0.0.5", 5432),
        Target("vpc-1", "eni-6", "10.0.0.6", 5433),
    ]


def test_aliases_that_lead_nowhere_end() -> None:
    assert places(cloud(), "vpc-1", "loop.corp.local") == []
    assert places(cloud(), "vpc-1", "") == []


# -- loopback ports ----------------------------------------------------------------------------------------------------


class Host:
    """The host agent."""

    def __init__(self) -> None:
        self.open: dict[int, socket.socket] = {}

    async def listen(self, host: str, port: int) -> socket.socket:
        made = socket.create_server((host, port))
        self.open[made.getsockname()[1]] = made
        return made.dup()

    async def unlisten(self, host: str, port: int) -> None:
        self.open.pop(port).close()


class Fabric:
    """One VPC, whose workloads say their address when they are connected to."""

    def __init__(self) -> None:
        self.world = cloud().fabric.world
        self.world.is_service = lambda number: False
        self.admitted = {"eni-5", "eni-6"}
        self.refusing: set[str] = set()

    def admits(self, eni_id: str, source: str, protocol: str, port: int) -> bool:
        assert (source, protocol) == ("127.0.0.1", "tcp")
        return eni_id in self.admitted

    async def dial_into(self, vpc_id: str, address: str, port: int, timeout: float) -> socket.socket:
        if address in self.refusing:
            raise ConnectionRefusedError
        with socket.create_server(("127.0.0.1", 0)) as server:
            near = socket.create_connection(server.getsockname())
            far, _ = server.accept()
        far.sendall(f"{address}:{port}".encode())
        far.close()
        near.setblocking(False)
        return near


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Cloud]:
    made = Cloud(clock=Clock(), store=Store(tmp_path / "state.db"), port=4566)
    made.host, made.fabric = Host(), Fabric()
    made.name_servers.append(lambda vpc, name, kind: RECORDS.get((vpc, name, kind)))
    yield made
    await made.stop_services()
    assert not made.host.open
    made.store.close()


async def said(port: int) -> str:
    """What a client of a loopback port reads until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()


async def test_clients_reach_whoever_has_the_name_and_lets_them_in(there: Cloud) -> None:
    access = HostAccess(there)
    _, port = await access.resolve("db.corp.local", None)
    there.fabric.admitted = {"eni-6"}
    assert await said(port) == "10.0.0.6:5433"
    there.fabric.admitted = {"eni-5", "eni-6"}
    there.fabric.refusing = {"10.0.0.6"}
    assert {await said(port) for _ in range(8)} == {"10.0.0.5:5432"}, "who refuses is passed over"
    there.fabric.refusing.add("10.0.0.5")
    with pytest.raises(ConnectionResetError):
        await said(port)
    assert await access.resolve("db.corp.local", None) == ("127.0.0.1", port)
    assert await access.resolve("db.corp.local", 80) != ("127.0.0.1", port)


async def test_nobody_who_lets_them_in_is_silence(there: Cloud) -> None:
    _, port = await HostAccess(there).resolve("web.corp.local", 80)
    there.fabric.admitted = set()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(said(port), 0.2)


async def test_the_oldest_port_makes_room(there: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostaccess, "_MOST_PORTS", 2)
    access = HostAccess(there)
    ports = {number: (await access.resolve("web.corp.local", number))[1] for number in (1, 2)}
    await access.resolve("web.corp.local", 1)
    await access.resolve("web.corp.local", 3)
    assert ports[1] in there.host.open and ports[2] not in there.host.open
    assert {row.port for _, row in there.store.table(HostName).everywhere()} == {1, 3}


async def test_the_next_cloud_opens_the_same_ports(there: Cloud) -> None:
    _, port = await HostAccess(there).resolve("web.corp.local", 80)
    await there.stop_services()
    assert port not in there.host.open
    there.name_servers.append(lambda vpc, name, kind: RECORDS.get((vpc, name, kind)))
    await HostAccess(there).reopen()
    assert (await said(port)).endswith(":80")


async def test_what_cannot_be_meant_is_refused(there: Cloud) -> None:
    access = HostAccess(there)
    for name, port, code in (
        ("10.0.0.5", 80, "Ambiguous"),
        ("10.0.0.5@vpc-3", 80, "NotFound"),
        ("web.corp.local", None, "PortMissing"),
        ("n" * 10_000, 80, "NotFound"),
    ):
        with pytest.raises(AwsError) as failure:
            await access.resolve(name, port)
        assert failure.value.code == code and len(failure.value.message) < 400
    assert not there.host.open
