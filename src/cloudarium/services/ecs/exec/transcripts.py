"""What was said in a session, kept where its cluster's configuration says: CloudWatch Logs, S3, both, or nowhere.

Without a configuration, and with logging DEFAULT, it goes to the log group of the container's awslogs driver, if it
has one. As on AWS it is delivered when the session is over; here the command needs no ``script`` in the image for it.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-logging
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope

log = logging.getLogger(__name__)

MOST_BYTES = 4 * 1024 * 1024
"""Of a session's output; what comes after it is not kept, and the transcript says so."""
_EVENT = 64 * 1024
_BATCH = 900_000


class Destination(msgspec.Struct, frozen=True):
    """Where a transcript goes; empty names for nowhere."""

    region: str
    group: str = ""
    bucket: str = ""
    prefix: str = ""

    def __bool__(self) -> bool:
        return bool(self.group or self.bucket)


def destination(cluster: Mapping[str, Any], container: Mapping[str, Any], region: str) -> Destination:
    """By a cluster's ``configuration`` and a container definition."""
    execute = cluster.get("executeCommandConfiguration") or {}
    kind = execute.get("logging", "DEFAULT")
    if kind == "OVERRIDE":
        given = execute.get("logConfiguration") or {}
        return Destination(
            region, given.get("cloudWatchLogGroupName", ""), given.get("s3BucketName", ""), given.get("s3KeyPrefix", "")
        )
    driver = container.get("logConfiguration") or {}
    if kind == "NONE" or driver.get("logDriver") != "awslogs":
        return Destination(region)
    options = driver.get("options") or {}
    return Destination(options.get("awslogs-region", region), options.get("awslogs-group", ""))


class Transcript:
    """One session's output."""

    def __init__(self, where: Destination) -> None:
        self._where = where
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """Keep some output."""
        if self._where and self._size < MOST_BYTES:
            self._size += len(data)
            self._pieces.append(data)

    async def deliver(self, cloud: Cloud, scope: Scope, session_id: str) -> None:
        """Put it where it belongs; what AWS refuses is in the log of the cloud, as nobody waits for it."""
        if not self._where or not self._size:
            return
        text = b"".join(self._pieces).decode("utf-8", "replace")
        if self._size >= MOST_BYTES:
            text += "\n[the rest of the output was not kept]\n"
        aws = cloud.aws(Scope(scope.account, self._where.region), cloud.context(scope, "ecs").principal)
        try:
            if self._where.group:
                await _to_logs(aws, self._where.group, session_id, text, int(cloud.clock.now() * 1000))
            if self._where.bucket:
                key = "/".join(part for part in (self._where.prefix.strip("/"), f"{session_id}.log") if part)
                await aws.s3.put_object(Bucket=self._where.bucket, Key=key, Body=text.encode())
        except AwsError as error:
            log.warning("the transcript of %s was not delivered: %s", session_id, error)


async def _to_logs(aws: Any, group: str, stream: str, text: str, now: int) -> None:
    await aws.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events: list[dict[str, Any]] = []
    size = 0
    for line in text.replace("\r\n", "\n").split("\n"):
        for start in range(0, len(line), _EVENT):
            events.append({"timestamp": now, "message": line[start : start + _EVENT]})
            size += 4 * len(events[-1]["message"]) + 26
            if size > _BATCH:
                await aws.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
                events, size = [], 0
    if events:
        await aws.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
