"""Which container of a task may start now, and which may be stopped now.

``dependsOn`` orders containers; ``links`` and ``volumesFrom`` mean START. Stopping goes the other way round. A
dependency that can never come true dooms the container that waits for it: it counts as stopped with exit code 143,
although it never ran.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

DOOMED_EXIT = 143
"""What a container ends with whose dependency failed."""


class Standing(NamedTuple):
    """What is known of a container that others wait for."""

    started_at: float | None = None
    """Cloud seconds of its first start."""
    ended: bool = False
    """It has exited and is not going to be restarted, or never starts."""
    exit_code: int | None = None
    health: str = "UNKNOWN"


class Verdict(NamedTuple):
    """Whether a container may start. With neither ``go`` nor ``failure`` it waits."""

    go: bool
    failure: str = ""
    look_again: float | None = None
    """Cloud time at which waiting ends in failure."""


def dependencies(definition: Mapping[str, Any]) -> dict[str, str]:
    """Names of the containers one depends on, each with its condition."""
    found: dict[str, str] = {}
    for link in definition.get("links") or ():
        found[link.partition(":")[0]] = "START"
    for volumes in definition.get("volumesFrom") or ():
        found[volumes["sourceContainer"]] = "START"
    for each in definition.get("dependsOn") or ():
        found[each["containerName"]] = each["condition"]
    return found


def with_router(definitions: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The definitions, in which containers that log through FireLens depend on the log router's START."""
    router = next((each["name"] for each in definitions if each.get("firelensConfiguration")), None)
    if router is None:
        return definitions
    waits = {"containerName": router, "condition": "START"}
    return [
        {**each, "dependsOn": [*(each.get("dependsOn") or ()), waits]}
        if (each.get("logConfiguration") or {}).get("logDriver") == "awsfirelens" and router not in dependencies(each)
        else each
        for each in definitions
    ]


def may_start(
    definition: Mapping[str, Any],
    standings: Mapping[str, Standing],
    start_timeouts: Mapping[str, float],
    now: float,
) -> Verdict:
    """Judge the dependencies of one container at cloud time ``now``.

    ``start_timeouts`` are those of the containers waited for; they run from the start of each.
    """
    go = True
    look_again: float | None = None
    for name, condition in dependencies(definition).items():
        standing = standings.get(name)
        if standing is None:
            return Verdict(False, _never(name, definition["name"]))
        if _resolved(condition, standing):
            continue
        go = False
        if failure := _hopeless(name, condition, standing, definition["name"]):
            return Verdict(False, failure)
        timeout = start_timeouts.get(name)
        if timeout and condition != "START" and standing.started_at is not None:
            ends = standing.started_at + timeout
            if now >= ends:
                reason = f"container ordering dependency [{name}] for target [{definition['name']}] has timed out."
                return Verdict(False, f"dependency graph: {reason}")
            look_again = ends if look_again is None else min(look_again, ends)
    return Verdict(go, look_again=look_again)


def _resolved(condition: str, standing: Standing) -> bool:
    if condition == "START":
        return standing.started_at is not None
    if condition == "COMPLETE":
        return standing.started_at is not None and standing.ended
    if condition == "SUCCESS":
        return standing.ended and standing.exit_code == 0
    return standing.health == "HEALTHY" and not standing.ended


def _hopeless(name: str, condition: str, standing: Standing, target: str) -> str:
    if not standing.ended:
        return ""
    if standing.started_at is None:
        return _never(name, target)
    if condition == "SUCCESS":
        reason = f"failed to resolve container ordering dependency [{name}] for target [{target}]"
        return f"dependency graph: {reason} as dependency did not exit successfully."
    return _never(name, target) if condition == "HEALTHY" else ""


def _never(name: str, target: str) -> str:
    reason = f"failed to resolve container ordering dependency [{name}] for target [{target}]"
    return f"dependency graph: {reason} because dependency will never start"


def may_stop(name: str, definitions: Iterable[Mapping[str, Any]], running: set[str]) -> bool:
    """Whether every running container that depends on ``name`` is gone, so that it may be stopped itself."""
    return not any(
        definition["name"] in running and name in dependencies(definition)
        for definition in definitions
        if definition["name"] != name
    )
