"""A machine that allows no namespaces: attached processes are reached, the rest is refused by name."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tests.net.specs import eni, group, tcp, vpc

from cloudarium.substrate.net import (
    Capabilities,
    Fabric,
    HostAttachment,
    NatGateway,
    NotSupported,
    VpcSpec,
    capabilities,
)

REASON = "the kernel refuses network namespaces here"


class Host:
    """Gives out one end of a pair; the test keeps the other."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []
        self.ends: list[socket.socket] = []

    async def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        self.dialled.append((host, port))
        near, far = socket.socketpair()
        self.ends.append(far)
        return near


@pytest.fixture
def fabric(monkeypatch: pytest.MonkeyPatch) -> Fabric:
    monkeypatch.setattr("cloudarium.substrate.net.fabric.probe", lambda: Capabilities(False, False, REASON))
    return Fabric(Host())


def spec() -> VpcSpec:
    attached = eni("web", "10.0.1.20", "sg-web", attachment=HostAttachment(8080, "127.0.0.1", 3000))
    groups = [group("sg-web", tcp(8080, group="sg-lb")), group("sg-lb")]
    return vpc(enis=[eni("lb", "10.0.1.10", "sg-lb"), eni("other", "10.0.1.11"), attached], groups=groups)


async def test_attached_processes_are_dialled_under_the_policy(fabric: Fabric) -> None:
    await fabric.apply(spec())
    with await fabric.dial("eni-lb", "10.0.1.20", 8080, 1) as sock:
        assert not sock.getblocking()
    with pytest.raises(TimeoutError):
        await fabric.dial("eni-other", "10.0.1.20", 8080, 0.01)
    assert fabric.admits("eni-web", "10.0.1.10", "tcp", 8080)
    await fabric.remove("vpc-1")
    await fabric.close()


async def test_a_refused_connection_takes_the_whole_timeout_and_can_be_cancelled(fabric: Fabric) -> None:
    await fabric.apply(spec())
    waiting = asyncio.create_task(fabric.dial("eni-other", "10.0.1.20", 8080, 3600))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_rest_is_refused_with_the_reason(fabric: Fabric) -> None:
    await fabric.apply(spec())
    with pytest.raises(NotSupported, match=REASON):
        await fabric.listen("eni-lb", 80)
    with pytest.raises(NotSupported, match=REASON):
        await fabric.dial("eni-lb", "10.0.1.11", 80, 1)
    with pytest.raises(NotSupported, match=REASON):
        fabric.namespace("eni-lb")
    nats = (NatGateway("nat-1", "subnet-a", "eni-nat"),)
    with pytest.raises(NotSupported, match=REASON):
        await fabric.apply(vpc("vpc-2", enis=[eni("nat", "10.0.1.5")], nat_gateways=nats))
    assert "vpc-2" not in fabric.world.vpcs


def test_the_probe_says_which_part_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(capabilities, "_foreign_links", lambda: [])
    monkeypatch.setattr(capabilities.namespaces, "fresh", refuse)
    found = capabilities.probe()
    assert not found.complete and "refuses network namespaces (Operation not permitted)" in found.reason
