"""Tasks as the API and its events show them."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.store import Scope
from cloudarium.services.ecs import arns, tagging
from cloudarium.services.ecs.resources import ContainerState, Task
from cloudarium.services.ecs.views.common import present, when


def task(scope: Scope, each: Task, *, tags: bool = False) -> dict[str, Any]:
    """A task in the shape of DescribeTasks."""
    overrides = {"inferenceAcceleratorOverrides": [], **each.overrides}
    overrides["containerOverrides"] = overrides.get("containerOverrides") or [
        {"name": container.name} for container in each.containers
    ]
    return present(
        attachments=list(each.attachments),
        attributes=list(each.attributes),
        availabilityZone=each.availability_zone,
        capacityProviderName=each.capacity_provider,
        clusterArn=each.cluster_arn,
        connectivity=each.connectivity,
        connectivityAt=when(each.connectivity_at),
        containerInstanceArn=_instance(scope, each),
        containers=[container(each, one) for one in each.containers],
        cpu=each.cpu or str(sum(int(one.cpu or 0) for one in each.containers)),
        createdAt=when(each.created),
        desiredStatus=each.desired_status,
        enableExecuteCommand=each.enable_execute_command,
        executionStoppedAt=when(each.execution_stopped),
        group=each.group,
        healthStatus=each.health_status,
        inferenceAccelerators=[],
        lastStatus=each.last_status,
        launchType=each.launch_type,
        memory=each.memory or str(sum(int(one.memory or one.memory_reservation or 0) for one in each.containers)),
        overrides=overrides,
        platformVersion=each.platform_version,
        platformFamily=each.platform_family,
        pullStartedAt=when(each.pull_started),
        pullStoppedAt=when(each.pull_stopped),
        startedAt=when(each.started),
        startedBy=each.started_by,
        stopCode=each.stop_code,
        stoppedAt=when(each.stopped),
        stoppedReason=each.stopped_reason,
        stoppingAt=when(each.stopping),
        tags=tagging.shown(each.tags) if tags else [],
        taskArn=each.arn,
        taskDefinitionArn=each.task_definition_arn,
        version=each.version,
        ephemeralStorage=_storage(each),
        fargateEphemeralStorage=_storage(each),
    )


def _instance(scope: Scope, each: Task) -> str:
    return arns.container_instance(scope, each.cluster, each.container_instance) if each.container_instance else ""


def _storage(each: Task) -> dict[str, int] | None:
    return None if each.ephemeral_storage_gib is None else {"sizeInGiB": each.ephemeral_storage_gib}


def container(owner: Task, each: ContainerState) -> dict[str, Any]:
    """A container of a task."""
    return present(
        containerArn=each.arn,
        taskArn=owner.arn,
        name=each.name,
        image=each.image,
        imageDigest=each.image_digest,
        runtimeId=each.runtime_id,
        lastStatus=each.last_status,
        exitCode=each.exit_code,
        reason=each.reason,
        networkBindings=list(each.network_bindings),
        networkInterfaces=list(each.network_interfaces),
        healthStatus=each.health_status,
        managedAgents=managed_agents(owner, each) or None,
        cpu=each.cpu,
        memory=each.memory,
        memoryReservation=each.memory_reservation,
        gpuIds=list(each.gpu_ids) or None,
    )


_AGENT = "ExecuteCommandAgent"


def managed_agents(owner: Task, each: ContainerState) -> list[dict[str, Any]]:
    """What lets ExecuteCommand in: it is there exactly while the container runs, when the task was started with it."""
    if each.managed_agents or not owner.enable_execute_command:
        return list(each.managed_agents)
    status = each.last_status if each.last_status in ("RUNNING", "STOPPED") else "PENDING"
    return [present(name=_AGENT, lastStatus=status, lastStartedAt=when(each.started))]
