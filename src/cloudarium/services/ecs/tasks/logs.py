"""Output of containers, handed to the log driver that the definition names. Without one it goes nowhere.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.client import AwsClients
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs import logdrivers
from cloudarium.services.ecs.resources import ContainerState, Task
from cloudarium.services.ecs.tasks import reasons
from cloudarium.substrate.compute.spec import Mount


def driver_of(container: Mapping[str, Any]) -> str:
    """The name of the log driver of a container definition, empty for none."""
    return str((container.get("logConfiguration") or {}).get("logDriver") or "")


def stream_name(task: Task, container: Mapping[str, Any]) -> str:
    """``<prefix>/<container>/<task>``: the awslogs stream of a container; empty without a prefix."""
    prefix = ((container.get("logConfiguration") or {}).get("options") or {}).get("awslogs-stream-prefix")
    return f"{prefix}/{container['name']}/{task.id}" if prefix else ""


async def begin(
    cloud: Cloud,
    scope: Scope,
    task: Task,
    container: Mapping[str, Any],
    record: ContainerState | None,
    principal: Principal | None,
) -> asyncio.Task[None] | None:
    """Begin to deliver a container's output, as ``principal`` (the execution role); the task that does it.

    None where nothing is to be delivered. Raises CannotRun when the driver refuses.
    """
    if not driver_of(container) or record is None:
        return None
    try:
        stream = cloud.compute.logs(record.runtime_id)
        return await logdrivers.open(cloud, scope, task, container, record, stream, principal)
    except NotThere as error:
        raise reasons.logger_args(error.message) from error
    except AwsError as error:
        cause = f"failed to create Cloudwatch log stream: {error.code}: {error.message}"
        raise reasons.logger_args(f"create stream has been retried 1 times: {cause} : exit status 1") from error


async def router_mounts(
    cloud: Cloud, aws: AwsClients, task: Task, definition: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]
) -> list[Mount]:
    """What a FireLens log router needs in its container: its configuration and its socket. Raises CannotRun.

    ``aws`` is AWS as the execution role, which may read a configuration in S3.
    """
    from cloudarium.services.ecs.logdrivers.firelens import files

    metadata = {
        "ecs_cluster": task.cluster,
        "ecs_task_arn": task.arn,
        "ecs_task_definition": f"{task.family}:{task.revision}",
    }
    body = {**definition, "containerDefinitions": containers}
    try:
        found = await files.prepare(cloud, aws, task, body, metadata)
    except AwsError as error:
        raise reasons.resource(f"failed to create firelens config file: {error.message}") from error
    return [Mount(source=each.source, target=each.target, readonly=each.readonly) for each in found]


def forget_router(cloud: Cloud, task_id: str) -> None:
    """Remove a log router's files. Blocking."""
    from cloudarium.services.ecs.logdrivers.firelens import files

    files.remove(cloud, task_id)
