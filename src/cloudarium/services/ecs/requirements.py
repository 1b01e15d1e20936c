"""The attributes a task definition requires of a container instance: what its agent must be able to do.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-constraints.html#attributes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_AGENT = "com.amazonaws.ecs.capability."


def required_attributes(request: Mapping[str, Any]) -> list[str]:
    """Their names, each once, in order."""
    found = dict.fromkeys(_task(request))
    for container in request["containerDefinitions"]:
        found.update(dict.fromkeys(_container(container, bool(request.get("executionRoleArn")))))
    return sorted(found)


def _task(request: Mapping[str, Any]) -> Iterator[str]:
    yield f"{_AGENT}docker-remote-api.1.18"
    if request.get("networkMode") == "awsvpc":
        yield "ecs.capability.task-eni"
    if request.get("taskRoleArn"):
        yield (
            f"{_AGENT}task-iam-role-network-host" if request.get("networkMode") == "host" else f"{_AGENT}task-iam-role"
        )
    if request.get("cpu") or request.get("memory"):
        yield "ecs.capability.task-cpu-mem-limit"
    if request.get("pidMode") or request.get("ipcMode"):
        yield "ecs.capability.pid-ipc-namespace-sharing"
    if any(volume.get("dockerVolumeConfiguration") is not None for volume in request.get("volumes") or ()):
        yield f"{_AGENT}docker-plugin.local"


def _container(container: Mapping[str, Any], role: bool) -> Iterator[str]:
    if ".dkr.ecr." in (container.get("image") or ""):
        yield f"{_AGENT}ecr-auth"
        if role:
            yield "ecs.capability.execution-role-ecr-pull"
    if container.get("memoryReservation"):
        yield f"{_AGENT}docker-remote-api.1.21"
    if container.get("privileged"):
        yield f"{_AGENT}privileged-container"
    if container.get("dependsOn"):
        yield "ecs.capability.container-ordering"
    if container.get("healthCheck"):
        yield "ecs.capability.container-health-check"
    if container.get("environmentFiles"):
        yield "ecs.capability.env-files.s3"
    if container.get("repositoryCredentials"):
        yield "ecs.capability.private-registry-authentication.secretsmanager"
    if (router := container.get("firelensConfiguration")) is not None:
        yield f"ecs.capability.firelens.{router['type']}"
    for secret in container.get("secrets") or ():
        kind = "asm" if ":secretsmanager:" in secret["valueFrom"] else "ssm"
        yield f"ecs.capability.secrets.{kind}.environment-variables"
    driver = (container.get("logConfiguration") or {}).get("logDriver")
    if driver == "awslogs":
        yield f"{_AGENT}docker-remote-api.1.19"
        yield f"{_AGENT}logging-driver.awslogs"
        if role:
            yield "ecs.capability.execution-role-awslogs"
    elif driver == "awsfirelens":
        yield "ecs.capability.firelens.options"
    elif driver is not None:
        yield f"{_AGENT}logging-driver.{driver}"
