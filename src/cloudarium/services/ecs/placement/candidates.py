"""What placement knows of an instance and of a task."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Demand:
    """What a task takes: CPU units, MiB, host ports, and the instance attributes its definition requires.

    ``zones`` are those it may be in, which its subnets decide; empty when it may be in any.
    """

    cpu: int = 0
    memory: int = 0
    ports: frozenset[int] = frozenset()
    udp_ports: frozenset[int] = frozenset()
    attributes: Collection[str] = ()
    zones: Collection[str] = ()


@dataclass(slots=True)
class Candidate:
    """An instance, what is left on it, and the tasks on it.

    ``attributes`` maps names to values (None for those without). ``groups`` counts its live tasks by group
    (``service:web``); ``task_attributes`` are ``family``, ``group`` … of each, for ``task:`` expressions. A placement
    takes from it (``take``), so that several tasks can be placed one after the other.
    """

    id: str
    cpu: int = 0
    memory: int = 0
    ports: set[int] = field(default_factory=set)
    udp_ports: set[int] = field(default_factory=set)
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    running: int = 0
    pending: int = 0
    status: str = "ACTIVE"
    agent_connected: bool = True
    agent_version: str = ""
    ec2_instance_id: str = ""
    registered_at: float = 0.0
    zone: str = ""

    def attribute(self, name: str) -> str | None:
        """An attribute's value; the zone and the instance's own id are attributes too."""
        if name in self.attributes:
            return self.attributes[name]
        if name == "ecs.availability-zone":
            return self.zone or None
        return None

    def has(self, name: str) -> bool:
        """Whether it has the attribute, with or without a value."""
        return name in self.attributes or (name == "ecs.availability-zone" and bool(self.zone))

    def take(self, demand: Demand, group: str) -> None:
        """Put a task on it."""
        self.cpu -= demand.cpu
        self.memory -= demand.memory
        self.ports |= demand.ports
        self.udp_ports |= demand.udp_ports
        self.groups[group] = self.groups.get(group, 0) + 1
        self.pending += 1
