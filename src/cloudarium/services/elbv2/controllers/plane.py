"""What load balancers serve now, over all accounts and regions: shared by the controllers."""

from __future__ import annotations

import asyncio
import logging

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.controllers.link import NodeLink
from cloudarium.services.elbv2.controllers.snapshots import snapshot
from cloudarium.services.elbv2.health.board import Board
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.resources import Listener, LoadBalancer, Node
from cloudarium.substrate.net.errors import NetworkError, NotSupported, UnknownInterface

log = logging.getLogger(__name__)

Key = tuple[Scope, str]
"""A load balancer: scope and ARN."""

_FABRIC_PATIENCE = 5.0
_FABRIC_POLL = 0.01
_WORKER_PATIENCE = 10.0


class Plane:
    """Sends snapshots and listening sockets to the worker, and knows which are there."""

    def __init__(self, cloud: Cloud, board: Board, link: NodeLink) -> None:
        self._cloud = cloud
        self._board = board
        self.link = link
        self._revision = 0
        self._sent: dict[str, int] = {}
        self._applied: dict[str, int] = {}
        self._waiting: dict[str, list[asyncio.Event]] = {}
        self._listening: set[tuple[str, str, int]] = set()
        self.scopes: dict[str, Scope] = {}
        """Where each load balancer that is served lives."""

    def forget(self) -> None:
        """The worker is a new one: nothing was sent to it."""
        self._sent.clear()
        self._listening.clear()

    async def wait_for_worker(self) -> None:
        """Have the worker running: the first load balancer waits for its start, a few tenths of a second."""
        self.link.ensure()
        await self.link.wait_until_ready()

    async def serve(self, scope: Scope, balancer: LoadBalancer) -> None:
        """Tell the worker all about a load balancer, and open what ports it lacks."""
        self.link.ensure()
        self._revision += 1
        self._sent[balancer.arn] = self._revision
        self.scopes[balancer.arn] = scope
        self.link.post(snapshot(self._cloud, scope, balancer, self._board, self._revision))
        await self._open_ports(scope, balancer)

    async def _open_ports(self, scope: Scope, balancer: LoadBalancer) -> None:
        listeners = self._cloud.store.table(Listener).find(scope, "load_balancer_arn", balancer.arn)
        nodes = self._cloud.store.table(Node).find(scope, "load_balancer_arn", balancer.arn)
        enabled = {zone.subnet_id for zone in balancer.zones}
        wanted = {
            (balancer.arn, node.zone, listener.port): node
            for node in nodes
            if node.subnet_id in enabled
            for listener in listeners
        }
        # The worker stops accepting on what its snapshot no longer has; here it only has to be forgotten.
        self._listening -= {there for there in self._listening if there[0] == balancer.arn and there not in wanted}
        for place, node in wanted.items():
            if place not in self._listening and await self._open(node, place):
                self._listening.add(place)

    async def _open(self, node: Node, place: tuple[str, str, int]) -> bool:
        if self._cloud.fabric is None:
            return False
        # EC2's own controller makes the interface, in host time; the cloud's clock may stand still meanwhile.
        deadline = self._cloud.clock.host_time() + _FABRIC_PATIENCE
        while True:
            try:
                listening = await self._cloud.fabric.listen(node.eni_id, place[2])
                break
            except NotSupported as error:
                log.info("%s port %d listens on the host only: %s", node.eni_id, place[2], error)
                return True
            except (UnknownInterface, NetworkError, OSError):
                if self._cloud.clock.host_time() > deadline:
                    raise
                await asyncio.sleep(_FABRIC_POLL)
        return self.link.post(wire.Listen(*place), [listening.detach()])

    def serves(self, arn: str) -> bool:
        """Whether the worker was told of a load balancer, so that clients may be given to it."""
        return arn in self._sent and self.link.connected

    def drop(self, arn: str) -> None:
        """Stop serving a load balancer."""
        if arn in self._sent:
            self.link.post(wire.Gone(arn))
        self._sent.pop(arn, None)
        self._applied.pop(arn, None)
        self.scopes.pop(arn, None)
        self._listening -= {there for there in self._listening if there[0] == arn}

    def applied(self, arn: str, revision: int) -> None:
        """The worker works by a snapshot."""
        self._applied[arn] = revision
        for waiting in self._waiting.pop(arn, ()):
            waiting.set()

    async def wait_until_served(self, arn: str) -> bool:
        """Whether the worker took the last snapshot of a load balancer, within some host seconds."""
        revision = self._sent.get(arn)
        if revision is None:
            return False
        try:
            # Guards a process, whose time is the host's.
            async with asyncio.timeout(_WORKER_PATIENCE):
                while self._applied.get(arn, 0) < revision:
                    event = asyncio.Event()
                    self._waiting.setdefault(arn, []).append(event)
                    await event.wait()
        except TimeoutError:
            return False
        return True

    def health_changed(self, change: wire.HealthChange) -> None:
        """Tell the worker of a target's new health."""
        if change.arn in self._sent:
            self.link.post(change)
