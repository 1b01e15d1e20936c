"""Container instances as placement sees them: what is registered, less what their live tasks take."""

from __future__ import annotations

from collections.abc import Iterable

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.overrides import Needs
from cloudarium.services.ecs.placement import Candidate, Demand
from cloudarium.services.ecs.resources import ContainerInstance, Task, TaskDefinition


def candidates(cloud: Cloud | Context, scope: Scope, cluster: str) -> list[Candidate]:
    """The instances of a cluster that are registered, ready to be given to ``placement.place``."""
    table = cloud.store.table(ContainerInstance)
    return [
        candidate(cloud, scope, each) for each in table.find(scope, "cluster", cluster) if each.status != "INACTIVE"
    ]


def candidate(cloud: Cloud | Context, scope: Scope, instance: ContainerInstance) -> Candidate:
    """One instance. Looks at its live tasks only."""
    found = Candidate(
        id=instance.id,
        cpu=instance.cpu,
        memory=instance.memory,
        ports=set(instance.ports),
        udp_ports=set(instance.udp_ports),
        attributes={each.name: each.value for each in instance.attributes},
        status=instance.status,
        agent_connected=instance.agent_connected,
        agent_version=instance.agent_version,
        ec2_instance_id=instance.ec2_instance_id,
        registered_at=instance.registered_at,
        zone=instance.availability_zone,
    )
    for task in cloud.store.table(Task).find(scope, "live_instance", instance.id):
        found.take(demand_of(cloud, scope, task), task.group)
        found.pending -= task.phase != "pending"
        found.running += task.phase == "running"
        tcp, udp = _bound(task)
        found.ports |= tcp
        found.udp_ports |= udp
    return found


def demand_of(cloud: Cloud | Context, scope: Scope, task: Task) -> Demand:
    """What a task takes."""
    definition = cloud.store.table(TaskDefinition).get(scope, task.task_definition_arn)
    if definition is None:
        return Demand(int(task.cpu or 0), int(task.memory or 0))
    return demand(definition, task.overrides)


def demand(definition: TaskDefinition, overrides: dict[str, object] | None = None) -> Demand:
    """What a task of this definition takes."""
    needs = Needs(definition.definition, overrides or {})
    required = [each["name"] for each in definition.definition.get("requiresAttributes") or () if _asked(each["name"])]
    return Demand(needs.cpu, needs.memory, needs.ports, needs.udp_ports, required)


def _asked(name: str) -> bool:
    # Capabilities of the agent are this cloud's own to have; attributes that a person gave instances are not.
    return not name.startswith(("com.amazonaws.ecs.capability.", "ecs.capability."))


def _bound(task: Task) -> tuple[set[int], set[int]]:
    """The host ports that were given to a task's containers, fixed or not."""
    tcp: set[int] = set()
    udp: set[int] = set()
    for binding in _bindings(task):
        (udp if binding.get("protocol") == "udp" else tcp).add(int(str(binding["hostPort"])))
    return tcp, udp


def _bindings(task: Task) -> Iterable[dict[str, object]]:
    return (each for container in task.containers for each in container.network_bindings if each.get("hostPort"))
