"""Container instances as the API and its events show them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs import capacity, tagging
from cloudarium.services.ecs.resources import ContainerInstance
from cloudarium.services.ecs.resources.instances import resources
from cloudarium.services.ecs.views.common import present, when


def container_instance(
    cloud: Cloud | Context, scope: Scope, each: ContainerInstance, include: Collection[str] = ()
) -> dict[str, Any]:
    """An instance in the shape of DescribeContainerInstances; what remains is computed from its live tasks."""
    now = capacity.candidate(cloud, scope, each)
    left = resources(now.cpu, now.memory, tuple(sorted(now.ports)), tuple(sorted(now.udp_ports)))
    return present(
        containerInstanceArn=each.arn,
        ec2InstanceId=each.ec2_instance_id,
        capacityProviderName=each.capacity_provider,
        version=each.version,
        versionInfo=present(
            agentVersion=each.agent_version, agentHash=each.agent_hash, dockerVersion=each.docker_version
        ),
        remainingResources=left,
        registeredResources=each.as_resources(),
        status=each.status,
        statusReason=each.status_reason,
        agentConnected=each.agent_connected,
        runningTasksCount=now.running,
        pendingTasksCount=now.pending,
        attributes=[present(name=one.name, value=one.value) for one in each.attributes],
        registeredAt=when(each.registered_at),
        attachments=[],
        tags=tagging.shown(each.tags) if "TAGS" in include else [],
    )
