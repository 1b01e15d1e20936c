"""The network controller: hands each VPC's specification to the fabric, and says when it is really so.

A VPC without any interface has nobody who could notice its network, so it gets none until the first interface comes.
Without a fabric (tests, tools) specifications are only remembered, and everything counts as made at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.ec2.network import build
from cloudarium.services.ec2.resources import Vpc
from cloudarium.services.ec2.waking import VpcKey
from cloudarium.substrate.net.spec import VpcSpec

NETWORK = "ec2.network"


class Networks:
    """Every VPC as the fabric was last told."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._made: dict[str, VpcSpec] = {}
        """What the fabric has."""
        self._settled: dict[str, VpcSpec] = {}
        """The whole of what was asked for when the fabric last had all of it."""
        self._locks: dict[str, asyncio.Lock] = {}
        self._listeners: list[Callable[[Scope, str], None]] = []

    def keys(self) -> Iterable[Hashable]:
        """Every VPC of every account."""
        return [(scope, vpc.vpc_id) for scope, vpc in self._cloud.store.table(Vpc).everywhere()]

    def on_settled(self, listener: Callable[[Scope, str], None]) -> None:
        """Call ``listener(scope, vpc_id)`` whenever a VPC has become what was asked for."""
        self._listeners.append(listener)

    def settled(self, vpc_id: str) -> VpcSpec | None:
        """The specification that is known to be true of a VPC, or None before the first."""
        return self._settled.get(vpc_id)

    async def reconcile(self, key: VpcKey) -> float | None:
        """Make one VPC's network what its records ask for."""
        scope, vpc_id = key
        async with self._locks.setdefault(vpc_id, asyncio.Lock()):
            asked = build(self._cloud.store, scope, vpc_id, gateways=can_have_gateways(self._cloud))
            await self._tell_fabric(vpc_id, asked if asked is not None and asked.enis else None)
            if asked is None:
                self._settled.pop(vpc_id, None)
                self._locks.pop(vpc_id, None)
            else:
                self._settled[vpc_id] = asked
        for listener in self._listeners:
            listener(scope, vpc_id)
        return None

    async def _tell_fabric(self, vpc_id: str, wanted: VpcSpec | None) -> None:
        fabric = self._cloud.fabric
        if fabric is None or self._made.get(vpc_id) == wanted:
            return
        # Whatever was true of the VPC is not certain from here on.
        self._made.pop(vpc_id, None)
        if wanted is None:
            await fabric.remove(vpc_id)
        else:
            await fabric.apply(wanted)
            self._made[vpc_id] = wanted

    async def forget(self) -> None:
        """Take every VPC away from the fabric: the cloud is being reset or stopped."""
        fabric = self._cloud.fabric
        self._made.clear()
        # All that the fabric knows: one may just be being applied, and is not among what was made yet.
        for vpc_id in list(fabric.world.vpcs) if fabric is not None else ():
            await fabric.remove(vpc_id)


def can_have_gateways(cloud: Cloud) -> bool:
    """Whether NAT gateways and endpoints, which only a real network can have, are possible here."""
    return cloud.fabric is None or bool(cloud.fabric.capabilities.complete)


def require_gateways(cloud: Cloud, what: str) -> None:
    """Refuse by name what this machine cannot have."""
    if not can_have_gateways(cloud):
        reason = cloud.fabric.capabilities.reason
        raise AwsError("UnsupportedOperation", f"{what} is not possible on this machine: {reason}.", 501)
