"""Pulling: from a real registry program, and from one that misbehaves as told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.cloud import free_port
from tests.support.images import busybox_image

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.store import Store
from cloudarium.substrate.images import fetching
from cloudarium.substrate.images import pull as pulling
from cloudarium.substrate.images.credentials import RegistryAuth
from cloudarium.substrate.images.errors import (
    CorruptLayer,
    ManifestNotFound,
    NoMatchingPlatform,
    RegistryDenied,
    RegistryUnreachable,
    UnsupportedCredentials,
)
from cloudarium.substrate.images.model import OCI_INDEX, OCI_MANIFEST
from cloudarium.substrate.images.store import Images


class Host:
    """The host agent's part, without an agent."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []

    async def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        self.dialled.append((host, port))
        sock = socket.socket()
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
        except OSError:
            sock.close()
            raise
        return sock


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
async def images(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Images]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setattr(pulling, "_PAUSE", 0.0)
    opened = Images(tmp_path / "images", host=host, clock=Clock(), store=Store(None))  # type: ignore[arg-type]
    yield opened
    await opened.close()


# -- a registry of our own -------------------------------------------------------------------------------------------


class Registry:
    """Serves one image, ``app:1``. ``answer`` may say something else first: (method, path, headers) -> bytes | None."""

    def __init__(self) -> None:
        layout = busybox_image()
        self.blobs = {f"sha256:{p.name}": p.read_bytes() for p in (layout / "blobs/sha256").iterdir()}
        index = json.loads((layout / "index.json").read_text())
        self.digest: str = index["manifests"][0]["digest"]
        self.layer = max(self.blobs, key=lambda digest: len(self.blobs[digest]))
        self.manifest = self.blobs[self.digest]
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.answer: Callable[[str, dict[str, str]], bytes | None] = lambda path, headers: None

    async def serve(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self.server.sockets[0].getsockname()[1]
        self.name = f"localhost:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        path = lines[0].split()[1]
        headers = dict(line.lower().split(": ", 1) for line in lines[1:-2])
        self.seen.append((path, headers))
        writer.write(self.answer(path, headers) or self._usual(path, headers))
        await writer.drain()
        writer.close()

    def _usual(self, path: str, headers: dict[str, str]) -> bytes:
        name, _, wanted = path.removeprefix("/v2/").rpartition("/")
        data = self.blobs.get(wanted)
        if name == "app/manifests" and wanted == "1":
            data = self.manifest
        if data is None:
            return reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
        if start := int(headers.get("range", "bytes=0-")[6:-1]):
            return reply(206, data[start:])
        return reply(200, data, **{"Content-Type": OCI_INDEX if b'"manifests"' in data[:200] else OCI_MANIFEST})


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    made = Registry()
    await made.serve()
    yield made
    made.server.close()


async def test_a_pull_fetches_once(images: Images, registry: Registry) -> None:
    image = await images.pull(f"{registry.name}/app:1")
    assert image.digest == registry.digest
    assert image.config.cmd == ["sh"]
    assert images.layers.path(image.layers[0]) is not None
    requests = len(registry.seen)
    assert await images.pull(f"{registry.name}/app:1") == image
    assert len(registry.seen) == requests + 1, "only the tag is asked for again"
    assert await images.pull(f"{registry.name}/app@{registry.digest}") == image
    assert len(registry.seen) == requests + 1
    assert images.names() == []
    await images.prefetch(f"{registry.name}/app:1")
    registry.server.close()
    assert await images.pull(f"{registry.name}/app:1") == image


async def test_what_is_not_there(images: Images, registry: Registry) -> None:
    with pytest.raises(ManifestNotFound) as caught:
        await images.pull(f"{registry.name}/app:2")
    assert str(caught.value) == f"{registry.name}/app:2: not found"
    registry.server.close()
    with pytest.raises(RegistryUnreachable, match=r"dial tcp 127.0.0.1:\d+: connect: connection refused"):
        await images.pull(f"{registry.name}/app:1")


async def test_what_broke_off_goes_on(images: Images, registry: Registry) -> None:
    data, cut = registry.blobs[registry.layer], iter((1_000_000, 1_500_000))

    def answer(path: str, headers: dict[str, str]) -> bytes | None:
        if not path.endswith(registry.layer) or (end := next(cut, None)) is None:
            return None
        start = int(headers.get("range", "bytes=0-")[6:-1])
        return reply(206 if start else 200, data[start:])[: end - start]

    registry.answer = answer
    await images.pull(f"{registry.name}/app:1")
    ranges = [headers.get("range") for path, headers in registry.seen if path.endswith(registry.layer)]
    assert len(ranges) == 3
    assert ranges[0] is None and ranges[1] is not None and ranges[2] is not None
    assert 0 < int(ranges[1][6:-1]) < int(ranges[2][6:-1])


async def test_a_registry_that_cannot_go_on_begins_anew(images: Images, registry: Registry) -> None:
    data, first = registry.blobs[registry.layer], iter((True,))

    def answer(path: str, headers: dict[str, str]) -> bytes | None:
        if path.endswith(registry.layer):
            return reply(200, data)[:1_000_000] if next(first, False) else reply(200, data)
        return None

    registry.answer = answer
    await images.pull(f"{registry.name}/app:1")


@pytest.mark.parametrize("change", [lambda data: data[:-1] + b"?", lambda data: data + b"more"])
async def test_other_contents_than_promised(images: Images, registry: Registry, change: Any) -> None:
    registry.blobs[registry.layer] = change(registry.blobs[registry.layer])
    with pytest.raises(CorruptLayer):
        await images.pull(f"{registry.name}/app:1")
    assert images.blobs.path(registry.layer) is None
    assert list((images.root / "uploads").iterdir()) == []


async def test_failures_of_the_registry_are_tried_again(images: Images, registry: Registry) -> None:
    left = iter(range(2))
    registry.answer = lambda path, headers: reply(503) if next(left, None) is not None else None
    await images.pull(f"{registry.name}/app:1")
    registry.answer = lambda path, headers: reply(500)
    with pytest.raises(RegistryUnreachable, match="500"):
        await images.pull(f"{registry.name}/app:1")


async def test_platforms(images: Images, registry: Registry) -> None:
    entry = {"mediaType": OCI_MANIFEST, "digest": registry.digest, "size": len(registry.manifest)}
    other = entry | {"digest": "sha256:" + "0" * 64, "platform": {"os": "linux", "architecture": "s390x"}}
    entry |= {"platform": {"os": "linux", "architecture": "amd64"}}
    registry.manifest = json.dumps({"schemaVersion": 2, "manifests": [other, entry]}).encode()
    image = await images.pull(f"{registry.name}/app:1", platform="linux/amd64")
    assert image.digest == registry.digest
    assert image.index_digest == "sha256:" + hashlib.sha256(registry.manifest).hexdigest()
    with pytest.raises(NoMatchingPlatform):
        await images.pull(f"{registry.name}/app:1", platform="linux/arm64")


def wants_token(registry: Registry, user: str | None) -> Callable[[str, dict[str, str]], bytes | None]:
    basic = "basic " + base64.b64encode(f"{user}:secret".encode()).decode().lower()

    def answer(path: str, headers: dict[str, str]) -> bytes | None:
        if path.startswith("/token"):
            assert "scope=repository%3Aapp%3Apull" in path and "service=here" in path
            if user is not None and headers.get("authorization") != basic:
                return reply(401, b"{}")
            return reply(200, b'{"token": "abc"}')
        if headers.get("authorization") == "bearer abc":
            return None
        realm = f'Bearer realm="http://{registry.name}/token",service="here",scope="repository:app:pull"'
        return reply(401, b"{}", **{"WWW-Authenticate": realm})

    return answer


async def test_tokens(images: Images, registry: Registry) -> None:
    registry.answer = wants_token(registry, None)
    await images.pull(f"{registry.name}/app:1")
    assert sum(path.startswith("/token") for path, _ in registry.seen) == 1


async def test_passwords(images: Images, registry: Registry, tmp_path: Path) -> None:
    registry.answer = wants_token(registry, "me")
    reference = f"{registry.name}/app:1"
    with pytest.raises(RegistryDenied, match="authorization failed"):
        await images.pull(reference)
    auth = RegistryAuth(username="me", password="secret")
    await images.pull(reference, auth=auth)
    (tmp_path / ".docker").mkdir()
    config = tmp_path / ".docker/config.json"
    encoded = base64.b64encode(b"me:secret").decode()
    config.write_text(json.dumps({"auths": {registry.name: {"auth": encoded}}}))
    await images.pull(reference)
    config.write_text(json.dumps({"credHelpers": {registry.name: "ecr-login"}}))
    with pytest.raises(UnsupportedCredentials, match="docker-credential-ecr-login"):
        await images.pull(reference)


async def test_basic_and_denial(images: Images, registry: Registry) -> None:
    encoded = base64.b64encode(b"me:secret").decode()

    def answer(path: str, headers: dict[str, str]) -> bytes | None:
        if headers.get("authorization") == f"basic {encoded.lower()}":
            return None
        return reply(401, b"{}", **{"WWW-Authenticate": 'Basic realm="x"'})

    registry.answer = answer
    with pytest.raises(RegistryDenied, match="no basic auth credentials"):
        await images.pull(f"{registry.name}/app:1")
    with pytest.raises(RegistryDenied, match="pull access denied"):
        await images.pull(f"{registry.name}/app:1", auth=RegistryAuth(username="me", password="wrong"))
    await images.pull(f"{registry.name}/app:1", auth=RegistryAuth(username="me", password="secret"))


async def test_redirects_do_not_carry_the_token_elsewhere(images: Images, registry: Registry) -> None:
    token = wants_token(registry, None)

    def answer(path: str, headers: dict[str, str]) -> bytes | None:
        if path.startswith("/elsewhere/"):
            assert headers["host"] == f"127.0.0.1:{registry.port}"
            assert "authorization" not in headers
            return reply(200, registry.blobs[path.rpartition("/")[2]])
        if (refusal := token(path, headers)) is not None:
            return refusal
        if "/blobs/" in path:
            where = f"http://127.0.0.1:{registry.port}/elsewhere/{path.rpartition('/')[2]}"
            return reply(307, Location=where)
        return None

    registry.answer = answer
    await images.pull(f"{registry.name}/app:1")
    registry.answer = lambda path, headers: reply(302, Location=path)
    with pytest.raises(RegistryUnreachable, match="5 redirects"):
        await images.pull(f"{registry.name}/app:1")


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                                    b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000 + b"\r\n",
                                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])  # fmt: skip
