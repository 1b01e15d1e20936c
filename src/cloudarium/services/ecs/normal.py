"""A registered task definition with AWS's defaults filled in, as DescribeTaskDefinition shows it.

What was not given and has no default stays away: clients that compare (Terraform) then see no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.ecs.requirements import required_attributes
from cloudarium.services.ecs.validation.definition import compatibilities, task_size

_OPTIONAL = (
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "pidMode",
    "ipcMode",
    "ephemeralStorage",
    "runtimePlatform",
    "requiresCompatibilities",
)
_HEALTH = {"interval": 30, "timeout": 5, "retries": 3}


def definition(request: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a definition that has been validated; ``cpu`` and ``memory`` become units and MiB as text."""
    mode = request.get("networkMode")
    body: dict[str, Any] = {
        "containerDefinitions": [_container(each, mode) for each in request["containerDefinitions"]],
        "volumes": [_volume(each) for each in request.get("volumes") or ()],
        "placementConstraints": list(request.get("placementConstraints") or ()),
        "requiresAttributes": [{"name": name} for name in required_attributes(request)],
        "compatibilities": compatibilities(request),
    }
    for member in _OPTIONAL:
        if request.get(member):
            body[member] = request[member]
    units, mib = task_size(request)
    if units is not None:
        body["cpu"] = str(units)
    if mib is not None:
        body["memory"] = str(mib)
    return body


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    if volume.get("dockerVolumeConfiguration") is not None:
        return dict(volume)
    return {**volume, "host": volume.get("host") or {}}


def _container(container: Mapping[str, Any], mode: str | None) -> dict[str, Any]:
    body = {key: value for key, value in container.items() if value is not None}
    body["cpu"] = container.get("cpu") or 0
    body["essential"] = container.get("essential", True) is not False
    body["portMappings"] = [_mapping(each, mode) for each in container.get("portMappings") or ()]
    for member in ("environment", "mountPoints", "volumesFrom", "systemControls"):
        body[member] = list(container.get(member) or ())
    if check := container.get("healthCheck"):
        body["healthCheck"] = {**_HEALTH, **{key: value for key, value in check.items() if value is not None}}
    return body


def _mapping(mapping: Mapping[str, Any], mode: str | None) -> dict[str, Any]:
    port = mapping["containerPort"]
    host = mapping.get("hostPort")
    if mode in ("awsvpc", "host"):
        host = port
    body = {"containerPort": port, "hostPort": host or 0, "protocol": mapping.get("protocol") or "tcp"}
    return {**{key: value for key, value in mapping.items() if value is not None}, **body}
