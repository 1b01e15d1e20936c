"""The awsfirelens driver: records of a container to the router's socket, each batch acknowledged by the router.

Records look as Docker's fluentd driver makes them: ``log``, ``source``, ``container_id``, ``container_name``; a long
line's pieces carry ``partial_message``. Host time guards the socket: its peer is a real process.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.ecs.logdrivers.events import text_of
from cloudarium.services.ecs.logdrivers.firelens import forward
from cloudarium.services.ecs.logdrivers.firelens.config import tag_of
from cloudarium.services.ecs.logdrivers.firelens.files import folder_of
from cloudarium.services.ecs.logdrivers.records import LogRecord, LogStream

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 30.0
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 5.0
_MOST_ENTRIES = 2_000
_MOST_ANSWER = 4096


class FireLens:
    """One container's way to its router."""

    def __init__(self, cloud: Cloud, task: Any, container: Mapping[str, Any], record: Any) -> None:
        self._cloud = cloud
        self._path = folder_of(cloud, task.id) / "socket" / "fluent.sock"
        self._tag = tag_of(container["name"], task.id)
        self._about = {"container_id": str(record.runtime_id), "container_name": f"/{container['name']}"}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def pump(self, stream: LogStream) -> None:
        """Deliver until the output has ended."""
        try:
            async for records in stream:
                for at in range(0, len(records), _MOST_ENTRIES):
                    await self._send([self._entry(each) for each in records[at : at + _MOST_ENTRIES]])
                stream.ack()
        finally:
            self._disconnect()

    def _entry(self, record: LogRecord) -> tuple[float, dict[str, Any]]:
        entry = {**self._about, "source": record.stream, "log": text_of(record.data)}
        if record.partial:
            entry["partial_message"] = "true"
        return self._cloud.clock.state.at(record.time), entry

    async def _send(self, entries: list[tuple[float, dict[str, Any]]]) -> None:
        data, chunk = forward.message(self._tag, entries)
        pause = _FIRST_PAUSE
        while True:
            try:
                await asyncio.wait_for(self._exchange(data, chunk), _ANSWER_SECONDS)
                return
            except (OSError, ValueError, TimeoutError, EOFError) as error:
                log.info("the log router at %s did not take records yet: %s", self._path, error)
                self._disconnect()
            await asyncio.sleep(pause)
            pause = min(_LAST_PAUSE, pause * 2)

    async def _exchange(self, data: bytes, chunk: str) -> None:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await _dial(self._path)
        self._writer.write(data)
        await self._writer.drain()
        answer = b""
        while (acknowledged := forward.acknowledged(answer) if answer else None) is None:
            more = await self._reader.read(_MOST_ANSWER)
            if not more or len(answer) > _MOST_ANSWER:
                raise EOFError("the connection ended before the acknowledgement")
            answer += more
        if acknowledged != chunk:
            raise ValueError("another chunk was acknowledged")

    def _disconnect(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def _dial(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """By the folder's descriptor: the path of a unix socket has at most 107 bytes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
