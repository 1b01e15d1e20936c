"""A minute's readings, delivered: log events through CloudWatch Logs, and the metrics extracted from them.

Log group and streams are made when a delivery finds them missing. A delivery that fails is not repeated: the next
minute has newer numbers.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.metrics import TooManyMetrics
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.insights import counts, events, extraction, fargate
from cloudarium.services.ecs.insights.events import Subject
from cloudarium.services.ecs.insights.readings import Pair
from cloudarium.services.ecs.insights.storage import Storage
from cloudarium.services.ecs.resources import Cluster, ContainerInstance, ServiceRecord, Task, TaskDefinition

log = logging.getLogger(__name__)

_RETENTION_DAYS = 1
_FARGATE_STREAMS = 16
"""Among so many streams the Fargate tasks of a cluster are divided."""
_TASKS_PER_TURN = 10
_BATCH_BYTES = 1_000_000
_OVERHEAD = 26
_encode = msgspec.json.Encoder().encode

Streams = dict[str, list[dict[str, Any]]]


class Reading(NamedTuple):
    """A running task with its reservation (CPU units, MiB), and the counters of containers read before, by name."""

    scope: Scope
    task: Task
    reserved: tuple[float, float]
    pairs: Mapping[str, Pair]


async def publish(cloud: Cloud, minute: Sequence[Reading], storage: Storage | None = None) -> None:
    """Publish what is to be known of the running tasks, for the clusters that want it.

    Without ``storage`` nothing is told of used ephemeral storage.
    """
    try:
        fargate.record(cloud.metrics, ((each.scope, each.task) for each in minute), cloud.clock.now())
    except TooManyMetrics:
        log.warning("the use of Fargate is not known for this minute: there are too many metrics")
    by_cluster: dict[tuple[Scope, str], list[Reading]] = {}
    for each in minute:
        by_cluster.setdefault((each.scope, each.task.cluster), []).append(each)
    for (scope, name), found in by_cluster.items():
        cluster = cloud.store.table(Cluster).get(scope, name)
        setting = cluster.settings.get("containerInsights") if cluster is not None else None
        if setting in ("enabled", "enhanced"):
            fargate_tasks = [each.task for each in found if each.pairs and events.has_storage(each.task)]
            used = await asyncio.to_thread(storage.used, fargate_tasks) if storage and fargate_tasks else {}
            await _publish(cloud, scope, name, found, used, setting == "enhanced")


async def _publish(
    cloud: Cloud, scope: Scope, cluster: str, minute: list[Reading], used: Mapping[str, int], enhanced: bool
) -> None:
    now = cloud.clock.now() // 60 * 60
    at = int(now * 1000)
    streams: Streams = {}
    for begin in range(0, len(minute), _TASKS_PER_TURN):
        some = minute[begin : begin + _TASKS_PER_TURN]
        _take(cloud, scope, cluster, streams, _of_tasks(cloud, some, used, at, enhanced), now)
        # Others are served between a few tasks and the next.
        await asyncio.sleep(0)
    _take(cloud, scope, cluster, streams, _of_counts(cloud, scope, cluster, [each.task for each in minute], at), now)
    for stream, found in streams.items():
        for batch in _batches(found):
            await _deliver(cloud, scope, f"/aws/ecs/containerinsights/{cluster}/performance", stream, batch)


def _take(cloud: Cloud, scope: Scope, cluster: str, streams: Streams, written: Streams, now: float) -> None:
    """Add events to those to be delivered, and record their metrics."""
    for stream, found in written.items():
        streams.setdefault(stream, []).extend(found)
    try:
        cloud.metrics.put(scope, extraction.points((each for found in written.values() for each in found), now))
    except TooManyMetrics:
        log.warning("metrics of cluster %s were not taken: there are too many metrics", cluster)


def _of_tasks(cloud: Cloud, some: Sequence[Reading], used: Mapping[str, int], at: int, enhanced: bool) -> Streams:
    streams: Streams = {}
    for each in some:
        if each.pairs and (subject := _subject(cloud, each, used.get(each.task.id))) is not None:
            stream = streams.setdefault(_stream(each.task), [])
            stream.append(events.of_task(subject, at, enhanced))
            stream += events.of_containers(subject, at, enhanced)
    return streams


def _of_counts(cloud: Cloud, scope: Scope, cluster: str, tasks: list[Task], at: int) -> Streams:
    store = cloud.store
    streams: Streams = {}
    for name in sorted({task.service for task in tasks} - {""}):
        service = store.table(ServiceRecord).get(scope, f"{cluster}/{name}")
        if service is not None:
            streams[f"ServiceTelemetry-{name}"] = [counts.of_service(store, scope, service, at)]
    streams[f"ClusterTelemetry-{cluster}"] = [counts.of_cluster(store, scope, cluster, tasks, at)]
    return streams


def _subject(cloud: Cloud, reading: Reading, used: int | None) -> Subject | None:
    task, scope = reading.task, reading.scope
    definition = cloud.store.table(TaskDefinition).get(scope, task.task_definition_arn)
    if definition is None:
        return None
    instances = cloud.store.table(ContainerInstance)
    return Subject(
        scope,
        task,
        reading.pairs,
        definition.network_mode,
        reading.reserved,
        frozenset(each["name"] for each in definition.containers if (each.get("restartPolicy") or {}).get("enabled")),
        instances.get(scope, task.container_instance) if task.container_instance else None,
        used,
    )


def _stream(task: Task) -> str:
    if task.container_instance:
        return f"AgentTelemetry-{task.container_instance}"
    return f"FargateTelemetry-{1000 + zlib.crc32(task.id.encode()) % _FARGATE_STREAMS}"


def _batches(found: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As large as PutLogEvents takes them."""
    batch: list[dict[str, Any]] = []
    size = 0
    for event in found:
        message = _encode(event)
        length = len(message) + _OVERHEAD
        if batch and size + length > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append({"timestamp": event["Timestamp"], "message": message.decode()})
        size += length
    if batch:
        yield batch


async def _deliver(cloud: Cloud, scope: Scope, group: str, stream: str, batch: list[dict[str, Any]]) -> None:
    logs = cloud.context(scope, "ecs").aws.logs
    try:
        try:
            await logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            await _create(logs, group, stream)
            await logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
    except AwsError as error:
        log.warning("%s performance log events for %s were not taken: %s", len(batch), group, error)


async def _create(logs: Any, group: str, stream: str) -> None:
    try:
        await logs.create_log_group(logGroupName=group)
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
    else:
        await logs.put_retention_policy(logGroupName=group, retentionInDays=_RETENTION_DAYS)
    try:
        await logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
