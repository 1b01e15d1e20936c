"""Choosing an instance: constraints first, then resources, then the strategies, each refining the one before.

A strategy keeps of the remaining instances those it likes best and hands them to the next: ``spread`` those whose
value of the field has the fewest tasks of the group, ``binpack`` those with the least of the resource left, and
``random`` one at random. What is left in the end is chosen from by the fewest tasks.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-strategies.html
"""

from __future__ import annotations

import random as random_module
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cloudarium.services.ecs.placement.candidates import Candidate, Demand
from cloudarium.services.ecs.placement.query import compiled

_RANDOM = random_module.SystemRandom()


class Placed(NamedTuple):
    """Where it goes, or why nowhere: ``failures`` are ``(instance id, reason)``, the reasons AWS's words."""

    instance: Candidate | None
    failures: tuple[tuple[str, str], ...] = ()


def place(
    candidates: Sequence[Candidate],
    demand: Demand,
    *,
    group: str,
    constraints: Sequence[Mapping[str, Any]] = (),
    strategies: Sequence[Mapping[str, Any]] = (),
    random: random_module.Random = _RANDOM,
) -> Placed:
    """Choose an instance for one task and take its resources there.

    ``constraints`` are those of the request and of the task definition together, ``strategies`` in their order, both
    in the API's shape. A failure reason is ``AGENT``, ``MemberOf placement constraint unsatisfied.``,
    ``DistinctInstance placement constraint unsatisfied.``, ``LOCATION``, ``ATTRIBUTE``, ``RESOURCE:MEMORY``,
    ``RESOURCE:CPU`` or ``RESOURCE:PORTS``.
    """
    checks = [_constraint(each) for each in constraints]
    fit, failures = [], []
    for each in candidates:
        if each.status != "ACTIVE":
            continue
        reason = _lacks(each, demand, group, checks)
        if reason:
            failures.append((each.id, reason))
        else:
            fit.append(each)
    if not fit:
        return Placed(None, tuple(failures))
    chosen = choose(fit, group, strategies, population=candidates, random=random)
    chosen.take(demand, group)
    return Placed(chosen)


def choose(
    fit: Sequence[Candidate],
    group: str,
    strategies: Sequence[Mapping[str, Any]],
    *,
    population: Sequence[Candidate],
    random: random_module.Random = _RANDOM,
) -> Candidate:
    """The best of instances that all fit. ``population`` has the tasks that a spread counts."""
    left = list(fit)
    for strategy in strategies:
        left = _keep(left, group, strategy, population, random)
    if len(left) > 1:
        fewest = min(each.running + each.pending for each in left)
        left = [each for each in left if each.running + each.pending == fewest]
    return left[0] if len(left) == 1 else random.choice(left)


def lacks(candidate: Candidate, demand: Demand, group: str, constraints: Sequence[Mapping[str, Any]]) -> str:
    """Why a task cannot go on this instance, in AWS's words; empty when it can."""
    return _lacks(candidate, demand, group, [_constraint(each) for each in constraints])


def _constraint(constraint: Mapping[str, Any]) -> Any:
    if constraint.get("type") == "distinctInstance":
        return None
    return compiled(str(constraint.get("expression") or ""))


def _lacks(candidate: Candidate, demand: Demand, group: str, checks: Sequence[Any]) -> str:
    if not candidate.agent_connected:
        return "AGENT"
    for check in checks:
        if check is None:
            if candidate.groups.get(group):
                return "DistinctInstance placement constraint unsatisfied."
        elif not check(candidate):
            return "MemberOf placement constraint unsatisfied."
    if demand.zones and candidate.zone not in demand.zones:
        return "LOCATION"
    if any(not candidate.has(name) for name in demand.attributes):
        return "ATTRIBUTE"
    if demand.memory > candidate.memory:
        return "RESOURCE:MEMORY"
    if demand.cpu > candidate.cpu:
        return "RESOURCE:CPU"
    if demand.ports & candidate.ports or demand.udp_ports & candidate.udp_ports:
        return "RESOURCE:PORTS"
    return ""


def _keep(
    left: list[Candidate],
    group: str,
    strategy: Mapping[str, Any],
    population: Sequence[Candidate],
    random: random_module.Random,
) -> list[Candidate]:
    kind, field = strategy.get("type"), str(strategy.get("field") or "")
    if kind == "random":
        return [random.choice(left)]
    if kind == "binpack":
        resource = field.lower()
        least = min(getattr(each, resource) for each in left)
        return [each for each in left if getattr(each, resource) == least]
    counts: dict[str | None, int] = {}
    for each in population:
        value = _value(each, field)
        counts[value] = counts.get(value, 0) + each.groups.get(group, 0)
    fewest = min(counts.get(_value(each, field), 0) for each in left)
    return [each for each in left if counts.get(_value(each, field), 0) == fewest]


def _value(candidate: Candidate, field: str) -> str | None:
    if field.lower() in ("instanceid", "host"):
        return candidate.id
    return candidate.attribute(field.removeprefix("attribute:"))
