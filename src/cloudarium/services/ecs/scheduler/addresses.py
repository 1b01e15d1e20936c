"""What a running task is outside: the targets and the addresses it is registered as. Pure.

A task with a network interface of its own is an address and the container's port; one in bridge or host mode is its
instance and the host's port.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.ecs.resources import ContainerInstance, Task
from cloudarium.services.ecs.scheduler.members import Target


class NoAddress(Exception):
    """The task cannot be registered; the text says why."""


def private_address(task: Task) -> str:
    """The IPv4 address of the task's own network interface, or empty."""
    for attachment in task.attachments:
        for detail in attachment.get("details", ()):
            if detail.get("name") == "privateIPv4Address":
                return str(detail["value"])
    for container in task.containers:
        for interface in container.network_interfaces:
            if interface.get("privateIpv4Address"):
                return str(interface["privateIpv4Address"])
    return ""


def target(task: Task, instance: ContainerInstance | None, balancer: Mapping[str, Any]) -> Target:
    """The target that ``balancer`` (an item of ``loadBalancers``) asks for. Raises ``NoAddress``."""
    group, port = str(balancer["targetGroupArn"]), int(balancer["containerPort"])
    if task.network:
        address = private_address(task)
        if not address:
            raise NoAddress(f"task {task.id} has no address")
        return Target(group, address, port)
    if instance is None or not instance.ec2_instance_id:
        raise NoAddress(f"the container instance of task {task.id} is not an EC2 instance")
    return Target(group, instance.ec2_instance_id, host_port(task, str(balancer.get("containerName", "")), port))


def host_port(task: Task, container: str, port: int) -> int:
    """The port of the instance that leads to a container's port. Raises ``NoAddress``."""
    for each in task.containers:
        if container and each.name != container:
            continue
        for binding in each.network_bindings:
            if binding.get("containerPort") == port and binding.get("hostPort"):
                return int(binding["hostPort"])
    raise NoAddress(f"port {port} of container {container} of task {task.id} is not bound to a host port")


def instance_attributes(task: Task, instance: ContainerInstance | None, registry: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of a Cloud Map instance. Raises ``NoAddress``.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html
    """
    attributes = {
        "ECS_CLUSTER_NAME": task.cluster,
        "ECS_SERVICE_NAME": task.service,
        "ECS_TASK_DEFINITION_FAMILY": task.family,
        "REGION": task.arn.split(":")[3],
    }
    if task.availability_zone:
        attributes["AVAILABILITY_ZONE"] = task.availability_zone
    port = registry.get("port") or registry.get("containerPort")
    if task.network:
        address = private_address(task)
        if not address:
            raise NoAddress(f"task {task.id} has no address")
        attributes["AWS_INSTANCE_IPV4"] = address
        if port:
            attributes["AWS_INSTANCE_PORT"] = str(port)
        return attributes
    if instance is None or not instance.private_ip:
        raise NoAddress(f"the container instance of task {task.id} has no address")
    attributes["AWS_INSTANCE_IPV4"] = instance.private_ip
    if instance.ec2_instance_id:
        attributes["EC2_INSTANCE_ID"] = instance.ec2_instance_id
    if port:
        attributes["AWS_INSTANCE_PORT"] = str(host_port(task, str(registry.get("containerName", "")), int(port)))
    return attributes
