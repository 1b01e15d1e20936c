"""A task definition's own rules; those of containers, volumes and Fargate are next door.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecs.errors import client
from cloudarium.services.ecs.placement import QueryError, expression
from cloudarium.services.ecs.validation import absent, containers, dependencies, fargate, sizes, volumes

NAME = re.compile(r"[a-zA-Z0-9_-]{1,255}", re.ASCII)
MOST_CONTAINERS = 10
MOST_BYTES = 64 * 1024
MOST_CONSTRAINTS = 10


def check(request: Mapping[str, Any], size: int) -> None:
    """Refuse what AWS refuses, in its words, and by name what is not there. ``size`` is the request's in bytes."""
    absent.check(request)
    if not NAME.fullmatch(request["family"]):
        raise client("Family contains invalid characters.")
    if size > MOST_BYTES:
        raise client(f"Actual length: '{size}'. Max allowed length is '{MOST_BYTES}' bytes.")
    found = request["containerDefinitions"]
    if not found:
        raise client("Container list cannot be empty.")
    if len(found) > MOST_CONTAINERS:
        raise client(f"A task definition can have at most {MOST_CONTAINERS} containers.")
    if "FARGATE" in (request.get("requiresCompatibilities") or ()):
        # Fargate's rules come first: they explain best what is missing.
        fargate.check(request)
    _task(request)
    volumes.check(request)
    for each in found:
        containers.check(each, request)
    _together(request)
    dependencies.check(found)


def compatibilities(request: Mapping[str, Any]) -> list[str]:
    """The launch types that a definition, valid by itself, may be run on."""
    found = []
    if request.get("networkMode") != "awsvpc":
        found.append("EXTERNAL")
    found.append("EC2")
    try:
        fargate.check(request)
    except AwsError:
        return found
    return [*found, "FARGATE"]


def task_size(request: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The task's CPU units and MiB."""
    return (
        sizes.cpu(request["cpu"]) if request.get("cpu") else None,
        sizes.memory(request["memory"]) if request.get("memory") else None,
    )


def _task(request: Mapping[str, Any]) -> None:
    units, mib = task_size(request)
    if units is not None and not sizes.LEAST_CPU <= units <= sizes.MOST_CPU:
        raise client("Invalid 'cpu' setting for task.")
    if mib is not None and mib < sizes.LEAST_MEMORY:
        raise client("Invalid 'memory' setting for task.")
    constraints = request.get("placementConstraints") or ()
    if len(constraints) > MOST_CONSTRAINTS:
        raise client(f"A task definition can have at most {MOST_CONSTRAINTS} placement constraints.")
    for each in constraints:
        try:
            expression(each.get("expression") or "")
        except QueryError as error:
            raise client(f"Invalid placement constraint expression: {error}") from None


def _together(request: Mapping[str, Any]) -> None:
    """Rules over all containers."""
    found = request["containerDefinitions"]
    names = [each["name"] for each in found]
    for name in names:
        if names.count(name) > 1:
            raise client(f"Container name '{name}' is used more than once in the task definition.")
    if not any(each.get("essential", True) is not False for each in found):
        raise client("Task definition does not have any essential containers.")
    units, mib = task_size(request)
    for each in found:
        if units is not None and (each.get("cpu") or 0) > units:
            raise client("The 'cpu' setting for container is greater than for the task.")
        for member in ("memory", "memoryReservation"):
            if mib is not None and (each.get(member) or 0) > mib:
                raise client(f"The '{member}' setting for container is greater than for the task.")
    if units is not None and sum(each.get("cpu") or 0 for each in found) > units:
        raise client("The total cpu of all containers is greater than the cpu of the task.")
    _ports(found, request.get("networkMode"))


def _ports(found: list[dict[str, Any]], mode: str | None) -> None:
    # Containers that share a network cannot listen twice; on a bridge only fixed host ports collide.
    seen: set[tuple[int, str]] = set()
    names: set[str] = set()
    for each in found:
        for mapping in each.get("portMappings") or ():
            if name := mapping.get("name"):
                if name in names:
                    raise client(f"The port mapping name '{name}' is used more than once in the task definition.")
                names.add(name)
            port = mapping.get("containerPort") if mode in ("awsvpc", "host") else mapping.get("hostPort")
            if not port:
                continue
            key = (port, mapping.get("protocol") or "tcp")
            if key in seen:
                raise client(f"Port {port} with protocol {key[1]} is mapped more than once in the task definition.")
            seen.add(key)
