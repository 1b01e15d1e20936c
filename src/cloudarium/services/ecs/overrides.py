"""A task definition with a task's overrides laid over it.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_REPLACED = ("command", "cpu", "memory", "memoryReservation")


def containers(definition: Mapping[str, Any], overrides: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The container definitions as this task runs them; ``definition`` is ``TaskDefinition.definition``.

    Environment variables and resource requirements are merged by name and type, environment files added; the rest is
    replaced.
    """
    given = {each.get("name"): each for each in overrides.get("containerOverrides") or ()}
    return [_container(each, given.get(each["name"])) for each in definition["containerDefinitions"]]


def _container(container: dict[str, Any], override: Mapping[str, Any] | None) -> dict[str, Any]:
    if not override:
        return dict(container)
    merged = dict(container)
    for member in _REPLACED:
        if override.get(member) is not None:
            merged[member] = override[member]
    for member, key in (("environment", "name"), ("resourceRequirements", "type")):
        if override.get(member):
            both = [*(container.get(member) or ()), *override[member]]
            merged[member] = list({each.get(key): each for each in both}.values())
    if override.get("environmentFiles"):
        merged["environmentFiles"] = [*(container.get("environmentFiles") or ()), *override["environmentFiles"]]
    return merged


def setting(definition: Mapping[str, Any], overrides: Mapping[str, Any], member: str) -> Any:
    """A task-wide member that an override may replace: ``cpu``, ``memory``, ``taskRoleArn``, ``executionRoleArn``."""
    value = overrides.get(member)
    return value if value is not None else definition.get(member)


class Needs:
    """What a task takes of an instance: CPU units, MiB, and host ports. Fixed host ports only; 0 is given later."""

    __slots__ = ("cpu", "memory", "ports", "udp_ports")

    def __init__(self, definition: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
        found = containers(definition, overrides)
        cpu = setting(definition, overrides, "cpu")
        memory = setting(definition, overrides, "memory")
        self.cpu = int(cpu) if cpu else sum(each.get("cpu") or 0 for each in found)
        self.memory = int(memory) if memory else sum(_memory(each) for each in found)
        mode = definition.get("networkMode") or "bridge"
        self.ports: frozenset[int] = frozenset()
        self.udp_ports: frozenset[int] = frozenset()
        if mode in ("bridge", "host"):
            self.ports = frozenset(_host_ports(found, mode, "tcp"))
            self.udp_ports = frozenset(_host_ports(found, mode, "udp"))


def _memory(container: Mapping[str, Any]) -> int:
    # The soft limit is what is taken from the instance when there is one.
    return int(container.get("memoryReservation") or container.get("memory") or 0)


def _host_ports(found: list[dict[str, Any]], mode: str, protocol: str) -> list[int]:
    ports = []
    for each in found:
        for mapping in each.get("portMappings") or ():
            if (mapping.get("protocol") or "tcp") == protocol:
                port = mapping.get("hostPort") or (mapping.get("containerPort") if mode == "host" else 0)
                if port:
                    ports.append(int(port))
    return ports
