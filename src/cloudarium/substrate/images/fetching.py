"""A small HTTP client over the host agent's sockets: GET, one connection per request, bodies as they come.

All waits are host time: they guard against real peers.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import msgspec

import cloudarium
from cloudarium.substrate.images.errors import RegistryUnreachable
from cloudarium.substrate.images.references import is_loopback
from cloudarium.substrate.images.resolving import resolve

if TYPE_CHECKING:
    from cloudarium.substrate.host.client import HostClient

_CONNECT, _SILENCE = 15.0, 60.0
_PIECE = 256 * 1024
_MAX_HEADERS = 200
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)


class Response(msgspec.Struct):
    """An answer whose body has not been read."""

    status: int
    headers: dict[str, str]
    url: str
    reader: asyncio.StreamReader

    async def body(self) -> AsyncIterator[bytes]:
        """The body in pieces. Raises ``RegistryUnreachable`` when it breaks off."""
        try:
            if "chunked" in self.headers.get("transfer-encoding", "").lower():
                async for piece in self._chunks():
                    yield piece
            elif (length := self.headers.get("content-length")) is not None:
                async for piece in self._exactly(int(length)):
                    yield piece
            else:
                while piece := await self._read(_PIECE):
                    yield piece
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            raise RegistryUnreachable(f"{self.url}: {_words(error)}") from error

    async def text(self, limit: int) -> bytes:
        """The whole body. Raises ``RegistryUnreachable`` also when it is larger than ``limit`` bytes."""
        parts, size = [], 0
        async for piece in self.body():
            parts.append(piece)
            size += len(piece)
            if size > limit:
                raise RegistryUnreachable(f"{self.url}: the answer is larger than {limit} bytes")
        return b"".join(parts)

    async def _read(self, limit: int) -> bytes:
        async with asyncio.timeout(_SILENCE):
            return await self.reader.read(limit)

    async def _line(self) -> bytes:
        async with asyncio.timeout(_SILENCE):
            return await self.reader.readuntil(b"\r\n")

    async def _exactly(self, count: int) -> AsyncIterator[bytes]:
        while count > 0:
            piece = await self._read(min(count, _PIECE))
            if not piece:
                raise asyncio.IncompleteReadError(b"", count)
            count -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while count := int((await self._line()).partition(b";")[0], 16):
            async for piece in self._exactly(count):
                yield piece
            await self._line()


@asynccontextmanager
async def get(
    host: HostClient, url: str, headers: Mapping[str, str], *, method: str = "GET"
) -> AsyncIterator[Response]:
    """One request, redirects followed. Credentials are not sent to another host. Raises ``RegistryUnreachable``."""
    first = urlsplit(url).netloc
    for _ in range(_MAX_REDIRECTS):
        sent = {k: v for k, v in headers.items() if k != "Authorization" or urlsplit(url).netloc == first}
        delivered = False
        try:
            async with _exchange(host, url, sent, method) as response:
                location = response.headers.get("location")
                if response.status not in _REDIRECTS or not location:
                    delivered = True
                    yield response
                    return
                target = urljoin(url, location)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            if delivered:
                raise  # whoever reads the answer has failed
            raise RegistryUnreachable(f'failed to do request: {method.title()} "{url}": {_words(error)}') from error
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            raise RegistryUnreachable(f"{url} redirects to {target[:200]}, which is not encrypted")
        url = target
    raise RegistryUnreachable(f'failed to do request: {method.title()} "{url}": stopped after 5 redirects')


@asynccontextmanager
async def _exchange(host: HostClient, url: str, headers: Mapping[str, str], method: str) -> AsyncIterator[Response]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an address of the web")
    reader, writer = await _connect(host, parts.hostname, parts.port, parts.scheme == "https")
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc.rpartition('@')[2]}", "Connection: close"]
        lines += [f"User-Agent: cloudarium/{cloudarium.__version__}", "Accept-Encoding: identity"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line break in a request")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(_SILENCE):
            status, found = await _head(reader)
        yield Response(status, found, url, reader)
    finally:
        writer.transport.abort()


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    while True:
        version, _, rest = (await reader.readuntil(b"\r\n")).decode("latin-1").partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise ValueError("the answer is not HTTP")
        headers: dict[str, str] = {}
        for _ in range(_MAX_HEADERS):
            line = (await reader.readuntil(b"\r\n")).decode("latin-1").strip()
            if not line:
                break
            name, _, value = line.partition(":")
            name = name.lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
        else:
            raise ValueError("too many headers")
        if (status := int(rest[:3])) >= 200:
            return status, headers


async def _connect(
    host: HostClient, name: str, port: int | None, encrypted: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    number = port or (443 if encrypted else 80)
    context = _tls(f"{name}:{port}" if port else name) if encrypted else None
    failure: OSError = OSError("no address")
    for address in (await resolve(host, name))[:4]:
        try:
            sock = await host.dial(address, number, _CONNECT)
        except OSError as error:
            failure = OSError(error.errno, f"dial tcp {address}:{number}: {_dialled(error)}")
            continue
        try:
            async with asyncio.timeout(_CONNECT):
                return await asyncio.open_connection(
                    sock=sock, ssl=context, server_hostname=name if encrypted else None, limit=_PIECE
                )
        except BaseException:
            sock.close()
            raise
    raise failure


@lru_cache(maxsize=16)
def _tls(authority: str) -> ssl.SSLContext:
    """The machine's certificate authorities, and those that a container engine was given for this registry."""
    context = ssl.create_default_context()
    for folder in ("/etc/docker/certs.d", "/etc/containers/certs.d"):
        for path in sorted(Path(folder, authority).glob("*.crt")):
            context.load_verify_locations(path)
    return context


def scheme_of(authority: str) -> str:
    """``http`` for a registry on this machine, else ``https``."""
    return "http" if is_loopback(authority) else "https"


def _dialled(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connect: connection refused"
    if isinstance(error, TimeoutError):
        return "i/o timeout"
    return f"connect: {(error.strerror or str(error)).lower()}"


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return f"tls: {getattr(error, 'verify_message', '') or error.reason}"
    if isinstance(error, TimeoutError):
        return "i/o timeout"
    if isinstance(error, asyncio.IncompleteReadError):
        return "unexpected EOF"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
