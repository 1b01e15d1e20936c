"""Output of containers by way of an engine."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudarium.substrate.compute.docker.api import Api
from cloudarium.substrate.compute.docker.container import Container
from cloudarium.substrate.compute.docker.labels import Facts
from cloudarium.substrate.compute.docker.logs import Logs
from cloudarium.substrate.compute.spec import Exit, LogRecord

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: paths of sockets are."""
    with tempfile.TemporaryDirectory(prefix="cloudarium-test-") as made:
        yield Path(made)


def frame(second: int, text: str) -> bytes:
    """A line on standard output, as engines wrap it."""
    line = f"2026-01-01T00:00:{second:02}.000000000Z {text}\n".encode()
    return b"\x01\0\0\0" + len(line).to_bytes(4, "big") + line


def test_an_engine_that_follows_for_ever(folder: Path) -> None:
    """It missed the end of the container: it is hung up on, and what it held back is read afterwards, once."""
    asked: list[bool] = []

    async def main() -> list[LogRecord]:
        container = Container(Facts(id="a"), "e", lambda _, __: None)
        container.started()
        silence = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            follows = b"follow=1" in await reader.readuntil(b"\r\n\r\n")
            asked.append(follows)
            writer.write(HEAD + frame(1, "first"))
            if follows:
                container.ended(Exit(code=0))
                await silence.wait()
            writer.write(frame(2, "last"))
            writer.close()

        async with await asyncio.start_unix_server(serve, str(folder / "s")):
            async with asyncio.timeout(20):
                found = [record async for batch in Logs(Api(str(folder / "s")), container, folder) for record in batch]
            silence.set()
        return found

    assert [record.data for record in asyncio.run(main())] == [b"first", b"last"]
    assert asked == [True, False]