async def test_answers_that_are_none(images: Images, registry: Registry, answer: bytes) -> None:
    registry.answer = lambda path, headers: answer or b"\r\n"
    with pytest.raises(RegistryUnreachable):
        await images.pull(f"{registry.name}/app:1")


# -- a real one ------------------------------------------------------------------------------------------------------


@pytest.fixture
def real_registry(tmp_path: Path) -> Iterator[str]:
    """Debian's registry program with ``app:1`` pushed by skopeo."""
    program, skopeo = shutil.which("docker-registry"), shutil.which("skopeo")
    if program is None or skopeo is None:
        pytest.skip("needs docker-registry and skopeo")
    port = free_port()
    config = tmp_path / "registry.json"
    config.write_text(
        json.dumps(
            {
                "version": 0.1,
                "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
                "http": {"addr": f"127.0.0.1:{port}"},
                "log": {"level": "error"},
            }
        )
    )
    process = subprocess.Popen([program, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        target = f"docker://localhost:{port}/some/app:1"
        copy = [skopeo, "--insecure-policy", "copy", "--dest-tls-verify=false", f"oci:{busybox_image()}:latest", target]
        subprocess.run([*copy, "--format", "v2s2"], check=True, capture_output=True)
        yield f"localhost:{port}/some/app:1"
    finally:
        process.kill()
        process.wait()


async def test_a_real_registry(images: Images, real_registry: str) -> None:
    image = await images.pull(real_registry)
    assert image.media_type.startswith("application/vnd.docker.")
    layer = images.layers.path(image.layers[0])
    assert layer is not None and (layer / "bin/busybox").exists()
    with pytest.raises(ManifestNotFound):
        await images.pull(real_registry.replace("app:1", "app:none"))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_encryption_is_checked(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/x"
    fetching._tls.cache_clear()
    with pytest.raises(RegistryUnreachable, match="tls: self-signed certificate"):
        async with fetching.get(host, url, {}):  # type: ignore[arg-type]
            pass
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    fetching._tls.cache_clear()
    async with fetching.get(host, url, {}) as response:  # type: ignore[arg-type]
        assert await response.text(10) == b"abcde"
    fetching._tls.cache_clear()
    server.close()
