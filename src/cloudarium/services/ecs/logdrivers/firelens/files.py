"""The files that a task's router needs: its configuration and the folder of its socket, shared with this process."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cloudarium.kernel.client import AwsClients
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.ecs.logdrivers.firelens import config


class RouterMount(NamedTuple):
    """A host path to be bound into the router's container."""

    source: str
    target: str
    readonly: bool


def folder_of(cloud: Cloud, task_id: str) -> Path:
    """Where a router's files are: with everything else that goes with its task."""
    return Path(cloud.images.root) / "ecs" / "tasks" / task_id / "firelens"


async def prepare(
    cloud: Cloud, aws: AwsClients, task: Any, definition: Mapping[str, Any], metadata: Mapping[str, str]
) -> list[RouterMount]:
    """Write the router's files before it is created; what to mount into it. Nothing for a task without a router.

    ``aws`` is AWS as the execution role. ``metadata``: ecs_cluster, ecs_task_arn, ecs_task_definition. Raises
    ``AwsError`` when a configuration in S3 cannot be read.
    """
    containers: Sequence[Mapping[str, Any]] = definition["containerDefinitions"]
    router = next((each for each in containers if each.get("firelensConfiguration")), None)
    if router is None:
        return []
    firelens = router["firelensConfiguration"]
    folder = folder_of(cloud, task.id)
    (folder / "socket").mkdir(parents=True, exist_ok=True)
    (folder / "socket").chmod(0o777)
    make = config.fluent_bit if firelens["type"] == "fluentbit" else config.fluentd
    written = folder / "router.conf"
    written.write_text(make(firelens, containers, metadata, definition.get("networkMode") or "bridge"))
    mounts = [
        RouterMount(str(folder / "socket"), "/var/run", False),
        RouterMount(str(written), config.CONFIG[firelens["type"]], True),
    ]
    options = firelens.get("options") or {}
    if options.get("config-file-type") == "s3":
        external = folder / "external.conf"
        external.write_bytes(await _from_s3(aws, options.get("config-file-value") or ""))
        mounts.append(RouterMount(str(external), config.EXTERNAL[firelens["type"]], True))
    elif options.get("config-file-type") not in (None, "file"):
        raise NotThere(f"A FireLens configuration of the type {options['config-file-type']}")
    return mounts


async def _from_s3(aws: AwsClients, arn: str) -> bytes:
    bucket, _, key = arn.rpartition(":::")[2].partition("/")
    if not arn.startswith("arn:") or not bucket or not key:
        raise AwsError("ClientException", f"Invalid config-file-value: {arn}", 400)
    answer = await aws.s3.get_object(Bucket=bucket, Key=key)
    body = answer["Body"]
    return bytes(body.read()) if hasattr(body, "read") else bytes(body)


def remove(cloud: Cloud, task_id: str) -> None:
    """Remove a task's files."""
    shutil.rmtree(folder_of(cloud, task_id), ignore_errors=True)
