"""The order in which containers start: ``dependsOn``, ``links`` and ``volumesFrom`` name containers of the task.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.services.ecs.errors import client


def check(containers: Sequence[Mapping[str, Any]]) -> None:
    """Refuse unknown names, conditions that can never hold, and cycles."""
    by_name = {each["name"]: each for each in containers}
    edges: dict[str, list[str]] = {}
    for each in containers:
        name = each["name"]
        edges[name] = []
        for dependency in each.get("dependsOn") or ():
            edges[name].append(_dependency(name, dependency, by_name))
        for link in each.get("links") or ():
            target = link.partition(":")[0]
            _known(target, by_name, f"Invalid link '{link}' for container '{name}'")
            edges[name].append(target)
        for source in each.get("volumesFrom") or ():
            target = source.get("sourceContainer") or ""
            _known(target, by_name, f"Invalid 'volumesFrom' setting for container '{name}'")
            edges[name].append(target)
    _acyclic(edges)


def _known(target: str, by_name: Mapping[str, Any], what: str) -> None:
    if target not in by_name:
        raise client(f"{what}: there is no container named '{target}' in the task definition.")


def _dependency(name: str, dependency: Mapping[str, Any], by_name: Mapping[str, Mapping[str, Any]]) -> str:
    target, condition = dependency["containerName"], dependency["condition"]
    if target == name:
        raise client(f"Container '{name}' cannot depend on itself.")
    _known(target, by_name, f"Invalid 'dependsOn' setting for container '{name}'")
    other = by_name[target]
    if condition in ("SUCCESS", "COMPLETE") and other.get("essential", True) is not False:
        raise client("A dependency container with SUCCESS or COMPLETE condition cannot be an essential container")
    if condition == "HEALTHY" and not (other.get("healthCheck") or {}).get("command"):
        raise client("A dependency container with HEALTHY condition must have a health check defined")
    return str(target)


def _acyclic(edges: Mapping[str, Sequence[str]]) -> None:
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        stack = [(start, iter(edges[start]))]
        on_path = {start}
        path.append(start)
        while stack:
            node, following = stack[-1]
            step = next(following, None)
            if step is None:
                stack.pop()
                path.pop()
                on_path.discard(node)
                done.add(node)
            elif step in on_path:
                cycle = " -> ".join([*path[path.index(step) :], step])
                raise client(f"Container dependencies contain a cycle: {cycle}")
            elif step not in done:
                stack.append((step, iter(edges[step])))
                path.append(step)
                on_path.add(step)
