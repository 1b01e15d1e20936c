"""DAEMON services: one task on each container instance that may have one. Pure.

A new task comes only where no other task of the service is left, so an update stops the old one first, as far as
``minimumHealthyPercent`` allows. Instances that drain lose their daemon last: when no other task is left on them.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html#service_scheduler_daemon
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from cloudarium.services.ecs.scheduler.rollout import Bounds, Phase, Unit


class DaemonDecision(NamedTuple):
    """The instances to start a task on, and the tasks to stop."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()


def decide(
    instances: Collection[str],
    limits: Bounds,
    units: Mapping[str, Sequence[Unit]],
    *,
    may_start: bool = True,
) -> DaemonDecision:
    """``instances`` are those that should have a task; ``units`` all tasks of the service, per instance."""
    everything = [u for there in units.values() for u in there if u.phase is not Phase.STOPPING]
    healthy = sum(_counts(u) for u in everything)
    start: list[str] = []
    stop: list[str] = []
    for instance in sorted(instances):
        there = units.get(instance, ())
        if not there:
            if may_start:
                start.append(instance)
            continue
        if not may_start:
            # What is stopped could not be replaced.
            continue
        live = [u for u in there if u.phase is not Phase.STOPPING]
        good = [u for u in live if u.current and not u.failed]
        for unit in [*good[1:], *(u for u in live if u not in good)]:
            if unit.protected and not unit.failed:
                continue
            if not _counts(unit) or healthy - 1 >= limits.lower:
                stop.append(unit.id)
                healthy -= _counts(unit)
    for instance, there in sorted(units.items()):
        if instance not in instances:
            stop += [u.id for u in there if u.phase is not Phase.STOPPING]
    return DaemonDecision(tuple(start), tuple(stop))


def _counts(unit: Unit) -> bool:
    return unit.phase is Phase.RUNNING and unit.healthy and not unit.failed
