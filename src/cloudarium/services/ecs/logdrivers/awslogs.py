"""The awslogs driver: a container's output into one log stream, through the cloud's own PutLogEvents.

Each batch of records is sent as soon as it is there, so that lines are seen at once; while a call is under way more
records gather, so that the busier a container, the larger the batches. Records are acknowledged only when PutLogEvents
has answered: nothing is lost when the cloud dies in between (some events may then come twice). An event of several
lines waits for its last line, at most ``awslogs-force-flush-interval-seconds`` (five) without a new one, as with
Docker's driver.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.logdrivers import options
from cloudarium.services.ecs.logdrivers.events import Assembler, Event
from cloudarium.services.ecs.logdrivers.records import LogRecord, LogStream

log = logging.getLogger(__name__)

MAX_BATCH = 1_048_576
MAX_EVENTS = 10_000
OVERHEAD = 26
_SPAN = 86_400.0 * 0.99
MOST_UNACKNOWLEDGED = 8 << 20
"""Held events are given up as they are when so many bytes wait behind them: the container must not come to wait."""
_FIRST_PAUSE, _LAST_PAUSE = 0.2, 30.0
_HOPELESS = ("InvalidParameterException", "ValidationException")


class AwsLogs:
    """One container's log stream."""

    def __init__(self, cloud: Cloud, scope: Scope, group: str, stream: str, given: Mapping[str, str]) -> None:
        self.group = group
        self.stream = stream
        self._cloud = cloud
        self._options = given
        self._hold = options.hold(given)
        self._assembler = Assembler(options.starts_event(given))
        self._unacknowledged = 0
        where = Scope(scope.account, given.get("awslogs-region") or scope.region)
        name = "ecs-tasks.amazonaws.com"
        self._logs = cloud.aws(where, Principal("AWSService", scope.account, name, name)).logs

    @classmethod
    async def create(
        cls,
        cloud: Cloud,
        scope: Scope,
        task: Any,
        container: Mapping[str, Any],
        record: Any,
        principal: Principal | None = None,
    ) -> AwsLogs:
        """Make sure that the stream is there, and the group when the options say so; raises ``AwsError``."""
        given = (container.get("logConfiguration") or {}).get("options") or {}
        prefix = given.get("awslogs-stream-prefix")
        named = given.get("awslogs-stream") or str(record.runtime_id)
        stream = f"{prefix}/{container['name']}/{task.id}" if prefix else named
        made = cls(cloud, scope, given["awslogs-group"], stream, given)
        if principal is not None:
            where = Scope(scope.account, given.get("awslogs-region") or scope.region)
            made._logs = cloud.aws(where, principal).logs
        if options.is_true(given.get("awslogs-create-stream", "true")):
            await made._create()
        return made

    async def _create(self) -> None:
        try:
            await self._create_stream()
        except AwsError as error:
            wanted = options.is_true(self._options.get("awslogs-create-group"))
            if error.code != "ResourceNotFoundException" or not wanted:
                raise
            try:
                await self._logs.create_log_group(logGroupName=self.group)
            except AwsError as second:
                if second.code != "ResourceAlreadyExistsException":
                    raise
            await self._create_stream()

    async def _create_stream(self) -> None:
        try:
            await self._logs.create_log_stream(logGroupName=self.group, logStreamName=self.stream)
        except AwsError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise

    # -- delivering ------------------------------------------------------------------------------------------------

    async def pump(self, stream: LogStream) -> None:
        """Deliver until the output has ended."""
        batches = stream.__aiter__()
        coming: asyncio.Future[list[LogRecord]] | None = None
        try:
            while True:
                if coming is None:
                    coming = asyncio.ensure_future(_next(batches))
                if self._assembler.holds:
                    # Host time: the writer is a real process.
                    await asyncio.wait([coming], timeout=self._hold)
                    if not coming.done():
                        await self._deliver(self._assembler.flush(), stream)
                        continue
                records, coming = await coming, None
                if not records:
                    break
                self._unacknowledged += sum(len(each.data) for each in records)
                events = self._assembler.add(records)
                if self._assembler.holds and self._unacknowledged > MOST_UNACKNOWLEDGED:
                    events += self._assembler.flush()
                await self._deliver(events, stream)
            await self._deliver(self._assembler.flush(), stream)
        finally:
            if coming is not None:
                coming.cancel()

    async def _deliver(self, events: list[Event], stream: LogStream) -> None:
        for batch in self._batches(events):
            await self._put(batch)
        if not self._assembler.holds:
            self._unacknowledged = 0
            stream.ack()

    def _batches(self, events: list[Event]) -> Iterator[list[dict[str, Any]]]:
        """In order of time, each as large as PutLogEvents takes it."""
        line = self._cloud.clock.state
        events.sort(key=_time)
        batch: list[dict[str, Any]] = []
        size, first = 0, 0.0
        for time, text in events:
            # Most texts are ASCII: then the length is known without encoding.
            length = (len(text) if text.isascii() else len(text.encode())) + OVERHEAD
            full = len(batch) >= MAX_EVENTS or size + length > MAX_BATCH
            if batch and (full or (time - first) * (line.scale or 1.0) > _SPAN):
                yield batch
                batch, size = [], 0
            if not batch:
                first = time
            # A stopped clock gives all lines its one moment.
            batch.append({"timestamp": int(line.at(time) * 1000), "message": text})
            size += length
        if batch:
            yield batch

    async def _put(self, events: list[dict[str, Any]]) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._logs.put_log_events(
                    logGroupName=self.group, logStreamName=self.stream, logEvents=events
                )  # fmt: skip
                return
            except AwsError as error:
                if error.code in _HOPELESS:
                    log.error("%s events for %s %s were refused: %s", len(events), self.group, self.stream, error)
                    return
                log.warning("events for %s %s could not be delivered yet: %s", self.group, self.stream, error)
                missing = error.code == "ResourceNotFoundException"
            await self._cloud.clock.sleep(pause)
            pause = min(_LAST_PAUSE, pause * 2)
            if missing and options.is_true(self._options.get("awslogs-create-stream", "true")):
                try:
                    await self._create()
                except AwsError:
                    continue


async def _next(batches: Any) -> list[LogRecord]:
    """The next batch that is not empty; an empty one at the end."""
    async for records in batches:
        if records:
            found: list[LogRecord] = records
            return found
    return []


def _time(event: Event) -> float:
    return event[0]
