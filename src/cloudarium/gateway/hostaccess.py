"""Names and addresses inside VPCs, for programs on the host: a loopback port for each that was asked for.

A connection to it is carried to the network interface which has the name at that moment, so it follows tasks as they
come and go. The interface's security groups and network ACL are asked first, for the client's address on the host;
who is denied gets no answer, as if packets were dropped. The workload sees a client with an address of its VPC.

Ports are remembered, and opened again when the cloud starts: people keep what ``resolve`` told them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import random
import socket
import struct
from typing import NamedTuple

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Record, Scope
from cloudarium.substrate.net import addresses
from cloudarium.substrate.net.attach.splice import pump
from cloudarium.substrate.net.errors import NetworkError, NotSupported, SpecError, UnknownInterface

log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_EVERYWHERE = Scope("*", "*")
_MOST_PORTS = 512
"""Ports kept open; the one asked for longest ago makes room."""
_MOST_CONNECTIONS = 1024
_MOST_HELD = 256
_LONGEST_CHAIN = 8
"""Names that stand for other names are followed so often."""

# Host seconds: clients and workloads are real.
_DIAL_TIMEOUT = 5.0
_PATIENCE, _LOOK_AGAIN = 5.0, 0.1
"""How long a client waits while nothing has the name: a task may be just being replaced, or the cloud starting."""
_HELD_SECONDS = 130.0
_RETRY = 0.2
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class HostName(Record, frozen=True, kw_only=True):
    """A loopback port that leads to ``port`` (0: the service records') of a name. ``key`` is ``<name>|<port>``."""

    TABLE = "gateway.host_names"
    KEY = "key"

    key: str
    name: str
    port: int
    vpc_id: str
    host_port: int


class Target(NamedTuple):
    """A network interface that has a name, at one of its addresses; ``port`` when a service record says it."""

    vpc_id: str
    eni_id: str
    address: str
    port: int | None = None


def targets(cloud: Cloud, name: str, vpc_id: str = "") -> list[Target]:
    """The interfaces that a lower-case name or an IPv4 address denotes, in any VPC or in one."""
    vpcs = cloud.fabric.world.vpcs
    found = []
    for each in [vpc_id] if vpc_id else list(vpcs):
        vpc = vpcs.get(each)
        for address, port in places(cloud, each, name) if vpc is not None else ():
            eni = vpc.by_address.get(addresses.number(address))
            if eni is not None:
                found.append(Target(each, eni.id, address, port))
    return found


def places(cloud: Cloud, vpc_id: str, name: str, depth: int = 0) -> list[tuple[str, int | None]]:
    """The IPv4 addresses of a name as a workload of the VPC would find them, with the ports that service records say.

    An address is its own name.
    """
    with contextlib.suppress(ValueError):
        return [(str(ipaddress.IPv4Address(name)), None)]
    if records := cloud.resolve(vpc_id, name, "A"):
        return [(address, None) for address in records]
    if depth >= _LONGEST_CHAIN:
        return []
    if alias := cloud.resolve(vpc_id, name, "CNAME"):
        return places(cloud, vpc_id, alias[0].rstrip(".").lower(), depth + 1)
    found: list[tuple[str, int | None]] = []
    for record in cloud.resolve(vpc_id, name, "SRV") or ():
        _, _, port, host = record.split()
        near = places(cloud, vpc_id, host.rstrip(".").lower(), depth + 1)
        found += [(address, int(port)) for address, _ in near]
    return found


class HostAccess:
    """The loopback ports of one cloud. Belongs to the running loop."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._table = cloud.store.table(HostName)
        self._open: dict[str, tuple[socket.socket, asyncio.Task[None]]] = {}
        self._opening = asyncio.Lock()
        self._connections: set[asyncio.Task[None]] = set()
        self._held = 0
        self._closes = False

    async def resolve(self, name: str, port: int | None) -> tuple[str, int]:
        """A loopback address for ``port`` of a name (the service record's when None); ``name@vpc-id`` picks a VPC.

        Raises AwsError: NotFound, Ambiguous, PortMissing.
        """
        host, _, wanted = name.partition("@")
        name = f"{host}@{wanted}" if wanted else host
        found = targets(self._cloud, host, wanted)
        if not found:
            if self._is_service(host):
                return _LOOPBACK, self._cloud.port
            raise AwsError("NotFound", f"nothing in this cloud is called {name[:255]!r}, or it is nowhere now", 404)
        vpcs = sorted({each.vpc_id for each in found})
        if len(vpcs) > 1:
            listed = ", ".join(vpcs)
            raise AwsError("Ambiguous", f"{host} is in several VPCs ({listed}): say which, as {host}@{vpcs[0]}", 409)
        if port is None and any(each.port is None for each in found):
            raise AwsError("PortMissing", f"say which port of {host}")
        async with self._opening:
            return _LOOPBACK, await self._port(name, port or 0, vpcs[0])

    async def reopen(self) -> None:
        """After a restart: open again what was open before, since the host's agent kept it."""
        for _, kept in list(self._table.everywhere()):
            try:
                async with self._opening:
                    await self._port(kept.name, kept.port, kept.vpc_id)
            except OSError as error:
                log.warning("no loopback port for %s: %s", kept.key, error)

    def _is_service(self, host: str) -> bool:
        """Whether a name is one of AWS's own API, for which the host has the one port."""
        world = self._cloud.fabric.world
        for vpc_id in world.vpcs:
            for address, _ in places(self._cloud, vpc_id, host):
                with contextlib.suppress(SpecError):
                    return bool(world.is_service(addresses.number(address)))
        return False

    async def _port(self, name: str, port: int, vpc_id: str) -> int:
        key = f"{name}|{port}"
        kept = self._table.get(_EVERYWHERE, key)
        if key in self._open and kept is not None:
            self._open[key] = self._open.pop(key)
            if kept.vpc_id != vpc_id:
                self._table.put(_EVERYWHERE, msgspec.structs.replace(kept, vpc_id=vpc_id))
            return kept.host_port
        if not self._closes:
            self._closes = True
            self._cloud.on_close(self.close)
        while len(self._open) >= _MOST_PORTS:
            oldest = next(iter(self._open))
            await self._shut(oldest)
            self._table.delete(_EVERYWHERE, oldest)
        listening = await self._listen(kept.host_port if kept is not None else 0)
        listening.setblocking(False)
        number = int(listening.getsockname()[1])
        self._table.put(_EVERYWHERE, HostName(key=key, name=name, port=port, vpc_id=vpc_id, host_port=number))
        task = asyncio.get_running_loop().create_task(self._accept(key, listening), name=f"clients of {key}")
        self._open[key] = (listening, task)
        return number

    async def _listen(self, port: int) -> socket.socket:
        """The same port as before when it can be had."""
        listening: socket.socket
        try:
            listening = await self._cloud.host.listen(_LOOPBACK, port)
        except OSError:
            if not port:
                raise
            listening = await self._cloud.host.listen(_LOOPBACK, 0)
        return listening

    # -- clients -------------------------------------------------------------------------------------------------------

    async def _accept(self, key: str, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, peer = await loop.sock_accept(listening)
            except OSError as error:
                log.warning("accepting for %s failed: %s", key, error)
                await asyncio.sleep(_RETRY)
                continue
            if len(self._connections) >= _MOST_CONNECTIONS:
                client.close()
                continue
            task = loop.create_task(self._serve(key, client, peer[0]), name=f"client of {key}")
            self._connections.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a client of a name failed", exc_info=error)

    async def _serve(self, key: str, client: socket.socket, source: str) -> None:
        target: socket.socket | None = None
        clean = False
        try:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            target = await self._reach(key, source)
            if target is None:
                await self._hold()
                return
            target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.TaskGroup() as directions:
                directions.create_task(pump(client, target))
                directions.create_task(pump(target, client))
            clean = True
        except* (OSError, NetworkError, NotSupported, UnknownInterface) as errors:
            log.debug("a client of %s was lost: %s", key, errors.exceptions)
        finally:
            for end in (client, target):
                if end is not None:
                    if not clean:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    end.close()

    async def _reach(self, key: str, source: str) -> socket.socket | None:
        """A connection to whoever has the name now; None when nobody who has it admits the client."""
        found, port = await self._look(key)
        admitted = [
            (each, number)
            for each in found
            if (number := port or each.port) and self._cloud.fabric.admits(each.eni_id, source, "tcp", number)
        ]
        if not admitted:
            return None
        random.shuffle(admitted)
        last: OSError = ConnectionRefusedError()
        for each, number in admitted:
            try:
                sock: socket.socket = await self._cloud.fabric.dial_into(
                    each.vpc_id, each.address, number, _DIAL_TIMEOUT
                )
            except OSError as error:
                last = error
            else:
                return sock
        raise last

    async def _look(self, key: str) -> tuple[list[Target], int]:
        for _ in range(int(_PATIENCE / _LOOK_AGAIN)):
            kept = self._table.get(_EVERYWHERE, key)
            if kept is None:
                break
            if found := targets(self._cloud, kept.name.partition("@")[0], kept.vpc_id):
                return found, kept.port
            await asyncio.sleep(_LOOK_AGAIN)
        raise ConnectionResetError(f"nothing is called {key} any more")

    async def _hold(self) -> None:
        """Let a client wait as one does whose packets are dropped."""
        if self._held >= _MOST_HELD:
            return
        self._held += 1
        try:
            await asyncio.sleep(_HELD_SECONDS)
        finally:
            self._held -= 1

    # -- the end -------------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Give every port back and reset what is open. What was asked for stays on record."""
        self._closes = False
        for key in list(self._open):
            await self._shut(key)
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _shut(self, key: str) -> None:
        listening, task = self._open.pop(key)
        address = listening.getsockname()[:2]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        listening.close()
        with contextlib.suppress(OSError):  # the agent may be gone, and its listeners with it
            await self._cloud.host.unlisten(*address)
