"""Judges targets by what was counted of them in a minute, and has nodes told when weights change.

The rules are in ``elbv2.anomalies``. What is thought of a target is on the board and lives in memory only: after a
restart it is found anew, as health is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2 import anomalies
from cloudarium.services.elbv2.anomalies import Sample
from cloudarium.services.elbv2.attributes import target_group as group_attributes
from cloudarium.services.elbv2.controllers.plane import Key
from cloudarium.services.elbv2.health.board import Board
from cloudarium.services.elbv2.node.counting import Counts
from cloudarium.services.elbv2.resources import LoadBalancer, Rule, Target, TargetGroup


class Anomalies:
    """Anomaly detection of every target group in use."""

    def __init__(self, cloud: Cloud, board: Board, wake: Callable[[Scope, str], None]) -> None:
        """``wake`` has a load balancer's snapshots made anew."""
        self._board = board
        self._wake = wake
        self._balancers = cloud.store.table(LoadBalancer)
        self._rules = cloud.store.table(Rule)
        self._groups = cloud.store.table(TargetGroup)
        self._targets = cloud.store.table(Target)

    def review(self, counts: Mapping[Key, Counts]) -> None:
        """A minute has passed, in which load balancers counted this."""
        for scope, balancer in self._balancers.everywhere():
            seen = _by_target(counts.get((scope, balancer.arn), Counts()))
            rules = self._rules.find(scope, "load_balancer_arn", balancer.arn)
            arns = dict.fromkeys(arn for rule in rules for arn in rule.target_groups)
            # Every group is reviewed, whatever came of those before it.
            if any([self._review_group(scope, arn, seen) for arn in arns]):
                self._wake(scope, balancer.arn)

    def _review_group(self, scope: Scope, arn: str, seen: Mapping[str, Sample]) -> bool:
        """Whether weights of a group changed."""
        group = self._groups.get(scope, arn)
        if group is None:
            return False
        board = self._board
        targets = self._targets.find(scope, "target_group_arn", arn)
        before = {target.key: board.standing(scope, target.key) for target in targets}
        if all(key not in seen and was == anomalies.NORMAL for key, was in before.items()):
            return False
        healthy = [target.key for target in targets if board.health(scope, target).state == "healthy"]
        after = anomalies.review(
            before,
            {key: seen.get(key, Sample()) for key in healthy},
            mitigate=group_attributes.mitigates(group_attributes.TABLE.effective(group.attributes)),
        )
        changed = False
        for key, was in before.items():
            now = after.get(key, anomalies.NORMAL)
            board.stand(scope, key, now)
            changed = changed or now.weight != was.weight
        return changed


def _by_target(counts: Counts) -> dict[str, Sample]:
    """What all nodes together saw of each target."""
    requests: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for groups in counts.groups.values():
        for group in groups.values():
            requests.update(group.target_requests)
            errors.update(group.target_errors)
    return {key: Sample(requests[key], errors[key]) for key in requests | errors}
