"""Writes exports: ``<prefix>/<task id>/<stream>/<number>.gz``, each line its event's time and text.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html. A task that was under way when the cloud died
begins anew and writes the same objects again.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.errors import no_group
from cloudarium.services.logs.protection.history import histories
from cloudarium.services.logs.reading.masking import masked
from cloudarium.services.logs.resources import ExportTask, LogGroup
from cloudarium.services.logs.storage import Batch, LogStorage

log = logging.getLogger(__name__)

_FILE_BYTES = 16 << 20
"""Compressed bytes after which a stream's next file begins."""
_BETWEEN = 1.0
"""Cloud seconds after which a pending task is taken up: clients see it pending first, as on AWS."""


class Exports:
    """All export tasks of a cloud."""

    def __init__(self, cloud: Cloud, storage: LogStorage) -> None:
        self._cloud = cloud
        self._storage = storage
        self._tasks = cloud.store.table(ExportTask)
        self._groups = cloud.store.table(LogGroup)

    def every(self) -> Iterable[tuple[Scope, str]]:
        """Tasks that are not over."""
        active = ("PENDING", "RUNNING")
        return [(scope, each.id) for scope, each in self._tasks.everywhere() if each.status in active]

    async def reconcile(self, key: tuple[Scope, str]) -> float | None:
        """Do the next step of a task."""
        scope, name = key
        task = self._tasks.get(scope, name)
        if task is None or task.status not in ("PENDING", "RUNNING"):
            return None
        if task.status == "PENDING":
            self._tasks.put(scope, task.replace(status="RUNNING"))
            return _BETWEEN
        try:
            await self._write(scope, task)
            status, message = "COMPLETED", ""
        except AwsError as error:
            status, message = "FAILED", f"{error.code}: {error.message}"
        current = self._tasks.get(scope, name)
        if current is not None and current.status == "RUNNING":
            now = int(self._cloud.clock.now() * 1000)
            self._tasks.put(scope, current.replace(status=status, message=message, completed=now))
        return None

    async def _write(self, scope: Scope, task: ExportTask) -> None:
        catalog = self._storage.catalog
        after: str | None = None
        while rows := catalog.by_name(task.group, prefix=task.stream_prefix, after=after, limit=100):
            for row in rows:
                current = self._tasks.get(scope, task.id)
                if current is None or current.status != "RUNNING":
                    return
                # "from" and "to" are both included.
                if row.last is not None and row.first is not None and row.last >= task.start and row.first <= task.end:
                    await self._stream(scope, task, row.id, row.name)
            after = rows[-1].name
        self._group(scope, task)

    def _group(self, scope: Scope, task: ExportTask) -> LogGroup:
        """The task's group; raises ResourceNotFoundException once it is deleted."""
        found = self._groups.find(scope, "uid", task.group)
        if not found:
            raise no_group()
        return found[0]

    async def _stream(self, scope: Scope, task: ExportTask, stream: int, name: str) -> None:
        group = self._group(scope, task)
        start = task.start
        if group.retention is not None:
            # What has expired is not exported, whether or not its file is gone yet.
            start = max(start, int((self._cloud.clock.now() - group.retention * 86_400) * 1000))
        s3 = self._cloud.context(scope, "logs").aws.s3
        # A stream's name may have slashes, which would make folders of it.
        folder = f"{task.prefix}/{task.id}/{name.replace('/', '-')}"
        number, packed, packer = 0, bytearray(), _packer()

        async def put() -> None:
            body = bytes(packed) + packer.flush()
            await s3.put_object(Bucket=task.bucket, Key=f"{folder}/{number:06d}.gz", Body=body)

        written = 0
        for batch in self._storage.scan(task.group, start, task.end, [stream]):
            found = histories(self._cloud.store, scope, self._group(scope, task))
            packed += packer.compress(_lines(masked(found, batch)))
            written += len(batch)
            if len(packed) >= _FILE_BYTES:
                await put()
                number, packed, packer, written = number + 1, bytearray(), _packer(), 0
            await asyncio.sleep(0)
        if written:
            await put()


def _packer() -> zlib._Compress:
    return zlib.compressobj(6, zlib.DEFLATED, 31)


def _lines(batch: Batch) -> bytes:
    lines = []
    for time, message in zip(batch.times, batch.messages(), strict=True):
        moment = datetime.fromtimestamp(time // 1000, UTC)
        lines.append(b"%s.%03dZ %s\n" % (moment.strftime("%Y-%m-%dT%H:%M:%S").encode(), time % 1000, message))
    return b"".join(lines)
