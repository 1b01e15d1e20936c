"""Which targets of a group a node may send to: by zone, by health, or all when too few are healthy.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

ANYWHERE = "all"


class Member(Protocol):
    """A registered target, as far as this module looks at it."""

    @property
    def zone(self) -> str:
        """Where it is; ``all`` when nowhere in particular."""

    @property
    def state(self) -> str:
        """Its health state."""


M = TypeVar("M", bound=Member)


class Thresholds:
    """When a group counts as healthy enough: at least ``count`` targets and ``percentage`` of all; None: off."""

    __slots__ = ("count", "percentage")

    def __init__(self, count: int | None, percentage: int | None) -> None:
        self.count = count
        self.percentage = percentage

    def met(self, healthy: int, total: int) -> bool:
        """Whether so many healthy targets of so many are enough."""
        if self.count is not None and healthy < self.count:
            return False
        return self.percentage is None or healthy * 100 >= self.percentage * total


def in_zone(members: Sequence[M], zone: str, cross_zone: bool) -> list[M]:
    """The targets that a node of ``zone`` counts: everyone's, or its own zone's; deregistering ones never."""
    return [m for m in members if m.state != "draining" and (cross_zone or m.zone in (zone, ANYWHERE))]


def eligible(members: Sequence[M], zone: str, cross_zone: bool, thresholds: Thresholds) -> tuple[list[M], bool]:
    """Those that get traffic from a node of ``zone``, and whether they are the healthy ones.

    When fewer are healthy than the thresholds ask for, all of them (fail open).
    """
    near = in_zone(members, zone, cross_zone)
    healthy = [m for m in near if m.state == "healthy"]
    if healthy and thresholds.met(len(healthy), len(near)):
        return healthy, True
    return near, False
