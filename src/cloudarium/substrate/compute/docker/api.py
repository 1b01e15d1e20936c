"""Docker's API over a unix socket: requests, streams and hijacked connections. One connection per request.

    api = Api("/var/run/docker.sock")
    facts = await api.call("GET", "/containers/x/json")

Errors are ComputeErrors in the engine's words. Guards are in host time: the engine is a real process beside the cloud.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import urlencode

from cloudarium.substrate.compute.errors import ComputeError, Kind
from cloudarium.substrate.http.chunked import ChunkedBody
from cloudarium.substrate.http.faults import ProtocolError
from cloudarium.substrate.http.framing import CHUNKED, UNTIL_CLOSE
from cloudarium.substrate.http.heads import ResponseHead, parse_response_head

_PATIENCE = 60.0
"""Host seconds for an answer, where nothing is waited for but the engine."""
_ANSWER_LIMIT = 32 * 1024 * 1024
_HEAD_LIMIT = 64 * 1024
_CHUNK = 64 * 1024
_KINDS: dict[int, Kind] = {400: "invalid", 404: "not-found", 409: "conflict"}

Query = Mapping[str, str | int | list[str]]


class Answer:
    """A response whose body is still to come; to be closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: ResponseHead) -> None:
        self.status = head.status
        self.reader = reader
        self.writer = writer
        self._length = head.length
        self._chunks = ChunkedBody()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises ComputeError when it is broken off or is not HTTP."""
        left = self._length
        while not (self._chunks.done if left == CHUNKED else left == 0):
            try:
                data = await self.reader.read(_CHUNK if left < 0 else min(_CHUNK, left))
            except OSError as error:
                raise _broken(error) from error
            if not data:
                if left == UNTIL_CLOSE:
                    return
                raise _broken("the engine closed the connection")
            if left == CHUNKED:
                payload: list[bytes] = []
                try:
                    self._chunks.feed(data, 0, payload)
                except ProtocolError as error:
                    raise ComputeError("failed", f"the engine does not speak HTTP: {error}") from error
                for piece in payload:
                    yield piece
            else:
                left -= len(data) if left > 0 else 0
                yield data

    async def body(self) -> bytes:
        """All of it. Raises ComputeError when that is too much."""
        found = bytearray()
        async for piece in self.pieces():
            found += piece
            if len(found) > _ANSWER_LIMIT:
                raise ComputeError("failed", "the engine's answer is too long")
        return bytes(found)

    def close(self) -> None:
        """Hang up."""
        self.writer.transport.abort()


class Api:
    """Requests to the engine at ``path``, in the version of the API that ``version`` says (empty: its newest)."""

    def __init__(self, path: str, version: str = "") -> None:
        self.path = path
        self.version = version

    async def call(
        self, method: str, path: str, query: Query | None = None, body: Any = None, patience: float | None = _PATIENCE
    ) -> Any:
        """The answer's JSON, None without. Raises ComputeError."""
        try:
            async with asyncio.timeout(patience):
                answer = await self.open(method, path, query, body)
                try:
                    data = await answer.body()
                finally:
                    answer.close()
        except TimeoutError:
            raise ComputeError("failed", f"the engine did not answer {method} {path}") from None
        return decode(data)

    async def open(
        self, method: str, path: str, query: Query | None = None, body: Any = None, upgrade: bool = False
    ) -> Answer:
        """The same, body not yet read. With ``upgrade`` the connection is the process's, both ways."""
        data = b"" if body is None else json.dumps(body).encode()
        reader, writer = await self._connect()
        try:
            fields = "Connection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else "Connection: close\r\n"
            if body is not None:
                fields += "Content-Type: application/json\r\n"
            writer.write(self._head(method, path, query or {}, f"{fields}Content-Length: {len(data)}\r\n") + data)
            return await _answer(reader, writer, method)
        except BaseException:
            writer.transport.abort()
            raise

    async def upload(self, path: str, query: Query, file: BinaryIO, size: int) -> list[Any]:
        """POST a tar archive; the JSON values of the answer. Reading the file is left to the page cache."""
        reader, writer = await self._connect()
        try:
            fields = f"Connection: close\r\nContent-Type: application/x-tar\r\nContent-Length: {size}\r\n"
            writer.write(self._head("POST", path, query, fields))
            with contextlib.suppress(OSError):  # an engine that refuses does not read on: its answer says why
                while piece := file.read(_CHUNK):
                    writer.write(piece)
                    await writer.drain()
            body = await (await _answer(reader, writer, "POST")).body()
        finally:
            writer.transport.abort()
        return [decode(line) for line in body.splitlines() if line.strip()]

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(self.path, limit=_HEAD_LIMIT)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ComputeError("unavailable", f"no engine answers at {self.path}: {reason}") from error

    def _head(self, method: str, path: str, query: Query, fields: str) -> bytes:
        version = f"/v{self.version}" if self.version else ""
        tail = f"?{urlencode(query, doseq=True)}" if query else ""
        return f"{method} {version}{path}{tail} HTTP/1.1\r\nHost: engine\r\n{fields}\r\n".encode()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str) -> Answer:
    try:
        while True:
            head = parse_response_head(await reader.readuntil(b"\r\n\r\n"))
            if head.status != HTTPStatus.CONTINUE:
                break
    except (asyncio.IncompleteReadError, OSError) as error:
        raise _broken("the engine closed the connection") from error
    except (asyncio.LimitOverrunError, ProtocolError) as error:
        raise ComputeError("failed", f"the engine does not speak HTTP: {error}") from error
    answer = Answer(reader, writer, head)
    if head.status >= 400:
        text = decode(await answer.body())
        message = text.get("message") if isinstance(text, dict) else None
        raise ComputeError(_KINDS.get(head.status, "failed"), _line(message or f"the engine answered {head.status}"))
    return answer


def decode(data: bytes) -> Any:
    """JSON, None for nothing. Raises ComputeError."""
    if not data.strip():
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise ComputeError("failed", f"the engine's answer is not JSON: {data[:100]!r}") from None


def _line(text: object) -> str:
    return " ".join(str(text).split())[:2000]


def _broken(reason: object) -> ComputeError:
    return ComputeError("unavailable", f"the engine went away: {reason}")
