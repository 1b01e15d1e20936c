"""Log drivers: a container's output, delivered where its ``logConfiguration`` says.

``validate`` tells what is wrong with a configuration. ``open`` starts the delivery and answers with the task that does
it: the task ends when the output has ended and all of it is delivered; cancelled, it stops, and what was not delivered
comes again from the compute runtime after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.logdrivers import options
from cloudarium.services.ecs.logdrivers.records import LogStream

KEPT = ("json-file", "local")
"""Drivers that keep output with the container, where ``docker logs`` would read it."""
NOWHERE = ("none",)

__all__ = ["open", "validate"]


def validate(configuration: Mapping[str, Any] | None) -> str | None:
    """What is wrong with a ``logConfiguration``, or None."""
    if not configuration:
        return None
    driver, given = configuration.get("logDriver"), configuration.get("options") or {}
    if driver == "awslogs":
        return options.problem_with(given)
    if driver in ("awsfirelens", *KEPT, *NOWHERE):
        return None
    return f"the log driver {driver} is not implemented in Cloudarium yet"


async def open(
    cloud: Cloud,
    scope: Scope,
    task: Any,
    container: Mapping[str, Any],
    record: Any,
    stream: LogStream,
    principal: Principal | None = None,
) -> asyncio.Task[None] | None:
    """Begin to deliver a container's output.

    ``task`` needs an ``id``, ``container`` is its definition, ``record`` needs a ``runtime_id`` (the stream's name
    without a prefix). None when the driver keeps the output where it is. Raises ``AwsError``.
    """
    configuration = container.get("logConfiguration") or {}
    driver = configuration.get("logDriver")
    if (problem := validate(configuration)) is not None:
        raise NotThere(problem[0].upper() + problem[1:].removesuffix(" is not implemented in Cloudarium yet"))
    name = f"ecs logs {task.id} {container['name']}"
    if driver == "awslogs":
        from cloudarium.services.ecs.logdrivers.awslogs import AwsLogs

        destination = await AwsLogs.create(cloud, scope, task, container, record, principal)
        return cloud.clock.spawn(destination.pump(stream), name)
    if driver == "awsfirelens":
        from cloudarium.services.ecs.logdrivers.firelens.driver import FireLens

        return cloud.clock.spawn(FireLens(cloud, task, container, record).pump(stream), name)
    return None
