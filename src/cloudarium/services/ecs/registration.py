"""What a container instance is registered with: resources, attributes, and the subnet it is in.

The subnet is what the agent says in its attributes ``ecs.subnet-id``, or else the first of the VPC in ``ecs.vpc-id`` or
of the default VPC. Resources that are not given follow from the attribute ``ecs.instance-type``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.ecs import instance_types
from cloudarium.services.ecs.errors import client, invalid
from cloudarium.services.ecs.resources import Attribute

DEFAULT_TYPE = "t3.medium"
RESERVED = (22, 2375, 2376, 51678, 51679, 51680)
"""Host ports of the machine itself: SSH, Docker, the agent."""
MOST_ATTRIBUTES = 100
_NAME = re.compile(r"[a-zA-Z0-9_./\\-]{1,128}", re.ASCII)
_VALUE = re.compile(r"(?! )[a-zA-Z0-9_.:/\\@ -]{1,128}(?<! )", re.ASCII)
_CAPABILITIES = (
    "com.amazonaws.ecs.capability.docker-remote-api.1.18",
    "com.amazonaws.ecs.capability.docker-remote-api.1.19",
    "com.amazonaws.ecs.capability.docker-remote-api.1.21",
    "com.amazonaws.ecs.capability.ecr-auth",
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.logging-driver.json-file",
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.task-iam-role",
    "com.amazonaws.ecs.capability.task-iam-role-network-host",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.execution-role-ecr-pull",
    "ecs.capability.secrets.asm.environment-variables",
    "ecs.capability.secrets.ssm.environment-variables",
    "ecs.capability.task-cpu-mem-limit",
    "ecs.capability.task-eni",
)


def attribute(given: Mapping[str, Any]) -> Attribute:
    """One attribute, its characters checked."""
    name, value = given["name"], given.get("value")
    if not _NAME.fullmatch(name):
        raise invalid(f"Invalid attribute name: {name[:128]}")
    if value is not None and not _VALUE.fullmatch(value):
        raise invalid(f"Invalid attribute value: {value[:128]}")
    return Attribute(name, value)


def attributes(given: Sequence[Mapping[str, Any]] | None) -> tuple[Attribute, ...]:
    """The attributes of a request."""
    return tuple(attribute(each) for each in given or ())


def merged(there: Iterable[Attribute], given: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """``there`` with ``given`` laid over by name."""
    return tuple({each.name: each for each in (*there, *given)}.values())


def own(subnet: Mapping[str, Any]) -> tuple[Attribute, ...]:
    """The attributes that every instance has by itself."""
    facts = {
        "ecs.availability-zone": subnet["AvailabilityZone"],
        "ecs.subnet-id": subnet["SubnetId"],
        "ecs.vpc-id": subnet["VpcId"],
        "ecs.instance-type": DEFAULT_TYPE,
        "ecs.os-type": "linux",
        "ecs.os-family": "LINUX",
        "ecs.cpu-architecture": "x86_64",
    }
    return (*(Attribute(name, value) for name, value in facts.items()), *map(Attribute, _CAPABILITIES))


def resources(request: Mapping[str, Any], given: Sequence[Attribute]) -> dict[str, Any]:
    """CPU, memory and reserved ports, in the fields of the record."""
    if request.get("platformDevices"):
        raise NotThere("platformDevices (GPUs)")
    by_name = {each.get("name"): each for each in request.get("totalResources") or ()}
    kind = next((each.value for each in given if each.name == "ecs.instance-type" and each.value), DEFAULT_TYPE)
    size = instance_types.capacity(kind)
    if size is None and not {"CPU", "MEMORY"} <= by_name.keys():
        raise client(f"The resources of instance type {kind} are not known: totalResources must say CPU and MEMORY.")
    cpu, memory = size or (0, 0)
    found: dict[str, Any] = {
        "cpu": _whole(by_name.get("CPU"), cpu),
        "memory": _whole(by_name.get("MEMORY"), memory),
        "ports": _ports(by_name.get("PORTS"), RESERVED),
        "udp_ports": _ports(by_name.get("PORTS_UDP"), ()),
    }
    if found["cpu"] <= 0 or found["memory"] <= 0:
        raise client("CPU and MEMORY must be greater than 0.")
    return found


def _whole(resource: Mapping[str, Any] | None, otherwise: int) -> int:
    if resource is None:
        return otherwise
    return int(resource.get("integerValue") or resource.get("longValue") or 0)


def _ports(resource: Mapping[str, Any] | None, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    if resource is None:
        return otherwise
    given = resource.get("stringSetValue") or ()
    if len(given) > 100 or not all(each.isascii() and each.isdigit() and int(each) <= 65535 for each in given):
        raise client("PORTS must be a set of at most 100 port numbers.")
    return tuple(int(each) for each in given)


def identity(request: Mapping[str, Any]) -> dict[str, str]:
    """The instance identity document as its agent sends it; empty when there is none."""
    text = request.get("instanceIdentityDocument")
    if not text:
        return {}
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError):
        raise client("The instance identity document is malformed.") from None
    if not isinstance(document, dict):
        raise client("The instance identity document is malformed.")
    return {str(key): value for key, value in document.items() if isinstance(value, str)}


async def place(ctx: Context, given: Sequence[Attribute], document: Mapping[str, str]) -> dict[str, Any]:
    """The subnet the instance is in, as EC2 describes it."""
    by_name = {each.name: each.value for each in given if each.value}
    if subnet_id := by_name.get("ecs.subnet-id"):
        try:
            found = await ctx.aws.ec2.describe_subnets(SubnetIds=[subnet_id])
        except AwsError as error:
            raise client(f"{error.message.rstrip('.')} (ErrorCode: {error.code})") from error
        return dict(found["Subnets"][0])
    vpc_id = by_name.get("ecs.vpc-id")
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}] if vpc_id else [{"Name": "default-for-az", "Values": ["true"]}]
    zone = by_name.get("ecs.availability-zone") or document.get("availabilityZone")
    if zone:
        filters.append({"Name": "availability-zone", "Values": [zone]})
    found = await ctx.aws.ec2.describe_subnets(Filters=filters)
    subnets = sorted(found["Subnets"], key=lambda each: (each["AvailabilityZone"], each["SubnetId"]))
    if not subnets:
        raise client("There is no subnet for the container instance: register it with the attribute ecs.subnet-id.")
    return dict(subnets[0])


async def interface(ctx: Context, subnet: Mapping[str, Any], cluster: str, instance_id: str) -> dict[str, Any]:
    """The instance's network interface, in the VPC's default security group."""
    made = await ctx.cloud.context(ctx.scope, "ecs").aws.ec2.create_network_interface(
        SubnetId=subnet["SubnetId"],
        Description=f"ECS container instance {cluster}/{instance_id}",
        ClientToken=instance_id,
    )
    return dict(made["NetworkInterface"])
