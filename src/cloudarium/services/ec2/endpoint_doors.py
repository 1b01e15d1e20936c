"""AWS's API behind interface endpoints: each network interface of one listens where the cloud's own port does.

Plain HTTP only; HTTPS begins when there are certificates for AWS's names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ec2.controllers import Networks, can_have_gateways
from cloudarium.services.ec2.resources import VpcEndpoint
from cloudarium.services.ec2.waking import VpcKey
from cloudarium.substrate.net.errors import UnknownInterface

DOORS = "ec2.endpoint-doors"
PORT = 80


class EndpointDoors:
    """The open listeners, by network interface."""

    def __init__(self, cloud: Cloud, networks: Networks) -> None:
        self._cloud = cloud
        self._open: dict[str, dict[str, asyncio.AbstractServer]] = {}
        networks.on_settled(lambda scope, vpc_id: cloud.enqueue(DOORS, (scope, vpc_id)))

    def keys(self) -> Iterable[Hashable]:
        """Every VPC that has an endpoint; each is also looked at whenever its network has settled."""
        return {(scope, each.vpc_id) for scope, each in self._cloud.store.table(VpcEndpoint).everywhere()}

    async def reconcile(self, key: VpcKey) -> float | None:
        """Open what the endpoints of a VPC lack, close what is not theirs any more."""
        scope, vpc_id = key
        wanted = self._wanted(scope, vpc_id)
        there = self._open.setdefault(vpc_id, {})
        for interface_id in [each for each in there if each not in wanted]:
            there.pop(interface_id).close()
        for interface_id in wanted - there.keys():
            try:
                listening = await self._cloud.fabric.listen(interface_id, PORT)
            except UnknownInterface:
                # Right after a start its network is not there yet; this is called again once it has settled.
                continue
            there[interface_id] = await self._cloud.front_door.open(listening)
        if not there:
            del self._open[vpc_id]
        return None

    def _wanted(self, scope: Scope, vpc_id: str) -> set[str]:
        if self._cloud.fabric is None or self._cloud.front_door is None or not can_have_gateways(self._cloud):
            return set()
        endpoints = self._cloud.store.table(VpcEndpoint).find(scope, "vpc_id", vpc_id)
        return {
            interface_id
            for each in endpoints
            if each.endpoint_type == "Interface" and each.state == "available"
            for interface_id in each.network_interface_ids
        }

    async def close(self) -> None:
        """Close every listener."""
        for there in self._open.values():
            for server in there.values():
                server.close()
        self._open.clear()
