"""Health checks: every node probes every target of its load balancer's target groups, on the cloud's clock.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html

One timer per target; when it fires, a probe from each node that has none under way. The time a target takes to answer
does not move the next probe. Probes are tasks that an advancing clock waits for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from cloudarium.kernel.clock import Timer
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.attributes import target_group as group_attributes
from cloudarium.services.elbv2.controllers.plane import Plane
from cloudarium.services.elbv2.controllers.probing import check
from cloudarium.services.elbv2.health import states
from cloudarium.services.elbv2.health.board import Board, Seen
from cloudarium.services.elbv2.health.states import HEALTHY, Health, Verdicts
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.resources import LoadBalancer, Node, Rule, Target, TargetGroup

log = logging.getLogger(__name__)

_AT_ONCE = 256
"""Probes under way, over all load balancers: bounds descriptors, not speed."""


class _Watched:
    """A target that is checked."""

    __slots__ = ("balancer_arn", "due", "health", "probing", "slow_since", "target", "timer", "verdicts")

    def __init__(self, target: Target, balancer_arn: str) -> None:
        self.target = target
        self.balancer_arn = balancer_arn
        self.verdicts: dict[str, Verdicts] = {}
        self.probing: set[str] = set()
        self.health = states.REGISTERING
        self.slow_since = 0.0
        self.due = 0.0
        self.timer: Timer | None = None


class Checks:
    """Every health check of a cloud."""

    def __init__(self, cloud: Cloud, board: Board, plane: Plane) -> None:
        self._cloud = cloud
        self._board = board
        self._plane = plane
        self._groups = cloud.store.table(TargetGroup)
        self._targets = cloud.store.table(Target)
        self._rules = cloud.store.table(Rule)
        self._nodes = cloud.store.table(Node)
        self._balancers = cloud.store.table(LoadBalancer)
        self._watched: dict[tuple[Scope, str], _Watched] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._targets.watch(lambda scope, key, old, new: self._sync_target(scope, key))
        self._groups.watch(self._group_changed)
        self._rules.watch(self._rule_changed)
        self._balancers.watch(self._balancer_changed)
        self._nodes.watch(self._node_changed)

    def start(self) -> None:
        """Begin to check whatever is to be checked."""
        for scope, target in self._targets.everywhere():
            self._sync_target(scope, target.key)

    # -- what is to be checked -------------------------------------------------------------------------------------

    def _sync_target(self, scope: Scope, key: str) -> None:
        target = self._targets.get(scope, key)
        balancer_arn = self._checked_by(scope, target) if target is not None else None
        watched = self._watched.get((scope, key))
        if target is None or balancer_arn is None:
            if watched is not None:
                self._unwatch(scope, watched)
            return
        if watched is not None and watched.balancer_arn == balancer_arn:
            watched.target = target
            if not watched.verdicts and not watched.probing:
                self._schedule(scope, watched, 0.0)
            return
        if watched is not None:
            self._unwatch(scope, watched)
        watched = self._watched[(scope, key)] = _Watched(target, balancer_arn)
        self._board.report(scope, target, Seen(watched.health, {}))
        self._schedule(scope, watched, 0.0)

    def _checked_by(self, scope: Scope, target: Target) -> str | None:
        """The load balancer whose nodes check a target now."""
        if target.draining_until is not None:
            return None
        users = self._rules.find(scope, "target_groups", target.target_group_arn)
        balancer = self._balancers.get(scope, users[0].load_balancer_arn) if users else None
        if balancer is None:
            return None
        enabled = target.zone == "all" or any(zone.name == target.zone for zone in balancer.zones)
        return balancer.arn if enabled else None

    def _unwatch(self, scope: Scope, watched: _Watched) -> None:
        if watched.timer is not None:
            watched.timer.cancel()
        del self._watched[(scope, watched.target.key)]
        self._board.forget(scope, watched.target.key)

    def _sync_groups(self, scope: Scope, arns: Iterable[str]) -> None:
        for arn in arns:
            for target in self._targets.find(scope, "target_group_arn", arn):
                self._sync_target(scope, target.key)

    def _rule_changed(self, scope: Scope, key: str, old: Rule | None, new: Rule | None) -> None:
        before, after = (set(rule.target_groups) if rule is not None else set() for rule in (old, new))
        self._sync_groups(scope, before ^ after)

    def _balancer_changed(self, scope: Scope, key: str, old: LoadBalancer | None, new: LoadBalancer | None) -> None:
        if old is None or new is None or old.zones != new.zones:
            self._sync_groups(scope, self._groups_of(scope, key))

    def _node_changed(self, scope: Scope, key: str, old: Node | None, new: Node | None) -> None:
        if new is not None:
            self._sync_groups(scope, self._groups_of(scope, new.load_balancer_arn))

    def _groups_of(self, scope: Scope, balancer_arn: str) -> set[str]:
        rules = self._rules.find(scope, "load_balancer_arn", balancer_arn)
        return {arn for rule in rules for arn in rule.target_groups}

    def _group_changed(self, scope: Scope, key: str, old: TargetGroup | None, new: TargetGroup | None) -> None:
        if old is None or new is None or old.health_check == new.health_check:
            return
        for target in self._targets.find(scope, "target_group_arn", key):
            if (watched := self._watched.get((scope, target.key))) is not None:
                self._schedule(scope, watched, 0.0)

    # -- time ------------------------------------------------------------------------------------------------------

    def _schedule(self, scope: Scope, watched: _Watched, delay: float) -> None:
        if watched.timer is not None:
            watched.timer.cancel()
        watched.due = self._cloud.clock.now() + delay
        watched.timer = self._cloud.clock.call_at(watched.due, self._fire, scope, watched)

    def _fire(self, scope: Scope, watched: _Watched) -> None:
        group = self._groups.get(scope, watched.target.target_group_arn)
        if group is None:
            return
        watched.due += group.health_check.interval
        watched.timer = self._cloud.clock.call_at(watched.due, self._fire, scope, watched)
        for node in self._nodes.find(scope, "load_balancer_arn", watched.balancer_arn):
            if node.zone not in watched.probing:
                watched.probing.add(node.zone)
                name = f"probe {watched.target.key} from {node.zone}"
                self._cloud.clock.spawn(self._probe(scope, watched, group, node), name)

    async def _probe(self, scope: Scope, watched: _Watched, group: TargetGroup, node: Node) -> None:
        if watched.health is states.REGISTERING:
            self._show(scope, watched, states.INITIAL)
        try:
            async with self._slots:
                result = await check(self._cloud, node.eni_id, watched.target, group.health_check)
        finally:
            watched.probing.discard(node.zone)
        if self._watched.get((scope, watched.target.key)) is watched:
            self._take(scope, watched, group, node, result)

    # -- verdicts --------------------------------------------------------------------------------------------------

    def _take(self, scope: Scope, watched: _Watched, group: TargetGroup, node: Node, result: Health) -> None:
        settings = group.health_check
        verdicts = watched.verdicts.setdefault(node.zone, Verdicts())
        before = verdicts.health.state
        changed = verdicts.take(result, settings.healthy_threshold, settings.unhealthy_threshold)
        if not changed:
            return
        zones = {each.zone for each in self._nodes.find(scope, "load_balancer_arn", watched.balancer_arn)}
        for zone in watched.verdicts.keys() - zones:
            del watched.verdicts[zone]
        overall = _overall([each.health for each in watched.verdicts.values()], verdicts.health)
        if overall.state == "healthy" and watched.health.state != "healthy":
            watched.slow_since = self._slow_start(scope, watched, group)
        elif overall.state != "healthy":
            watched.slow_since = 0.0
        self._show(scope, watched, overall)
        if verdicts.health.state != before:
            self._plane.health_changed(
                wire.HealthChange(
                    watched.balancer_arn,
                    node.zone,
                    group.arn,
                    watched.target.key,
                    verdicts.health.state,
                    watched.slow_since,
                )
            )

    def _show(self, scope: Scope, watched: _Watched, health: Health) -> None:
        watched.health = health
        by_zone = {zone: verdicts.health.state for zone, verdicts in watched.verdicts.items()}
        self._board.report(scope, watched.target, Seen(health, by_zone, watched.slow_since))

    def _slow_start(self, scope: Scope, watched: _Watched, group: TargetGroup) -> float:
        """When the slow start of a target that became healthy begins: now, or 0 for none.

        Only where another healthy target is not in slow start itself, as documented.
        """
        duration = float(group_attributes.TABLE.effective(group.attributes)["slow_start.duration_seconds"])
        now = self._cloud.clock.now()
        if not duration:
            return 0.0
        for target in self._targets.find(scope, "target_group_arn", group.arn):
            other = self._watched.get((scope, target.key))
            if other is None or other is watched or other.health is not HEALTHY:
                continue
            if now >= other.slow_since + duration:
                return now
        return 0.0


def _overall(by_node: list[Health], last: Health) -> Health:
    """A target's health over all nodes: healthy where any finds it so; else the last thing found wrong."""
    if any(health is HEALTHY for health in by_node):
        return HEALTHY
    if last.state == "unhealthy":
        return last
    return next((health for health in by_node if health.state == "unhealthy"), last)
