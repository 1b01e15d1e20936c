"""What Fargate asks of a task definition.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudarium.services.ecs.errors import client
from cloudarium.services.ecs.validation import sizes

_ECR = re.compile(r"[0-9]{12}\.dkr[.-]ecr[.-].+")
_LOG_DRIVERS = ("awslogs", "awsfirelens", "splunk")
_LINUX = ("devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness")
LEAST_STORAGE, MOST_STORAGE = 21, 200
"""GiB of ephemeral storage."""


def unsupported(what: str) -> Exception:
    """AWS's words for what Fargate does not do."""
    return client(f"Tasks using the Fargate launch type do not support {what}.")


def check(request: Mapping[str, Any]) -> None:
    """Refuse what Fargate refuses."""
    if request.get("networkMode") != "awsvpc":
        raise client("Fargate only supports network mode ‘awsvpc’.")
    for member in ("cpu", "memory"):
        if not request.get(member):
            raise client(f"Fargate requires that '{member}' be defined at the task level.")
    sizes.check_fargate(sizes.cpu(request["cpu"]), sizes.memory(request["memory"]))
    if request.get("ipcMode"):
        raise unsupported("ipcMode")
    if request.get("pidMode") == "host":
        raise unsupported("pidMode host")
    if request.get("placementConstraints"):
        raise unsupported("placementConstraints")
    storage = (request.get("ephemeralStorage") or {}).get("sizeInGiB")
    if storage is not None and not LEAST_STORAGE <= storage <= MOST_STORAGE:
        raise client(f"Fargate ephemeral storage size must be between {LEAST_STORAGE} and {MOST_STORAGE} GiB.")
    for volume in request.get("volumes") or ():
        if volume.get("dockerVolumeConfiguration") is not None:
            raise unsupported("dockerVolumeConfiguration")
        if (volume.get("host") or {}).get("sourcePath"):
            raise unsupported("host volumes with a sourcePath")
    role = request.get("executionRoleArn")
    for container in request["containerDefinitions"]:
        _container(container, role)


def _container(container: Mapping[str, Any], role: str | None) -> None:
    if container.get("privileged"):
        raise unsupported("privileged containers")
    if container.get("disableNetworking"):
        raise unsupported("disableNetworking")
    if container.get("dockerSecurityOptions"):
        raise unsupported("dockerSecurityOptions")
    linux = container.get("linuxParameters") or {}
    for member in _LINUX:
        if linux.get(member):
            raise unsupported(member)
    added = (linux.get("capabilities") or {}).get("add") or ()
    if any(each != "SYS_PTRACE" for each in added):
        raise unsupported("adding Linux capabilities other than SYS_PTRACE")
    for member in ("startTimeout", "stopTimeout"):
        seconds = container.get(member)
        if seconds is not None and not 2 <= seconds <= 120:
            raise client(f"{member} must be between 2 and 120 seconds for tasks using the Fargate launch type.")
    driver = (container.get("logConfiguration") or {}).get("logDriver")
    if driver is not None and driver not in _LOG_DRIVERS:
        raise client(
            f"Log driver '{driver}' is not supported for tasks using the Fargate launch type. "
            f"Supported log drivers: {', '.join(_LOG_DRIVERS)}."
        )
    if role:
        return
    needs = "Fargate requires task definition to have execution role ARN to support "
    if container.get("secrets") or (container.get("logConfiguration") or {}).get("secretOptions"):
        raise client("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
    if driver == "awslogs":
        raise client(needs + "log driver awslogs.")
    if _ECR.match(container.get("image") or ""):
        raise client(needs + "ECR images.")
