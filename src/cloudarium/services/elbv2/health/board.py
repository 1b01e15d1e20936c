"""What is known of every target's health now, ready to be shown.

The answer of DescribeTargetHealth is kept per target group and dropped when anything it depends on changes, so that
asking often costs next to nothing, on the wire included. Check results live in memory only: after a restart targets
are ``initial`` until their first check, which comes at once; meanwhile traffic flows because a group without a healthy
target fails open.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.kept import Kept
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2 import anomalies
from cloudarium.services.elbv2.anomalies import Standing
from cloudarium.services.elbv2.attributes import target_group as group_attributes
from cloudarium.services.elbv2.health import states
from cloudarium.services.elbv2.health.settings import TRAFFIC_PORT
from cloudarium.services.elbv2.health.states import Health
from cloudarium.services.elbv2.resources import LoadBalancer, Rule, Target, TargetGroup, target_key

Key = tuple[Scope, str]


class Seen(NamedTuple):
    """What the checks know of a target: its health over all nodes, at each, and its slow start."""

    health: Health
    by_zone: dict[str, str]
    slow_since: float = 0.0


UNSEEN = Seen(states.REGISTERING, {})


class Board:
    """Health of the targets of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._balancers = cloud.store.table(LoadBalancer)
        self._rules = cloud.store.table(Rule)
        self._targets = cloud.store.table(Target)
        self._checked: dict[Key, Seen] = {}
        self._standings: dict[Key, Standing] = {}
        self._stopped: dict[Key, str] = {}
        self._shown: dict[Key, tuple[TargetGroup, Kept]] = {}
        self._balancers.watch(lambda scope, key, old, new: self._shown.clear())
        self._rules.watch(self._rule_changed)
        self._targets.watch(self._target_changed)

    # -- what the checks found -------------------------------------------------------------------------------------

    def report(self, scope: Scope, target: Target, seen: Seen) -> None:
        """Take over a target's health as the checks see it."""
        self._checked[(scope, target.key)] = seen
        self._shown.pop((scope, target.target_group_arn), None)

    def checked(self, scope: Scope, key: str) -> Health:
        """A target's health as the checks see it."""
        return self._checked.get((scope, key), UNSEEN).health

    def by_zone(self, scope: Scope, key: str) -> dict[str, str]:
        """The state of a target as each node sees it."""
        return self._checked.get((scope, key), UNSEEN).by_zone

    def slow_since(self, scope: Scope, key: str) -> float:
        """When a target's slow start began (cloud seconds), 0 when it is in none."""
        return self._checked.get((scope, key), UNSEEN).slow_since

    def forget(self, scope: Scope, key: str) -> None:
        """Drop what the checks know of a target, and what its traffic told."""
        self._checked.pop((scope, key), None)
        self._standings.pop((scope, key), None)

    def set_instance_state(self, scope: Scope, target: Target, state: str | None) -> None:
        """A target's instance is ``stopped`` or ``terminated``, or runs (None)."""
        if state is None:
            self._stopped.pop((scope, target.key), None)
        else:
            self._stopped[(scope, target.key)] = state
        self._shown.pop((scope, target.target_group_arn), None)

    # -- what its traffic told -------------------------------------------------------------------------------------

    def standing(self, scope: Scope, key: str) -> Standing:
        """What anomaly detection thinks of a target."""
        return self._standings.get((scope, key), anomalies.NORMAL)

    def stand(self, scope: Scope, key: str, standing: Standing) -> None:
        """Take over what anomaly detection thinks of a target."""
        if standing == anomalies.NORMAL:
            self._standings.pop((scope, key), None)
        else:
            self._standings[(scope, key)] = standing

    def weight(self, scope: Scope, group: TargetGroup, key: str) -> float:
        """A target's share of traffic beside a full one's: less than 1.0 while its anomaly is mitigated."""
        weight = self.standing(scope, key).weight
        return weight if weight == 1 or group_attributes.mitigates(_effective(group)) else 1.0

    # -- what the API shows ----------------------------------------------------------------------------------------

    def answer(self, scope: Scope, group: TargetGroup) -> Kept:
        """What DescribeTargetHealth answers about a whole group."""
        kept = self._shown.get((scope, group.arn))
        if kept is not None and kept[0] is group:
            return kept[1]
        zones = self.zones_in_use(scope, group.arn)
        found = [
            _description(group, target.id, target.port, target.zone_given, self._shown_health(scope, target, zones))
            for target in self._targets.find(scope, "target_group_arn", group.arn)
        ]
        answer = Kept({"TargetHealthDescriptions": found})
        self._shown[(scope, group.arn)] = (group, answer)
        return answer

    def description(self, scope: Scope, group: TargetGroup, target_id: str, port: int) -> dict[str, Any]:
        """The TargetHealthDescription of one target, registered or not."""
        target = self._targets.get(scope, target_key(group.arn, target_id, port))
        if target is None:
            return _description(group, target_id, port, "", states.NOT_REGISTERED)
        health = self._shown_health(scope, target, self.zones_in_use(scope, group.arn))
        return _description(group, target.id, target.port, target.zone_given, health)

    def anomaly(self, scope: Scope, group: TargetGroup, key: str) -> dict[str, str]:
        """The AnomalyDetection of a target."""
        return {
            "Result": "anomalous" if self.standing(scope, key).anomalous else "normal",
            "MitigationInEffect": "yes" if self.weight(scope, group, key) < 1 else "no",
        }

    def health(self, scope: Scope, target: Target) -> Health:
        """A target's health, all things considered."""
        return self._shown_health(scope, target, self.zones_in_use(scope, target.target_group_arn))

    def zones_in_use(self, scope: Scope, group_arn: str) -> frozenset[str] | None:
        """Zones enabled for the load balancer that uses a group, or None when none does."""
        users = self._rules.find(scope, "target_groups", group_arn)
        balancer = self._balancers.get(scope, users[0].load_balancer_arn) if users else None
        return None if balancer is None else frozenset(zone.name for zone in balancer.zones)

    def _shown_health(self, scope: Scope, target: Target, zones: frozenset[str] | None) -> Health:
        if target.draining_until is not None:
            return states.DRAINING
        if zones is None:
            return states.GROUP_NOT_IN_USE
        if target.zone != "all" and target.zone not in zones:
            return states.ZONE_NOT_IN_USE
        if (stopped := self._stopped.get((scope, target.key))) is not None:
            return states.invalid_state(stopped)
        return self.checked(scope, target.key)

    # -- changes ---------------------------------------------------------------------------------------------------

    def _rule_changed(self, scope: Scope, key: str, old: Rule | None, new: Rule | None) -> None:
        for rule in (old, new):
            for arn in rule.target_groups if rule is not None else ():
                self._shown.pop((scope, arn), None)

    def _target_changed(self, scope: Scope, key: str, old: Target | None, new: Target | None) -> None:
        if (target := new or old) is not None:
            self._shown.pop((scope, target.target_group_arn), None)
        if new is None:
            self.forget(scope, key)
            self._stopped.pop((scope, key), None)


def _description(group: TargetGroup, target_id: str, port: int, zone: str, health: Health) -> dict[str, Any]:
    target: dict[str, Any] = {"Id": target_id, "Port": port}
    if zone:
        target["AvailabilityZone"] = zone
    shown = {"State": health.state}
    if health.reason:
        shown["Reason"] = health.reason
        shown["Description"] = health.description
    check_port = group.health_check.port
    return {
        "Target": target,
        "HealthCheckPort": str(port) if check_port == TRAFFIC_PORT else check_port,
        "TargetHealth": shown,
    }


def _effective(group: TargetGroup) -> dict[str, str]:
    return group_attributes.TABLE.effective(group.attributes)


_boards: WeakKeyDictionary[Cloud, Board] = WeakKeyDictionary()


def board_of(cloud: Cloud) -> Board:
    """The cloud's board; made on first use."""
    board = _boards.get(cloud)
    if board is None:
        board = _boards[cloud] = Board(cloud)
    return board


def drop_board(cloud: Cloud) -> None:
    """Forget the cloud's board: the service stops."""
    _boards.pop(cloud, None)
