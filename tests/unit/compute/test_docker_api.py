"""Talking to an engine over its socket: bodies of every framing, refusals, and engines that are none."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudarium.kernel.clock import Clock
from cloudarium.substrate.compute.docker.api import Api
from cloudarium.substrate.compute.docker.driver import DockerRuntime
from cloudarium.substrate.compute.docker.engine import DEFAULT, probe, socket_path
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.opening import chosen
from cloudarium.substrate.compute.spec import ContainerSpec


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: paths of sockets are."""
    with tempfile.TemporaryDirectory(prefix="cloudarium-test-") as made:
        yield Path(made)


def talk(path: Path, answer: bytes, body: Callable[[Api], Awaitable[Any]]) -> tuple[bytes, Any]:
    """What was asked of an engine that says ``answer`` and hangs up, and what came of it."""
    asked = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def main() -> Any:
        async with await asyncio.start_unix_server(serve, str(path / "s")):
            return await body(Api(str(path / "s"), "1.44"))

    try:
        found = asyncio.run(main())
        return bytes(asked), found
    finally:
        (path / "s").unlink(missing_ok=True)


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n5;x=y\r\n": 1}\r\n0\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"a": 1}',
        b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n{"a": 1}',
    ],
)
def test_bodies(folder: Path, answer: bytes) -> None:
    asked, found = talk(folder, answer, lambda api: api.call("GET", "/x", {"f": '{"l":1}', "c": ["1", "2"]}))
    assert found == {"a": 1}
    assert asked.startswith(b"GET /v1.44/x?f=%7B%22l%22%3A1%7D&c=1&c=2 HTTP/1.1\r\nHost: engine\r\n")


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (b'HTTP/1.1 404 N\r\nContent-Length: 23\r\n\r\n{"message":"no\\n such"}', "not-found", "no such"),
        (b"HTTP/1.1 409 C\r\nContent-Length: 0\r\n\r\n", "conflict", "409"),
        (b'HTTP/1.1 500 E\r\nContent-Length: 15\r\n\r\n{"message":"m"}', "failed", "m"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{x}", "failed", "not JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{x}", "unavailable", "closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "failed", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "unavailable", "closed"),
        (b"SSH-2.0-x\r\n\r\n", "failed", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000, "failed", "does not speak HTTP"),
        (b"", "unavailable", "closed"),
    ],
)
def test_refusals(folder: Path, answer: bytes, kind: str, text: str) -> None:
    with pytest.raises(ComputeError) as raised:
        talk(folder, answer, lambda api: api.call("GET", "/x"))
    assert raised.value.kind == kind and text in raised.value.message


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
@example(b"[]")
@example(b"[" * 300)
def test_garbage_in_a_body_is_an_error_of_ours(data: bytes) -> None:
    for head in (b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(data)):
        with tempfile.TemporaryDirectory(prefix="cloudarium-test-") as made:
            try:
                talk(Path(made), b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (head, data), lambda api: api.call("GET", "/"))
            except ComputeError as error:
                assert error.message


def test_no_engine(folder: Path) -> None:
    async def main() -> None:
        runtime = DockerRuntime(folder / "engine", Clock(), f"unix://{folder}/none.sock")
        found = runtime.capabilities
        assert not found.available and "no engine answers at" in found.reason
        assert await runtime.recover() == []
        with pytest.raises(ComputeError) as raised:
            await runtime.create(ContainerSpec(id="a", argv=["x"]))
        assert raised.value.kind == "unavailable"
        await runtime.reset()
        await runtime.close()
        assert not (folder / "engine").exists()

    asyncio.run(main())


def test_what_runs_in_a_slow_engine_is_not_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudarium.substrate.compute.docker.engine._PATIENCE", 0.2)
    (folder / "engine").mkdir()
    (folder / "engine" / "owner").write_text("me")
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"ApiVersion":"1.24"}'
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/s")
        listening.listen()

        def serve() -> None:
            silent = [listening.accept()[0] for _ in range(2)]
            asked, _ = listening.accept()
            asked.recv(4096)
            asked.sendall(answer)
            for each in (*silent, asked):
                each.close()

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ComputeError, match="too old"):
            asyncio.run(DockerRuntime(folder / "engine", Clock(), f"unix://{folder}/s").recover())
        thread.join()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"ApiVersion":"1.24"}', "too old"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "is no engine"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "is no engine"),
        (b"hello\r\n", "is no engine"),
    ],
)
def test_what_is_no_engine(folder: Path, answer: bytes, reason: str) -> None:
    _, found = talk(folder, answer, lambda api: asyncio.to_thread(probe, api.path))
    assert reason in found.reason and not found.capabilities("").available


def test_where_the_engine_is() -> None:
    assert socket_path("") == socket_path(DEFAULT) == "/var/run/docker.sock"
    assert socket_path("unix:///run/x.sock") == "/run/x.sock"
    for url in ("tcp://10.0.0.1:2375", "ssh://host", "unix://relative", "/run/x.sock"):
        with pytest.raises(ComputeError, match="must share this machine's files"):
            socket_path(url)


def test_which_driver(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"DOCKER_HOST": f"unix://{folder}/s"}
    assert chosen({"CLOUDARIUM_COMPUTE": "docker"}) == "docker"
    monkeypatch.setattr("cloudarium.substrate.compute.runc.machine.find_program", lambda: "/usr/bin/runc")
    (folder / "s").touch()
    assert chosen(place) == "runc", "where it is installed"
    monkeypatch.setattr("cloudarium.substrate.compute.runc.machine.find_program", lambda: None)
    assert chosen(place) == chosen(place | {"CLOUDARIUM_COMPUTE": "auto"}) == "docker"
    assert chosen(place | {"CLOUDARIUM_COMPUTE": "runc"}) == "runc"
    (folder / "s").unlink()
    assert chosen(place) == "runc", "which then says what is missing"
    with pytest.raises(ComputeError, match="choose runc, docker or auto"):
        chosen({"CLOUDARIUM_COMPUTE": "podman"})
