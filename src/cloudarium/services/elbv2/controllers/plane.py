"""What load balancers serve now, over all accounts and regions: shared by the controllers."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.controllers.snapshots import snapshot
from cloudarium.services.elbv2.controllers.workers import Workers
from cloudarium.services.elbv2.health.board import Board
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.resources import Listener, LoadBalancer, Node
from cloudarium.substrate.net.errors import NetworkError, NotSupported, UnknownInterface

log = logging.getLogger(__name__)

Key = tuple[Scope, str]
"""A load balancer: scope and ARN."""


class Place(NamedTuple):
    """A port of a node, and the worker that accepts there."""

    arn: str
    node: str
    port: int
    worker: int


_FABRIC_PATIENCE = 5.0
_FABRIC_POLL = 0.01
_WORKER_PATIENCE = 10.0


class Plane:
    """Sends snapshots and listening sockets to the workers, and knows which are there."""

    def __init__(self, cloud: Cloud, board: Board, workers: Workers) -> None:
        self._cloud = cloud
        self._board = board
        self._nodes = cloud.store.table(Node)
        self.workers = workers
        self._revision = 0
        self._sent: dict[str, dict[int, int]] = {}
        """The last revision of each load balancer that each worker was sent."""
        self._applied: dict[tuple[str, int], int] = {}
        self._waiting: dict[str, list[asyncio.Event]] = {}
        self._listening: set[Place] = set()
        self.scopes: dict[str, Scope] = {}
        """Where each load balancer that is served lives."""

    def forget(self, worker: int) -> None:
        """A worker is a new one: nothing was sent to it."""
        for sent in self._sent.values():
            sent.pop(worker, None)
        self._listening = {place for place in self._listening if place.worker != worker}

    async def wait_for_worker(self) -> None:
        """Have the first worker running: the first load balancer waits for its start, a few tenths of a second."""
        self.workers[0].ensure()
        await self.workers[0].wait_until_ready()

    async def serve(self, scope: Scope, balancer: LoadBalancer) -> None:
        """Tell the workers all about a load balancer, and open what ports its nodes lack."""
        enabled = {zone.subnet_id for zone in balancer.zones}
        found = self._nodes.find(scope, "load_balancer_arn", balancer.arn)
        nodes = [node for node in found if node.subnet_id in enabled and node.phase != "drained"]
        self._revision += 1
        self.scopes[balancer.arn] = scope
        sent = self._sent.setdefault(balancer.arn, {})
        by_worker: dict[int, list[Node]] = {0: [], **{worker: [] for worker in sent}}
        for node in nodes:
            by_worker.setdefault(self.workers.for_layer(node.layer), []).append(node)
        for worker, own in by_worker.items():
            # A worker that has none of its nodes any more still has to hand over what those counted.
            self.workers[worker].ensure()
            sent[worker] = self._revision
            message = snapshot(self._cloud, scope, balancer, self._board, self._revision, own, nodes)
            self.workers[worker].post(message)
        await self._open_ports(scope, balancer, nodes)

    async def _open_ports(self, scope: Scope, balancer: LoadBalancer, nodes: list[Node]) -> None:
        listeners = self._cloud.store.table(Listener).find(scope, "load_balancer_arn", balancer.arn)
        wanted = {
            Place(balancer.arn, node.eni_id, listener.port, self.workers.for_layer(node.layer))
            for node in nodes
            for listener in listeners
        }
        # The worker stops accepting on what its snapshot no longer has; here it only has to be forgotten.
        self._listening -= {there for there in self._listening if there.arn == balancer.arn and there not in wanted}
        for place in sorted(wanted - self._listening):
            if await self._open(place):
                self._listening.add(place)

    async def _open(self, place: Place) -> bool:
        if self._cloud.fabric is None:
            return False
        # EC2's own controller makes the interface, in host time; the cloud's clock may stand still meanwhile.
        deadline = self._cloud.clock.host_time() + _FABRIC_PATIENCE
        while True:
            try:
                listening = await self._cloud.fabric.listen(place.node, place.port)
                break
            except NotSupported as error:
                log.info("%s port %d listens on the host only: %s", place.node, place.port, error)
                return True
            except (UnknownInterface, NetworkError, OSError):
                if self._cloud.clock.host_time() > deadline:
                    raise
                await asyncio.sleep(_FABRIC_POLL)
        message = wire.Listen(place.arn, place.node, place.port)
        return self.workers[place.worker].post(message, [listening.detach()])

    def serves(self, node: Node) -> bool:
        """Whether a node's worker was told of its load balancer, so that clients may be given to it."""
        worker = self.workers.for_layer(node.layer)
        return worker in self._sent.get(node.load_balancer_arn, ()) and self.workers[worker].connected

    def give(self, node: Node, message: wire.Adopt, fd: int) -> None:
        """Give a client's connection to a node."""
        self.workers[self.workers.for_layer(node.layer)].post(message, [fd])

    async def hand_over(self, arn: str) -> None:
        """Have what a load balancer's nodes counted and logged handed over, before they go."""
        if arn in self.scopes:
            await self.workers.collect()

    def drop(self, arn: str) -> None:
        """Stop serving a load balancer."""
        for worker in self._sent.pop(arn, ()):
            self.workers[worker].post(wire.Gone(arn))
            self._applied.pop((arn, worker), None)
        self.scopes.pop(arn, None)
        self._listening -= {there for there in self._listening if there.arn == arn}

    def applied(self, worker: int, arn: str, revision: int) -> None:
        """A worker works by a snapshot."""
        self._applied[(arn, worker)] = revision
        for waiting in self._waiting.pop(arn, ()):
            waiting.set()

    async def wait_until_served(self, arn: str) -> bool:
        """Whether the workers took the last snapshots of a load balancer, within some host seconds."""
        sent = dict(self._sent.get(arn, ()))
        try:
            # Guards processes, whose time is the host's.
            async with asyncio.timeout(_WORKER_PATIENCE):
                while any(self._applied.get((arn, worker), 0) < revision for worker, revision in sent.items()):
                    event = asyncio.Event()
                    self._waiting.setdefault(arn, []).append(event)
                    await event.wait()
        except TimeoutError:
            return False
        return bool(sent)

    def health_changed(self, change: wire.HealthChange) -> None:
        """Tell the workers of a target's new health."""
        for worker in self._sent.get(change.arn, ()):
            self.workers[worker].post(change)

    async def retire_idle(self) -> None:
        """End the workers, but for the first, that carry no node any more and have handed over what they counted."""
        for worker in [each for each in self.workers.connected() if each and each not in self._used()]:
            await self.workers[worker].collect()
            if worker not in self._used():
                self.forget(worker)
                await self.workers[worker].close()

    def _used(self) -> set[int]:
        return {self.workers.for_layer(node.layer) for _, node in self._nodes.everywhere()}
