"""Container instances."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record


class Attribute(msgspec.Struct, frozen=True):
    """A name with or without a value; what constraints ask about."""

    name: str
    value: str | None = None


class ContainerInstance(Record, frozen=True, kw_only=True):
    """An instance that tasks are placed on. ``status`` is ACTIVE, DRAINING or INACTIVE (deregistered at ``ended``).

    ``registered`` is what it has: ``CPU`` units, ``MEMORY`` MiB, ``PORTS`` and ``PORTS_UDP`` reserved for itself.
    ``eni_id`` is its network interface: tasks in host and bridge mode have its ``private_ip``. ``owns_eni`` says that
    we made the interface and delete it with the instance.
    """

    TABLE = "ecs.container_instances"
    KEY = "id"
    INDEXES = ("cluster",)

    id: str
    arn: str
    cluster: str
    registered_at: float
    ec2_instance_id: str = ""
    status: str = "ACTIVE"
    status_reason: str = ""
    agent_connected: bool = True
    cpu: int = 0
    memory: int = 0
    ports: tuple[int, ...] = ()
    udp_ports: tuple[int, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    agent_version: str = ""
    agent_hash: str = ""
    docker_version: str = ""
    eni_id: str = ""
    owns_eni: bool = False
    private_ip: str = ""
    subnet_id: str = ""
    vpc_id: str = ""
    availability_zone: str = ""
    capacity_provider: str = ""
    version: int = 1
    ended: float | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)

    def attribute(self, name: str) -> Attribute | None:
        """The attribute with this name."""
        return next((each for each in self.attributes if each.name == name), None)

    def as_resources(self) -> list[dict[str, Any]]:
        """What it has, in the shape of ``registeredResources``."""
        return resources(self.cpu, self.memory, self.ports, self.udp_ports)


def resources(cpu: int, memory: int, ports: tuple[int, ...], udp_ports: tuple[int, ...]) -> list[dict[str, Any]]:
    """The API's list of resources."""
    zeros = {"doubleValue": 0.0, "longValue": 0, "integerValue": 0}
    return [
        {"name": "CPU", "type": "INTEGER", **zeros, "integerValue": cpu},
        {"name": "MEMORY", "type": "INTEGER", **zeros, "integerValue": memory},
        {"name": "PORTS", "type": "STRINGSET", **zeros, "stringSetValue": [str(port) for port in ports]},
        {"name": "PORTS_UDP", "type": "STRINGSET", **zeros, "stringSetValue": [str(port) for port in udp_ports]},
    ]
