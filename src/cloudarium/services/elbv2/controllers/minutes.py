"""The turn of each minute: counters are collected and published, targets and load judged by them; every fifth time
access logs are delivered.

Counters that workers hand over in between wait for the end of the minute, whose sums they belong to.
"""

from __future__ import annotations

import logging

from cloudarium.kernel.clock import Timer
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2 import arns
from cloudarium.services.elbv2.attributes import target_group as group_attributes
from cloudarium.services.elbv2.controllers.anomalies import Anomalies
from cloudarium.services.elbv2.controllers.log_delivery import INTERVAL, LogDelivery
from cloudarium.services.elbv2.controllers.names import healthy_in_dns
from cloudarium.services.elbv2.controllers.plane import Key, Plane
from cloudarium.services.elbv2.controllers.scaling import Scaling
from cloudarium.services.elbv2.health.board import Board
from cloudarium.services.elbv2.metrics import Publisher
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.node.counting import Counts
from cloudarium.services.elbv2.node.pools import Thresholds
from cloudarium.services.elbv2.resources import LoadBalancer, Rule, Target, TargetGroup

log = logging.getLogger(__name__)

_MINUTE = 60
_ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"


class Minutes:
    """Ticks on the cloud's clock while there are load balancers."""

    def __init__(
        self,
        cloud: Cloud,
        board: Board,
        plane: Plane,
        logs: LogDelivery,
        scaling: Scaling,
        anomalies: Anomalies,
    ) -> None:
        self._cloud = cloud
        self._board = board
        self._plane = plane
        self._logs = logs
        self._scaling = scaling
        self._anomalies = anomalies
        self._balancers = cloud.store.table(LoadBalancer)
        self._timer: Timer | None = None
        self._counts: dict[Key, Counts] = {}
        """What was counted in the minute that runs, also at load balancers deleted within it."""
        self._balancers.watch(lambda scope, key, old, new: self.start())

    def start(self) -> None:
        """Tick at the next full minute, if there is anything to publish."""
        if self._timer is None and next(self._balancers.everywhere(), None) is not None:
            now = self._cloud.clock.now()
            self._timer = self._cloud.clock.call_at(now - now % _MINUTE + _MINUTE, self._tick)

    def stop(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        assert self._timer is not None
        boundary, self._timer = self._timer.when, None
        self.start()
        self._cloud.clock.spawn(self._turn(boundary))

    async def _turn(self, boundary: float) -> None:
        await self._plane.workers.collect()
        counts, self._counts = self._counts, {}
        for (scope, arn), of_balancer in counts.items():
            self._publish_traffic(scope, arn, of_balancer, boundary - 1)
        self._anomalies.review(counts)
        self._scaling.review(boundary)
        await self._plane.retire_idle()
        for scope, balancer in self._balancers.everywhere():
            self._publish_health(scope, balancer, boundary - 1)
        if boundary % INTERVAL == 0:
            await self._logs.deliver(boundary)

    def collected(self, worker: int, collected: wire.Collected) -> None:
        """Counters and log lines of a worker came in, asked for or not."""
        for arn, counts in collected.counts.items():
            if (scope := self._plane.scopes.get(arn)) is not None:
                self._counts.setdefault((scope, arn), Counts()).take(counts)
        for arn, lines in collected.logs.items():
            if (scope := self._plane.scopes.get(arn)) is not None:
                self._logs.take(scope, arn, lines)
        self._scaling.measured(self._plane.scopes, worker, collected)

    def _publish_traffic(self, scope: Scope, arn: str, counts: Counts, at: float) -> None:
        targets = {}
        for group_arn in {each for groups in counts.groups.values() for each in groups}:
            found = self._cloud.store.table(Target).find(scope, "target_group_arn", group_arn)
            targets[arns.target_group_id(group_arn)] = len(found)
        Publisher(self._cloud.metrics, scope, arns.load_balancer_id(arn), at).traffic(counts.by_zone(), targets)

    def _publish_health(self, scope: Scope, balancer: LoadBalancer, at: float) -> None:
        publisher = Publisher(self._cloud.metrics, scope, arns.load_balancer_id(balancer.arn), at)
        rules = self._cloud.store.table(Rule).find(scope, "load_balancer_arn", balancer.arn)
        for group_arn in {arn for rule in rules for arn in rule.target_groups}:
            group = self._cloud.store.table(TargetGroup).get(scope, group_arn)
            if group is None:
                continue
            attributes = group_attributes.TABLE.effective(group.attributes)
            cross_zone = attributes["load_balancing.cross_zone.enabled"] != "false"
            percentage = attributes[f"{_ROUTING}.percentage"]
            thresholds = Thresholds(
                int(attributes[f"{_ROUTING}.count"]), None if percentage == "off" else int(percentage)
            )
            targets = self._cloud.store.table(Target).find(scope, "target_group_arn", group_arn)
            by_zone: dict[str, tuple[int, int]] = {}
            routing: dict[str, bool] = {}
            dns: dict[str, bool] = {}
            anomalies: dict[str, tuple[int, int]] = {}
            for zone in balancer.zones:
                near = [t for t in targets if cross_zone or t.zone in (zone.name, "all")]
                seen = [self._state(scope, target, zone.name) for target in near]
                healthy, unhealthy = seen.count("healthy"), seen.count("unhealthy")
                by_zone[zone.name] = healthy, unhealthy
                anomalies[zone.name] = self._anomalous(scope, group, near)
                if near:
                    routing[zone.name] = thresholds.met(healthy, healthy + unhealthy)
                    dns[zone.name] = healthy_in_dns(self._cloud, self._board, scope, group, zone.name)
            publisher.health(arns.target_group_id(group_arn), by_zone, routing=routing, dns=dns)
            publisher.anomalies(arns.target_group_id(group_arn), anomalies)

    def _anomalous(self, scope: Scope, group: TargetGroup, targets: list[Target]) -> tuple[int, int]:
        """How many targets are anomalous, and how many are under mitigation."""
        board = self._board
        return (
            sum(board.standing(scope, target.key).anomalous for target in targets),
            sum(board.weight(scope, group, target.key) < 1 for target in targets),
        )

    def _state(self, scope: Scope, target: Target, zone: str) -> str:
        overall = self._board.health(scope, target).state
        if overall in ("draining", "unused"):
            return overall
        return self._board.by_zone(scope, target.key).get(zone, overall)
