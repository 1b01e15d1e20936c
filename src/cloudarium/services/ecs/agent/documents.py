"""Task metadata, versions 3 and 4. No I/O.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-response.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cloudarium.services.ecs.resources import ContainerState, Task


class Network(NamedTuple):
    """What is known of the network that a task's containers are in."""

    mode: str
    addresses: tuple[str, ...] = ()
    mac: str = ""
    subnet_cidr: str = ""
    gateway: str = ""
    private_dns: str = ""
    name_servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    vpc_id: str = ""


class Extras(NamedTuple):
    """What is not in a container's record. ``labels`` are those that people see."""

    labels: Mapping[str, str]
    definition: Mapping[str, Any]
    mounts: tuple[tuple[str, str], ...] = ()
    """(source, destination)."""
    log_stream: str = ""


def container_document(
    task: Task, container: ContainerState, extras: Extras, network: Network, *, version: int = 4
) -> dict[str, Any]:
    """The metadata of one container."""
    family = f"ecs-{task.family}-{task.revision}-{container.name}-{container.id.replace('-', '')[:20]}"
    document: dict[str, Any] = {
        "DockerId": container.runtime_id,
        "Name": container.name,
        "DockerName": container.name if task.launch_type == "FARGATE" else family,
        "Image": container.image,
        "ImageID": container.image_digest,
        "Labels": dict(extras.labels),
        "DesiredStatus": task.desired_status,
        "KnownStatus": container.last_status,
        "Limits": _limits(container),
        "CreatedAt": stamp(task.pull_stopped or task.created),
        "Type": "NORMAL",
    }
    if ports := _ports(extras.definition, container):
        document["Ports"] = ports
    if container.started is not None:
        document["StartedAt"] = stamp(container.started)
    if container.finished is not None:
        document["FinishedAt"] = stamp(container.finished)
    if container.exit_code is not None:
        document["ExitCode"] = container.exit_code
    if extras.mounts:
        document["Volumes"] = [{"Source": source, "Destination": target} for source, target in extras.mounts]
    if (extras.definition.get("restartPolicy") or {}).get("enabled"):
        document["RestartCount"] = container.restarts
    if extras.definition.get("healthCheck"):
        document["Health"] = {"status": container.health_status}
    if version == 3:
        document["Networks"] = [{"NetworkMode": network.mode, "IPv4Addresses": list(network.addresses)}]
        return document
    document["ContainerARN"] = container.arn
    document.update(_logging(extras))
    document["Networks"] = [_network(network)]
    if task.launch_type == "FARGATE":
        document["Snapshotter"] = "overlayfs"
    return document


def _limits(container: ContainerState) -> dict[str, Any]:
    limits: dict[str, Any] = {"CPU": max(2, int(container.cpu))}
    if container.memory:
        limits["Memory"] = int(container.memory)
    return limits


def _ports(definition: Mapping[str, Any], container: ContainerState) -> list[dict[str, Any]]:
    if container.network_bindings:
        return [
            {
                "ContainerPort": each["containerPort"],
                "Protocol": each.get("protocol", "tcp"),
                "HostPort": each.get("hostPort", 0),
                "HostIp": each.get("bindIP", ""),
            }
            for each in container.network_bindings
            if "containerPort" in each
        ]
    return [
        {"ContainerPort": each["containerPort"], "Protocol": each.get("protocol", "tcp")}
        for each in definition.get("portMappings") or ()
        if "containerPort" in each
    ]


def _logging(extras: Extras) -> dict[str, Any]:
    given = extras.definition.get("logConfiguration")
    if not given:
        return {}
    options = dict(given.get("options") or {})
    if extras.log_stream:
        options.pop("awslogs-stream-prefix", None)
        options["awslogs-stream"] = extras.log_stream
    return {"LogDriver": given["logDriver"], "LogOptions": options}


def _network(network: Network) -> dict[str, Any]:
    shown: dict[str, Any] = {"NetworkMode": network.mode, "IPv4Addresses": list(network.addresses)}
    if network.mode == "awsvpc":
        shown["AttachmentIndex"] = 0
        shown["MACAddress"] = network.mac
        shown["IPv4SubnetCIDRBlock"] = network.subnet_cidr
        if network.name_servers:
            shown["DomainNameServers"] = list(network.name_servers)
        if network.search:
            shown["DomainNameSearchList"] = list(network.search)
        if network.private_dns:
            shown["PrivateDNSName"] = network.private_dns
        if network.gateway:
            shown["SubnetGatewayIpv4Address"] = f"{network.gateway}/{network.subnet_cidr.partition('/')[2]}"
    return shown


def task_document(
    task: Task, extras: Mapping[str, Extras], networks: Mapping[str, Network], *, version: int = 4, tags: bool = False
) -> dict[str, Any]:
    """The metadata of a task, with that of those of its containers that have been made."""
    fargate = task.launch_type == "FARGATE"
    document: dict[str, Any] = {
        "Cluster": task.cluster_arn if fargate else task.cluster,
        "TaskARN": task.arn,
        "Family": task.family,
        "Revision": str(task.revision),
        "DesiredStatus": task.desired_status,
        "KnownStatus": task.last_status,
    }
    if limits := _task_limits(task):
        document["Limits"] = limits
    if task.pull_started is not None:
        document["PullStartedAt"] = stamp(task.pull_started)
    if task.pull_stopped is not None:
        document["PullStoppedAt"] = stamp(task.pull_stopped)
    if task.execution_stopped is not None:
        document["ExecutionStoppedAt"] = stamp(task.execution_stopped)
    if task.availability_zone:
        document["AvailabilityZone"] = task.availability_zone
    document["LaunchType"] = task.launch_type
    if task.service:
        document["ServiceName"] = task.service
    if not fargate and (vpc := next((each.vpc_id for each in networks.values() if each.vpc_id), "")):
        document["VPCID"] = vpc
    document["Containers"] = [
        container_document(task, each, extras[each.name], networks[each.name], version=version)
        for each in task.containers
        if each.name in extras and each.runtime_id
    ]
    if tags:
        document["TaskTags"] = dict(task.tags)
    return document


def _task_limits(task: Task) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if task.cpu:
        limits["CPU"] = int(task.cpu) / 1024
    if task.memory:
        limits["Memory"] = int(task.memory)
    return limits


def stamp(when: float) -> str:
    """A time as the agent writes it."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
