"""Images of tasks: from ECR through its API as the execution role, from elsewhere through the image store.

One pull per image at a time, whoever wants it. On Fargate the task's interface must reach the registry; images that
were imported under their name are at hand and need no registry.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-pull-behavior.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.client import AwsClients
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.tasks import reasons
from cloudarium.services.ecs.tasks.image_names import EcrImage, canonical, ecr_image, split
from cloudarium.services.ecs.tasks.reach import Reach, Unreachable, Way
from cloudarium.services.ecs.tasks.reasons import CannotRun
from cloudarium.services.ecs.tasks.secret_values import registry_password
from cloudarium.substrate.images.errors import (
    BlobNotFound,
    CorruptLayer,
    DiskFull,
    HostileArchive,
    ImageError,
    ImageNotFound,
)
from cloudarium.substrate.images.model import Image

if TYPE_CHECKING:
    from collections.abc import Callable

_PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
_OF_LAYERS = (BlobNotFound, CorruptLayer, DiskFull, HostileArchive)
"""What goes wrong after the manifest is at hand."""
_INTERNET = "iam.amazonaws.com"
"""A name that is reached by an internet or NAT gateway and by no endpoint: it stands for every other registry."""


class Pulls:
    """Fetches images."""

    def __init__(self, cloud: Cloud, reach: Reach) -> None:
        self._cloud = cloud
        self._reach = reach
        self._running: dict[tuple[object, ...], asyncio.Task[Image]] = {}

    async def pull(
        self,
        container: Mapping[str, Any],
        definition: Mapping[str, Any],
        clients: Callable[[Scope], AwsClients],
        scope: Scope,
        way: Way | None,
    ) -> Image:
        """The image of a container; raises CannotRun.

        ``way`` is the interface that the pull must go through, None where it need not (an instance has its own).
        """
        name = canonical(container["image"])
        wanted = (definition.get("runtimePlatform") or {}).get("cpuArchitecture")
        platform = _PLATFORMS.get(str(wanted or ""), "")
        try:
            if (private := ecr_image(name)) is not None:
                return await self._from_ecr(private, name, platform, clients(Scope(scope.account, private.region)), way)
            if self._cloud.images.find(name) is None and way is not None:
                await self._require_internet(way, name)
            credentials = (container.get("repositoryCredentials") or {}).get("credentialsParameter")
            auth = await self._auth(clients(scope), credentials) if credentials else None
            return await self._once(
                (name, platform, credentials), self._cloud.images.pull(name, platform=platform, auth=auth)
            )
        except ImageError as error:
            raise CannotRun(_pull_reason(name, error), container["name"]) from error
        except CannotRun as error:
            raise CannotRun(error.reason, error.container or container["name"]) from error

    async def _auth(self, aws: AwsClients, parameter: str) -> Any:
        from cloudarium.substrate.images.credentials import RegistryAuth

        user, password = await registry_password(aws, parameter)
        return RegistryAuth(username=user, password=password)

    async def _from_ecr(self, image: EcrImage, name: str, platform: str, aws: AwsClients, way: Way | None) -> Image:
        if way is not None:
            await self._require_ecr(image, name, way)
        try:
            await aws.ecr.get_authorization_token()
        except AwsError as error:
            cause = f"service call has been retried 1 time(s): {error.code}: {error.message}"
            raise reasons.pull_secrets("ecr registry auth", cause) from error
        try:
            answer = await aws.ecr.batch_get_image(
                registryId=image.account, repositoryName=image.repository, imageIds=[image.id]
            )
        except AwsError as error:
            if error.code == "RepositoryNotFoundException":
                raise reasons.cannot_pull(name, f"{name}: not found") from error
            raise reasons.cannot_pull(name, f"pulling from host failed with status code: {error.status}") from error
        if not answer.get("images"):
            raise reasons.cannot_pull(name, f"{name}: not found")
        found = answer["images"][0]
        digest = found["imageId"]["imageDigest"]
        manifest = found["imageManifest"].encode()
        load = self._cloud.images.load(manifest, found.get("imageManifestMediaType") or "", platform=platform)
        return await self._once((digest, platform), load)

    async def _once(self, key: tuple[object, ...], work: Any) -> Image:
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = self._cloud.clock.spawn(_quietly(work), f"pull {key[0]}")
            running.add_done_callback(lambda _: self._running.pop(key, None))
        else:
            work.close()
        found = await asyncio.shield(running)
        if isinstance(found, BaseException):
            raise found
        return found

    # -- through the task's interface --------------------------------------------------------------------------------

    async def _require_ecr(self, image: EcrImage, name: str, way: Way) -> None:
        api = f"api.ecr.{image.region}.amazonaws.com"
        try:
            await self._reach.require(way, [api])
        except Unreachable as error:
            cause = reasons.no_connection(f"https://{api}/", error.address, error.cause)
            raise reasons.pull_secrets("ecr registry auth", cause) from error
        registry = f"{image.account}.dkr.ecr.{image.region}.amazonaws.com"
        layers = f"prod-{image.region}-starport-layer-bucket.s3.{image.region}.amazonaws.com"
        try:
            await self._reach.require(way, [registry])
        except Unreachable as error:
            raise reasons.cannot_pull(name, _request_failed(f"https://{registry}/v2/", error), retried=5) from error
        try:
            await self._reach.require(way, [layers])
        except Unreachable as error:
            raise CannotRun(
                f"CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: "
                f"failed open: {_request_failed(f'https://{layers}/', error, 'Get')}"
            ) from error

    async def _require_internet(self, way: Way, name: str) -> None:
        host = split(name)[0] or "registry-1.docker.io"
        try:
            await self._reach.require(way, [_INTERNET])
        except Unreachable as error:
            raise reasons.cannot_pull(name, _request_failed(f"https://{host}/v2/", error), retried=5) from error


def _request_failed(url: str, error: Unreachable, verb: str = "Head") -> str:
    where = f"dial tcp {error.address}: {error.cause}" if error.address else error.cause
    return f'failed to do request: {verb} "{url}": {where}'


def _pull_reason(name: str, error: ImageError) -> str:
    text = str(error)
    if isinstance(error, _OF_LAYERS):
        cause = text if text.startswith("failed to ") else f"failed to extract layer: {text}"
        return f"CannotPullContainerError: ref pull has been retried 1 time(s): {cause}"
    if isinstance(error, ImageNotFound) and "not found" not in text:
        text = f"{name}: not found"
    return reasons.cannot_pull(name, text).reason


async def _quietly(work: Any) -> Any:
    """Work whose failure is handed on to those who wait, not logged as nobody's."""
    try:
        return await work
    except Exception as error:
        return error
