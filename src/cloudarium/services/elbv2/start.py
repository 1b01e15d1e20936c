"""What runs for the service: put together once, when it is first used or has something to take up again."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.controllers import balancers as balancers_module
from cloudarium.services.elbv2.controllers import draining as draining_module
from cloudarium.services.elbv2.controllers.anomalies import Anomalies
from cloudarium.services.elbv2.controllers.balancers import Balancers
from cloudarium.services.elbv2.controllers.checks import Checks
from cloudarium.services.elbv2.controllers.clients import Clients
from cloudarium.services.elbv2.controllers.draining import Draining
from cloudarium.services.elbv2.controllers.instances import watch_instances
from cloudarium.services.elbv2.controllers.log_delivery import LogDelivery
from cloudarium.services.elbv2.controllers.minutes import Minutes
from cloudarium.services.elbv2.controllers.names import Names
from cloudarium.services.elbv2.controllers.plane import Plane
from cloudarium.services.elbv2.controllers.scaling import Scaling
from cloudarium.services.elbv2.controllers.workers import Workers
from cloudarium.services.elbv2.health.board import board_of, drop_board
from cloudarium.services.elbv2.resources import Listener, LoadBalancer, Rule, Target, TargetGroup


class Running:
    """The parts of one cloud's load balancing."""

    def __init__(self, cloud: Cloud) -> None:
        board = board_of(cloud)
        self.workers = Workers(cloud, self._worker_started, self._applied, self._collected)
        self.plane = Plane(cloud, board, self.workers)
        self.names = Names(cloud, board)
        self.clients = Clients(cloud, self.plane, self.names)
        logs = LogDelivery(cloud)
        self.balancers = Balancers(cloud, self.plane, logs)
        self.draining = Draining(cloud)
        self.checks = Checks(cloud, board, self.plane)
        self._cloud = cloud
        anomalies = Anomalies(cloud, board, self._wake)
        self.minutes = Minutes(cloud, board, self.plane, logs, Scaling(cloud, self.workers), anomalies)
        watch_instances(cloud, board)

    async def begin(self) -> None:
        """Watch for changes and take up what there is."""
        cloud = self._cloud
        self._wake_on_changes()
        cloud.data_planes.append(self.clients)
        cloud.name_servers.append(self.names.dns)
        cloud.on_close(self.close)
        cloud.controller(balancers_module.NAME, self.balancers.reconcile, self.balancers.every)
        cloud.controller(draining_module.NAME, self.draining.reconcile, self.draining.every)
        self.checks.start()
        self.minutes.start()
        if cloud.host is not None:
            await self.clients.reopen()

    async def close(self) -> None:
        """Stop; the service may be started again."""
        self.minutes.stop()
        await self.clients.close()
        await self.workers.close()
        drop_board(self._cloud)
        _running.pop(self._cloud, None)

    # -- what wakes what -------------------------------------------------------------------------------------------

    def _wake_on_changes(self) -> None:
        store = self._cloud.store
        store.table(LoadBalancer).watch(self._balancer_changed)
        for kind in (Listener, Rule):
            table: Any = store.table(kind)
            table.watch(self._part_changed)
        store.table(TargetGroup).watch(lambda scope, key, old, new: self._group_changed(scope, key))
        store.table(Target).watch(self._target_changed)

    def _wake(self, scope: Scope, arn: str) -> None:
        self._cloud.enqueue(balancers_module.NAME, (scope, arn))

    def _balancer_changed(self, scope: Scope, key: str, old: LoadBalancer | None, new: LoadBalancer | None) -> None:
        if old is not None and new is not None and balancers_module.alike(old, new):
            return
        self._wake(scope, key)

    def _part_changed(self, scope: Scope, key: str, old: Any, new: Any) -> None:
        if old is not None and new is not None and old.replace(tags=new.tags) == new:
            return
        self._wake(scope, (new or old).load_balancer_arn)

    def _group_changed(self, scope: Scope, arn: str) -> None:
        for user in self._cloud.store.table(Rule).find(scope, "target_groups", arn):
            self._wake(scope, user.load_balancer_arn)

    def _target_changed(self, scope: Scope, key: str, old: Target | None, new: Target | None) -> None:
        if new is not None and new.draining_until is not None:
            self._cloud.enqueue(draining_module.NAME, (scope, key))
        if (target := new or old) is not None:
            self._group_changed(scope, target.target_group_arn)

    def _worker_started(self, worker: int) -> None:
        self.plane.forget(worker)
        for key in self.balancers.every():
            self._wake(*key)

    def _applied(self, worker: int, arn: str, revision: int) -> None:
        self.plane.applied(worker, arn, revision)

    def _collected(self, worker: int, message: Any) -> None:
        self.minutes.collected(worker, message)


_running: WeakKeyDictionary[Cloud, Running] = WeakKeyDictionary()


def running(cloud: Cloud) -> Running | None:
    """The parts that run for a cloud, if the service was started."""
    return _running.get(cloud)


async def start(cloud: Cloud) -> None:
    """Start the service's controllers."""
    parts = _running[cloud] = Running(cloud)
    await parts.begin()
