"""Whether a running task counts as healthy, and whether it has failed for good. Pure.

A container health check of an essential container, and every target group, have to agree before a task is healthy.
Where there is neither, a task counts once it has run for 40 seconds. Until the grace period since its start is over
failures are not held against it.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cloudarium.services.ecs.resources import Task, TaskDefinition
from cloudarium.services.ecs.scheduler.members import Member, Target

UNCHECKED_WAIT = 40.0
"""Seconds that a task without any health check has to run before it counts."""

_UNREACHABLE = "unavailable"
_WRONG_ZONE = "in an Availability Zone that is not enabled"


class TargetState(NamedTuple):
    """A target's health as DescribeTargetHealth tells it."""

    state: str
    description: str = ""


class Verdict(NamedTuple):
    """``fault`` names the check that failed: ``containers``, or the target."""

    healthy: bool = False
    fault: Target | str | None = None
    reason: str = ""
    look_again: float | None = None


def has_container_checks(definition: TaskDefinition) -> bool:
    """Whether an essential container has a health check."""
    for each in definition.containers:
        command = (each.get("healthCheck") or {}).get("command") or ["NONE"]
        if each.get("essential", True) and command[0] != "NONE":
            return True
    return False


def judge(
    task: Task,
    member: Member,
    definition: TaskDefinition | None,
    targets: Mapping[Target, TargetState],
    *,
    grace: float,
    now: float,
) -> Verdict:
    """A RUNNING task's standing. ``look_again`` is after how many seconds time alone may change it."""
    started = task.started if task.started is not None else now
    patient = now - started < grace
    checked = definition is not None and has_container_checks(definition)
    if checked and task.health_status == "UNHEALTHY":
        if patient:
            return Verdict(look_again=started + grace - now)
        return Verdict(fault="containers")
    bad = next((t for t in member.targets if _fails(targets, t)), None)
    if bad is not None and not patient:
        return Verdict(fault=bad, reason=targets[bad].description or "Health checks failed")
    if (member.load_balancers or member.registries) and member.registered is None:
        # Not yet asked for, or asked for and not yet agreed to.
        return Verdict()
    # Of one that was healthy "initial" only says that its checks begin anew, as after a restart of the load balancer:
    # traffic flows to it meanwhile, and it must not be replaced as if it served nobody.
    fine = ("healthy", "unused", "initial") if member.was_healthy else ("healthy", "unused")
    well = all(_state(targets, t) in fine for t in member.targets)
    if checked and task.health_status != "HEALTHY":
        well = False
    if well and not checked and not member.targets:
        left = started + UNCHECKED_WAIT - now
        return Verdict(look_again=left) if left > 0 else Verdict(healthy=True)
    if bad is not None:
        return Verdict(look_again=started + grace - now)
    return Verdict(healthy=well)


def _fails(targets: Mapping[Target, TargetState], target: Target) -> bool:
    found = targets.get(target)
    # A target in a zone that the load balancer does not serve can never become healthy.
    return found is not None and (found.state == "unhealthy" or _WRONG_ZONE in found.description)


def _state(targets: Mapping[Target, TargetState], target: Target) -> str:
    found = targets.get(target)
    return found.state if found is not None else _UNREACHABLE


def missing(members: Iterable[Member], targets: Mapping[Target, TargetState]) -> Sequence[Member]:
    """Members whose registration somebody took back, so that it has to be made again."""
    return [
        member
        for member in members
        if member.registered is not None
        and member.leaving is None
        and any(_state(targets, t) == _UNREACHABLE for t in member.targets)
    ]


def describe(found: Iterable[Mapping[str, Any]], group: str) -> dict[Target, TargetState]:
    """DescribeTargetHealth's answer for a group, by target."""
    states = {}
    for each in found:
        target, health = each["Target"], each["TargetHealth"]
        states[Target(group, target["Id"], target["Port"])] = TargetState(
            health["State"], health.get("Description", "")
        )
    return states
