"""What RunTask and StartTask have in common: overrides, groups, tags.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import NotThere
from cloudarium.services.ecs import overrides as laid_over
from cloudarium.services.ecs import tagging
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.placement import QueryError, expression
from cloudarium.services.ecs.resources import Cluster, TaskDefinition
from cloudarium.services.ecs.validation import fargate, sizes

_STARTED_BY = re.compile(r"[a-zA-Z0-9_/.:-]{0,128}", re.ASCII)
MOST_OVERRIDES = 8192
MOST_CONSTRAINTS, MOST_STRATEGIES = 10, 5
_FIELDS = ("instanceid", "host")


def overrides(given: Mapping[str, Any] | None, definition: TaskDefinition, launch_type: str) -> dict[str, Any]:
    """A task's overrides: names that exist, sizes that fit. ``cpu`` and ``memory`` become units and MiB as text."""
    if not given:
        return {}
    if len(msgspec.json.encode(given)) > MOST_OVERRIDES:
        raise invalid(f"Overrides length must be at most {MOST_OVERRIDES}.")
    if given.get("inferenceAcceleratorOverrides"):
        raise NotThere("inferenceAcceleratorOverrides")
    names = {each["name"] for each in definition.containers}
    for each in given.get("containerOverrides") or ():
        name = each.get("name")
        if not name:
            raise invalid("Container override name cannot be empty.")
        if name not in names:
            raise invalid(f"Override for container named {name} is not a container in the TaskDefinition.")
        if each.get("resourceRequirements"):
            raise NotThere("resourceRequirements in containerOverrides")
    found = {key: value for key, value in given.items() if value is not None}
    if given.get("cpu"):
        found["cpu"] = str(sizes.cpu(given["cpu"]))
    if given.get("memory"):
        found["memory"] = str(sizes.memory(given["memory"]))
    _fit(found, definition, launch_type)
    return found


def _fit(found: Mapping[str, Any], definition: TaskDefinition, launch_type: str) -> None:
    cpu = laid_over.setting(definition.definition, found, "cpu")
    memory = laid_over.setting(definition.definition, found, "memory")
    if launch_type == "FARGATE" and (found.get("cpu") or found.get("memory")):
        sizes.check_fargate(int(cpu or 0), int(memory or 0))
    storage = (found.get("ephemeralStorage") or {}).get("sizeInGiB")
    if storage is not None:
        if launch_type != "FARGATE":
            raise invalid("Ephemeral storage overrides are only supported for tasks using the Fargate launch type.")
        if not fargate.LEAST_STORAGE <= storage <= fargate.MOST_STORAGE:
            raise invalid(
                f"Ephemeral storage size must be between {fargate.LEAST_STORAGE} and {fargate.MOST_STORAGE} GiB."
            )
    containers = laid_over.containers(definition.definition, found)
    for each in containers:
        for member in ("memory", "memoryReservation"):
            value = each.get(member)
            if value is not None and value < sizes.LEAST_MEMORY:
                raise invalid(f"Invalid '{member}' override for container '{each['name']}'.")
            if memory and (value or 0) > int(memory):
                raise invalid(f"The '{member}' setting for container is greater than for the task.")
        if each.get("memory") and each.get("memoryReservation") and each["memory"] < each["memoryReservation"]:
            raise invalid("The 'memoryReservation' setting for container is greater than its 'memory'.")
        if (each.get("cpu") or 0) < 0 or (cpu and (each.get("cpu") or 0) > int(cpu)):
            raise invalid("The 'cpu' setting for container is greater than for the task.")


def labels(request: Mapping[str, Any]) -> None:
    """``group`` and ``startedBy``; volumes that are configured at launch are not there."""
    if request.get("volumeConfigurations"):
        raise NotThere("volumeConfigurations (Amazon EBS volumes)")
    group = request.get("group") or ""
    if group.startswith(("family:", "service:")):
        raise invalid("Invalid namespace for group.")
    if len(group) > 255:
        raise invalid("Group cannot be longer than 255 characters.")
    if not _STARTED_BY.fullmatch(request.get("startedBy") or ""):
        raise invalid("startedBy contains invalid characters or is longer than 128 characters.")


def tags(ctx: Context, request: Mapping[str, Any], definition: TaskDefinition, cluster: Cluster) -> dict[str, str]:
    """The tags of a standalone task."""
    found = tagging.parse(ctx.principal, request.get("tags"))
    if request.get("propagateTags") == "SERVICE":
        raise invalid("The SERVICE value of propagateTags is not supported for standalone tasks.")
    if request.get("propagateTags") == "TASK_DEFINITION":
        found = {**tagging.propagated(definition.tags), **found}
    if request.get("enableECSManagedTags"):
        found = {"aws:ecs:clusterName": cluster.name, **found}
    return found


def executable(request: Mapping[str, Any], definition: TaskDefinition, given: Mapping[str, Any], what: str) -> bool:
    """Whether ExecuteCommand is wanted; it needs a task role."""
    if not request.get("enableExecuteCommand"):
        return False
    if not laid_over.setting(definition.definition, given, "taskRoleArn"):
        raise invalid(
            f"The {what} because a valid taskRoleArn is not being used. "
            "Specify a valid task role in your task definition and try again."
        )
    return True


def constraints(given: Sequence[Mapping[str, Any]] | None, launch_type: str) -> tuple[dict[str, Any], ...]:
    """Placement constraints of a task or service."""
    if not given:
        return ()
    if launch_type == "FARGATE":
        raise invalid("Placement constraints are not supported with FARGATE launch type.")
    if len(given) > MOST_CONSTRAINTS:
        raise invalid(f"At most {MOST_CONSTRAINTS} placement constraints can be specified.")
    for each in given:
        kind = each.get("type")
        if kind == "memberOf":
            try:
                expression(each.get("expression") or "")
            except QueryError as error:
                raise invalid(f"Invalid placement constraint expression: {error}") from None
        elif kind != "distinctInstance":
            raise invalid("A placement constraint must have a type.")
        elif each.get("expression"):
            raise invalid("An expression cannot be specified for the distinctInstance placement constraint.")
    return tuple(dict(each) for each in given)


def strategies(given: Sequence[Mapping[str, Any]] | None, launch_type: str) -> tuple[dict[str, Any], ...]:
    """Placement strategies of a task or service, spelled as AWS shows them."""
    if not given:
        return ()
    if launch_type == "FARGATE":
        raise invalid("Placement strategies are not supported with FARGATE launch type.")
    if len(given) > MOST_STRATEGIES:
        raise invalid(f"At most {MOST_STRATEGIES} placement strategies can be specified.")
    return tuple(_strategy(each) for each in given)


def _strategy(given: Mapping[str, Any]) -> dict[str, Any]:
    kind, field = given.get("type"), given.get("field") or ""
    if kind == "random":
        if field:
            raise invalid("The random placement strategy does not support a field.")
        return {"type": "random"}
    if kind == "binpack":
        if field.lower() not in ("cpu", "memory"):
            raise invalid("The binpack placement strategy requires the field cpu or memory.")
        return {"type": "binpack", "field": field.upper()}
    if kind != "spread":
        raise invalid("A placement strategy must have a type.")
    if field.lower() in _FIELDS:
        return {"type": "spread", "field": "instanceId"}
    if not field.startswith("attribute:") or not field.removeprefix("attribute:"):
        raise invalid("The spread placement strategy requires the field instanceId, host or an attribute.")
    return {"type": "spread", "field": field}
