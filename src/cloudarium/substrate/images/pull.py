"""Fetching an image from a registry by the OCI distribution specification: manifest, configuration, layers.

Blobs that are here are not fetched; one that broke off goes on where it ended. The layers come a few at a time.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from cloudarium.substrate.images import challenges, fetching, manifests
from cloudarium.substrate.images.blobs import BlobStore, DigestMismatch, Upload
from cloudarium.substrate.images.credentials import RegistryAuth, find_credentials
from cloudarium.substrate.images.digests import algorithm, digest_of
from cloudarium.substrate.images.errors import (
    BlobNotFound,
    CorruptLayer,
    ImageError,
    InvalidManifest,
    ManifestNotFound,
    RegistryDenied,
    RegistryUnreachable,
)
from cloudarium.substrate.images.model import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MAX_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from cloudarium.substrate.images.platforms import choose

if TYPE_CHECKING:
    from cloudarium.substrate.host.client import HostClient
    from cloudarium.substrate.images.references import Reference

T = TypeVar("T")

_ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST))
_AT_ONCE = 3
_TRIES = 3
_PAUSE = 0.3
"""Host seconds before trying again, doubled each time: the registry is real."""
_MAX_TOKEN = 64 * 1024
_MAX_INDEXES = 4


async def fetch(
    reference: Reference, blobs: BlobStore, host: HostClient, *, platform: str = "", auth: RegistryAuth | None = None
) -> tuple[bytes, str]:
    """Have everything of an image for one platform in the store; its manifest or index and the media type of that.

    Raises ``ManifestNotFound``, ``RegistryUnreachable``, ``RegistryDenied``, ``UnsupportedCredentials``,
    ``InvalidManifest``, ``NoMatchingPlatform``, ``BlobNotFound``, ``CorruptLayer``, ``DiskFull``.
    """
    session = _Session(reference, blobs, host, auth or find_credentials(reference))
    document, media_type = await session.manifest(reference.wanted)
    found = manifests.parse(document, media_type)
    for _ in range(_MAX_INDEXES):
        if isinstance(found, manifests.Manifest):
            break
        chosen = choose(found.manifests, platform)
        found = manifests.parse((await session.manifest(chosen.digest))[0], chosen.media_type)
    if not isinstance(found, manifests.Manifest):
        raise InvalidManifest("indexes of indexes of indexes")
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(descriptor: Descriptor) -> None:
        async with slots:
            await session.blob(descriptor)

    wanted = {descriptor.digest: descriptor for descriptor in (found.config, *found.layers)}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_kept(one(descriptor))) for descriptor in wanted.values()]
    for task in tasks:
        if (error := task.result()) is not None:
            raise error
    return document, media_type


async def _kept(work: Coroutine[Any, Any, None]) -> ImageError | None:
    """An error as a value: a group would wrap it."""
    try:
        await work
    except ImageError as error:
        return error
    return None


class _Session:
    """Requests to one repository with one set of credentials."""

    def __init__(self, reference: Reference, blobs: BlobStore, host: HostClient, auth: RegistryAuth | None) -> None:
        self._reference, self._blobs, self._host, self._auth = reference, blobs, host, auth
        self._base = f"{fetching.scheme_of(reference.endpoint)}://{reference.endpoint}/v2/{reference.path}"
        self._authorization = ""
        self._proving = asyncio.Lock()

    async def manifest(self, wanted: str) -> tuple[bytes, str]:
        """A manifest by tag or digest, put into the store, and its media type."""
        known = self._blobs.read(wanted, limit=MAX_MANIFEST) if ":" in wanted else None
        if known is not None:
            return known, ""
        url = f"{self._base}/manifests/{wanted}"

        async def once() -> tuple[bytes, str]:
            async with fetching.get(self._host, url, self._headers(Accept=_ACCEPT)) as response:
                if response.status == 404:
                    raise ManifestNotFound(str(self._reference))
                await self._require(response, 200)
                return await response.text(MAX_MANIFEST), response.headers.get("content-type", "")

        data, media_type = await self._persist(once)
        if ":" in wanted and digest_of(data, algorithm(wanted)) != wanted:
            raise CorruptLayer(f"the registry sent another manifest than {wanted}")
        self._blobs.put(data, algorithm(wanted) if ":" in wanted else "sha256")
        return data, media_type.partition(";")[0].strip()

    async def blob(self, descriptor: Descriptor) -> None:
        """Have a blob in the store."""
        digest = descriptor.digest
        if self._blobs.size(digest) is not None:
            return
        upload = self._blobs.begin(algorithm(digest))
        try:
            await self._persist(lambda: self._continue(upload, descriptor))
            upload.finish(digest)
        except DigestMismatch as error:
            upload.cancel()
            raise CorruptLayer(f"failed to copy: {error}") from error
        except BaseException:
            upload.cancel()
            raise

    async def _continue(self, upload: Upload, descriptor: Descriptor) -> None:
        """Fetch what is missing of a blob."""
        if upload.size >= descriptor.size:
            return
        headers = self._headers()
        if upload.size:
            headers["Range"] = f"bytes={upload.size}-"
        async with fetching.get(self._host, f"{self._base}/blobs/{descriptor.digest}", headers) as response:
            if response.status == 404:
                raise BlobNotFound(f"failed to copy: {descriptor.digest}: not found")
            await self._require(response, 200, 206)
            # A registry that cannot continue sends everything again.
            skip = upload.size if response.status == 200 else 0
            async for piece in response.body():
                rest, skip = piece[skip:], max(0, skip - len(piece))
                if upload.size + len(rest) > descriptor.size:
                    raise CorruptLayer(f"failed to copy: {descriptor.digest} is larger than its manifest says")
                upload.write(rest)
        if upload.size < descriptor.size:
            raise RegistryUnreachable(f"failed to copy: {descriptor.digest}: unexpected EOF")

    # -- persistence and proof -------------------------------------------------------------------------------------

    async def _persist(self, once: Callable[[], Awaitable[T]]) -> T:
        """Try again where that may help: after proving who one is, and after what passes."""
        pause, proven, failures = _PAUSE, False, 0
        while True:
            used = self._authorization
            try:
                return await once()
            except _Challenged as challenged:
                if proven:
                    raise RegistryDenied(_denied(challenged.words)) from None
                proven = True
                await self._prove(challenged, used)
            except RegistryUnreachable:
                failures += 1
                if failures == _TRIES:
                    raise
                await asyncio.sleep(pause)
                pause *= 2

    async def _require(self, response: fetching.Response, *statuses: int) -> None:
        status = response.status
        if status in statuses:
            return
        words = _error_words(await response.text(_MAX_TOKEN))
        if status == 401:
            raise _Challenged(response.headers.get("www-authenticate", ""), words)
        if status == 403:
            raise RegistryDenied(f"unexpected status from GET request to {response.url}: 403 Forbidden{words}")
        if status == 429:
            raise RegistryDenied(f"unexpected status from GET request to {response.url}: 429 Too Many Requests{words}")
        if status >= 500:
            raise RegistryUnreachable(f"unexpected status from GET request to {response.url}: {status}{words}")
        raise ImageError(f"unexpected status from GET request to {response.url}: {status}{words}")

    def _headers(self, **more: str) -> dict[str, str]:
        return {**more, "Authorization": self._authorization} if self._authorization else more

    async def _prove(self, challenged: _Challenged, used: str) -> None:
        """Get what the registry wants to see; those who were asked at the same time share the answer."""
        async with self._proving:
            if self._authorization != used:
                return
            challenge = challenges.parse_challenge(challenged.header)
            if challenge is None:
                raise RegistryDenied(_denied(challenged.words))
            if challenge.scheme == "basic":
                if self._auth is None:
                    raise RegistryDenied("no basic auth credentials")
                self._authorization = self._auth.basic()
            else:
                self._authorization = f"Bearer {await self._token(challenge)}"

    async def _token(self, challenge: challenges.Challenge) -> str:
        url = challenge.token_url(f"repository:{self._reference.path}:pull")
        headers = {"Authorization": self._auth.basic()} if self._auth else {}
        async with fetching.get(self._host, url, headers) as response:
            body = await response.text(_MAX_TOKEN)
            if response.status in (401, 403):
                raise RegistryDenied(f"failed to authorize: failed to fetch oauth token: {_denied(_error_words(body))}")
            if response.status != 200:
                raise RegistryUnreachable(
                    f"failed to authorize: failed to fetch oauth token: unexpected status from GET request to "
                    f"{url}: {response.status}"
                )
        try:
            found = msgspec.json.decode(body, type=_Token)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise RegistryDenied(f"failed to authorize: the token cannot be read: {error}") from error
        token = found.token or found.access_token
        if not token or not token.isascii() or not token.isprintable():
            raise RegistryDenied("failed to authorize: there is no token in the answer")
        return token


class _Challenged(Exception):
    def __init__(self, header: str, words: str) -> None:
        super().__init__(header)
        self.header, self.words = header, words


class _Token(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct):
    errors: list[_Error] = []


def _error_words(body: bytes) -> str:
    """What a registry says of an error, as `` - Server message: code: message``; empty when it says nothing."""
    try:
        found = msgspec.json.decode(body, type=_Errors).errors
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return f" - Server message: {found[0].code.lower()}: {found[0].message}"[:500] if found else ""


def _denied(words: str) -> str:
    said = words.removeprefix(" - Server message: ") or "authorization failed"
    return f"pull access denied, repository does not exist or may require authorization: server message: {said}"
