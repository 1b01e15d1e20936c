"""Log configurations.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.ecs.errors import client

_FIRELENS = ("fluentd", "fluentbit")


def check(name: str, container: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Refuse a driver without the options it needs."""
    router = container.get("firelensConfiguration")
    if router is not None:
        _router(name, router, request)
    configuration = container.get("logConfiguration")
    if configuration is None:
        return
    driver, options = configuration["logDriver"], configuration.get("options") or {}
    if driver == "awslogs":
        _awslogs(name, options, request)
    if driver == "awsfirelens":
        if not any(each.get("firelensConfiguration") for each in request["containerDefinitions"]):
            raise client(
                "When a container uses the awsfirelens log driver, a container of the task definition must have a "
                "firelensConfiguration."
            )
        if router is not None:
            raise client(f"The log router container '{name}' cannot use the awsfirelens log driver.")


def _awslogs(name: str, options: Mapping[str, str], request: Mapping[str, Any]) -> None:
    fargate = "FARGATE" in (request.get("requiresCompatibilities") or ())
    needed = ["awslogs-group", "awslogs-region"] if fargate else ["awslogs-group"]
    if fargate:
        needed.append("awslogs-stream-prefix")
    for option in needed:
        if not options.get(option):
            raise client(f"Log driver awslogs requires options: {', '.join(needed)} (container '{name}').")
    mode = options.get("mode")
    if mode not in (None, "blocking", "non-blocking"):
        raise client(f"Invalid log driver option 'mode' for container '{name}': blocking and non-blocking are valid.")
    if "awslogs-datetime-format" in options and "awslogs-multiline-pattern" in options:
        raise client("awslogs-datetime-format and awslogs-multiline-pattern cannot be configured at the same time.")


def _router(name: str, router: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    routers = [each for each in request["containerDefinitions"] if each.get("firelensConfiguration")]
    if len(routers) > 1:
        raise client("A task definition can have only one container with a firelensConfiguration.")
    if router.get("type") not in _FIRELENS:
        raise client(f"Invalid 'firelensConfiguration.type' setting for container '{name}'.")
