"""Deregistering targets: gone when their delay is over.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#deregistration-delay
"""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.resources import Target

NAME = "elbv2.draining"

Key = tuple[Scope, str]


class Draining:
    """Reconciles targets that drain."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._targets = cloud.store.table(Target)

    def every(self) -> list[Key]:
        """Every target that drains."""
        return [(scope, t.key) for scope, t in self._targets.everywhere() if t.draining_until is not None]

    async def reconcile(self, key: Key) -> float | None:
        """Remove a target whose delay is over; else look again when it is."""
        scope, target_key = key
        target = self._targets.get(scope, target_key)
        if target is None or target.draining_until is None:
            return None
        left = target.draining_until - self._cloud.clock.now()
        if left > 0:
            return left
        self._targets.delete(scope, target_key)
        return None
