"""The policy and the kernel give the same verdict on random worlds, by a real TCP connection for each question."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest
from hypothesis import HealthCheck, given, note, settings
from tests.net.cloud import SERVICE, Cloud
from tests.net.namespaced import run_namespaced
from tests.net.worlds import PORTS, SOURCE_PORT, worlds

from cloudarium.substrate.net import VpcSpec, decide

EXAMPLES = int(os.environ.get("CLOUDARIUM_WORLDS", "12"))
QUICK, PATIENT = 0.3, 5.0
"""Seconds after which no answer counts as dropped: where the policy agrees, and before calling it a contradiction."""


def test_policy_and_kernel_agree(mode: str) -> None:
    run_namespaced(mode, _compare)


def _compare() -> None:
    with asyncio.Runner() as runner:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize="CLOUDARIUM_WORLDS" not in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(worlds())
        def agree(world: list[VpcSpec]) -> None:
            runner.run(_check(world))

        agree()


async def _check(world: list[VpcSpec]) -> None:
    cloud = Cloud()
    try:
        for spec in world:
            await cloud.fabric.apply(spec)
        for spec in world:
            for eni in spec.enis:
                if eni.kind == "interface":
                    for port in PORTS:
                        await cloud.serve(eni.id, port)
        service = await cloud.serve_host("service", SERVICE)
        questions = [
            (source.id, target, port)
            for spec in world
            for source in spec.enis
            if source.kind == "interface"
            for target, ports in [*((address, PORTS) for address in _targets(world)), (SERVICE, (service,))]
            for port in ports
            if target not in source.private_ips
        ]
        # Each question has a source port of its own: connection tracking must not remember an earlier one.
        answers = await asyncio.gather(
            *(_ask(cloud, *question, SOURCE_PORT + n) for n, question in enumerate(questions))
        )
        for (source, target, port), answer in zip(questions, answers, strict=True):
            if answer:
                note(f"{source} -> {target}:{port}")
                pytest.fail(f"{source} -> {target}:{port}: {answer} in {world}")
    finally:
        await cloud.close()


def _targets(world: list[VpcSpec]) -> list[str]:
    private = {address for spec in world for eni in spec.enis for address in eni.private_ips}
    public = {eni.public_ip for spec in world for eni in spec.enis if eni.public_ip}
    nats = {nat.public_ip for spec in world for nat in spec.nat_gateways if nat.public_ip}
    return sorted({*private, *public, *nats, "192.0.2.1"})


async def _ask(cloud: Cloud, source: str, target: str, port: int, source_port: int) -> str:
    """Empty where policy and kernel agree."""
    verdict = decide(cloud.fabric.world, source, target, "tcp", port, source_port)
    found = await _connect(cloud, source, target, port, source_port, PATIENT if verdict.allowed else QUICK)
    if verdict.allowed and found.startswith("reached"):
        who, seen = found.split()[1:]
        if verdict.eni is None or (who, seen) == (verdict.eni, verdict.source):
            return ""
        return f"the policy says {verdict.eni} sees {verdict.source}, the kernel {who} sees {seen}"
    if verdict.outcome == found or (verdict.outcome, found) == ("unreachable", "dropped"):
        # The news that something is unreachable is a packet, too: a network ACL may drop it.
        return ""
    return f"the policy says {verdict}, the kernel {found}"


async def _connect(cloud: Cloud, source: str, target: str, port: int, source_port: int, timeout: float) -> str:
    with cloud.fabric.enter(source):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    loop = asyncio.get_running_loop()
    with sock:
        sock.bind(("0.0.0.0", source_port))
        try:
            async with asyncio.timeout(timeout):
                await loop.sock_connect(sock, (target, port))
                return "reached " + (await loop.sock_recv(sock, 100)).decode()
        except TimeoutError:
            return "dropped"
        except OSError as error:
            if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
                return "unreachable"
            return f"{type(error).__name__}"
