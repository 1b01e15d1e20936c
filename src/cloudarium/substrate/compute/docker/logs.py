"""A container's output from the engine's files, read on after restarts where it was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from cloudarium.substrate.compute.docker.api import Answer, Api, Query
from cloudarium.substrate.compute.docker.container import Container
from cloudarium.substrate.compute.docker.streams import BadStream, Cursor, Frames, Lines, records
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import LogRecord

_RETRY = 1.0
"""Host seconds until an engine that went away is asked again, or one that goes on after the end is hung up on."""


class Logs:
    """See ``runtime.LogStream``. How much a full log lost is not told by engines: ``dropped`` is 0."""

    dropped = 0

    def __init__(self, api: Api, container: Container, folder: Path) -> None:
        self._api = api
        self._container = container
        self._file = folder / "acked.json"
        self._cursor = Cursor(_places(self._file))
        self._closed = asyncio.Event()
        self._answer: Answer | None = None

    def __aiter__(self) -> AsyncIterator[list[LogRecord]]:
        return self._batches()

    async def _batches(self) -> AsyncIterator[list[LogRecord]]:
        container = self._container
        if not container.facts.logs:
            return
        await self._either(container.begun.wait())
        while not self._closed.is_set():
            # What is read after the end is complete: a stream that was followed may have been broken off.
            over = container.exit.done()
            try:
                async for batch in self._read(follow=not over):
                    yield batch
            except ComputeError as error:
                if error.kind != "unavailable":
                    return  # it was deleted, or its output cannot be read
            else:
                if over:
                    return
            if not self._closed.is_set() and not container.exit.done():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_RETRY):
                        await self._either(asyncio.shield(container.exit))

    async def _read(self, follow: bool) -> AsyncIterator[list[LogRecord]]:
        query: dict[str, str | int | list[str]] = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow)}
        if (since := self._cursor.since()) is not None:
            query["since"] = since
        answer = self._answer = await self._open(query)
        parser = Lines() if self._container.facts.terminal else Frames()
        end = asyncio.ensure_future(self._hang_up_after_exit(answer)) if follow else None
        try:
            async for data in answer.pieces():
                batch: list[LogRecord] = []
                for stream, frame in parser.feed(data):
                    when, found = records(stream, frame)
                    if self._cursor.is_new(stream, when):
                        batch += found
                if batch:
                    yield batch
                if self._closed.is_set():
                    return
        except BadStream as error:
            raise ComputeError("failed", f"the engine's log cannot be read: {error}") from error
        finally:
            if end is not None:
                end.cancel()
            answer.close()

    async def _hang_up_after_exit(self, answer: Answer) -> None:
        """An engine may miss the end of a container and follow its log for ever; what is left is read afterwards."""
        await asyncio.wait([self._container.exit])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RETRY):
                await self._closed.wait()
        answer.close()

    async def _open(self, query: Query) -> Answer:
        return await self._api.open("GET", f"{self._container.path}/logs", query)

    async def _either(self, waiting: object) -> None:
        """Wait for something, or to be closed."""
        tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(self._closed.wait())]  # type: ignore[call-overload]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in tasks:
                each.cancel()

    def ack(self) -> None:
        """Everything yielded so far was delivered."""
        scratch = self._file.with_suffix(".new")
        try:
            scratch.write_bytes(msgspec.json.encode(self._cursor.places))
            scratch.replace(self._file)
        except FileNotFoundError:
            pass  # it is being deleted

    def close(self) -> None:
        """Stop."""
        self._closed.set()
        if self._answer is not None:
            self._answer.close()


def _places(file: Path) -> dict[str, tuple[int, int]]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, tuple[int, int]])
    except (OSError, msgspec.MsgspecError):
        return {}
