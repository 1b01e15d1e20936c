"""Whether a task's network interface reaches AWS: names resolved by the VPC's own DNS, and a real connection.

On Fargate the platform fetches images and secrets and sends logs through the task's interface. It works by an internet
gateway and a public address, by NAT, or by VPC endpoints, and else not at all.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from cloudarium.kernel.cloud import Cloud

PORT = 80
"""AWS's API inside VPCs."""
HTTPS = 443
"""Where AWS's platform connects to, and what security groups of endpoints let in. Nobody listens there, so that even a
refusal says that the platform would come through.
"""
_NOTHING = "i/o timeout"
"""Nothing answers."""
TIMEOUT = 1.5
"""Host seconds for a connection: everything is on this machine."""
_REMEMBERED = 5.0
"""Host seconds for which a success counts for the next task in the same place."""


class Way(NamedTuple):
    """From where: what interfaces have in common that reach the same."""

    interface_id: str
    vpc_id: str
    subnet_id: str
    group_ids: tuple[str, ...]
    public: bool

    @property
    def place(self) -> tuple[object, ...]:
        """What decides what is reached, without the interface itself."""
        return self[1:]


class Unreachable(Exception):
    """A service's name cannot be connected to."""

    def __init__(self, name: str, address: str, cause: str) -> None:
        super().__init__(f"{name}: {cause}")
        self.name = name
        self.address = address
        self.cause = cause


class Reach:
    """Tries connections; remembers for moments what worked, so that fifty tasks ask once."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._known: dict[tuple[object, ...], float] = {}
        self._trying: dict[tuple[object, ...], asyncio.Task[None]] = {}

    async def require(self, way: Way, names: Iterable[str]) -> None:
        """Connect to each of these names; raises Unreachable for the first that cannot be."""
        await asyncio.gather(*(self._one(way, name) for name in names))

    async def _one(self, way: Way, name: str) -> None:
        key = (*way.place, name)
        now = self._cloud.clock.host_time()
        if self._known.get(key, 0.0) > now:
            return
        trying = self._trying.get(key)
        if trying is None:
            trying = self._trying[key] = asyncio.get_running_loop().create_task(self._try(way, name))
            trying.add_done_callback(lambda done: self._tried(key, done))
        await asyncio.shield(trying)

    def _tried(self, key: tuple[object, ...], done: asyncio.Task[None]) -> None:
        self._trying.pop(key, None)
        now = self._cloud.clock.host_time()
        if len(self._known) > 1_000:
            self._known = {each: until for each, until in self._known.items() if until > now}
        if not done.cancelled() and done.exception() is None:
            self._known[key] = now + _REMEMBERED

    async def _try(self, way: Way, name: str) -> None:
        addresses = self._cloud.resolve(way.vpc_id, name, "A")
        if not addresses:
            raise Unreachable(name, "", f"dial tcp: lookup {name}: no such host")
        cause = _NOTHING
        for address in addresses[:2]:
            https = asyncio.ensure_future(self._dial(way, address, HTTPS))
            try:
                cause = await self._dial(way, address, PORT)
                if not cause or (cause == _NOTHING and await https != _NOTHING):
                    return
            finally:
                https.cancel()
        raise Unreachable(name, f"{addresses[0]}:443", cause)

    async def _dial(self, way: Way, address: str, port: int) -> str:
        """Why a connection is not to be had; empty when it is."""
        try:
            sock = await self._cloud.fabric.dial(way.interface_id, address, port, TIMEOUT)
        except ConnectionRefusedError:
            return "connect: connection refused"
        except (OSError, TimeoutError):
            # What has no route and what a security group drops look the same to the platform.
            return _NOTHING
        sock.close()
        return ""
