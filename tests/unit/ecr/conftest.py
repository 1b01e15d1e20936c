"""A cloud with ECR in it and no network: every call is checked against AWS's own model of the service."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.operations import ACCOUNT, SCOPE, Operations

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Store
from cloudarium.services import ecr, ecr_public

__all__ = ["ACCOUNT", "SCOPE", "Api"]

SERVICES = {"ecr": ecr.SERVICE, "ecr-public": ecr_public.SERVICE}
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


class Api(Operations):
    """ECR's operations, and images made with them."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, "ecr", SERVICES)

    async def __call__(self, name: str, /, *, who: str = ACCOUNT, service: str = "ecr", **params: Any) -> Any:
        """An operation of ECR or of its public sibling, as the root user of an account."""
        return await self.checked(service, name, who, params)

    # -- images ----------------------------------------------------------------------------------------------------

    async def layer(self, repository: str, data: bytes, **more: Any) -> dict[str, Any]:
        """Upload a layer in one part; its descriptor."""
        begun = await self("initiate_layer_upload", repositoryName=repository, **more)
        named = {"repositoryName": repository, "uploadId": begun["uploadId"], **more}
        await self("upload_layer_part", partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data, **named)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        try:
            await self("complete_layer_upload", layerDigests=[digest], **named)
        except AwsError as error:
            assert error.code == "LayerAlreadyExistsException"
        return {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": len(data)}

    async def manifest(self, repository: str, content: bytes, **more: Any) -> str:
        """A manifest of one layer, whose blobs are uploaded; ``more`` members are the manifest's."""
        options = {name: more.pop(name) for name in ("service",) if name in more}
        config = await self.layer(repository, b"{}" + content, **options)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI,
            "config": {**config, "mediaType": "application/vnd.oci.image.config.v1+json"},
            "layers": [await self.layer(repository, content, **options)],
            **more,
        }
        return json.dumps(document)

    async def push(self, repository: str, content: bytes, tag: str = "", **more: Any) -> str:
        """Push an image of one layer; its digest."""
        options = {name: more[name] for name in ("service",) if name in more}
        text = await self.manifest(repository, content, **more)
        named = {"imageTag": tag} if tag else {}
        put = await self("put_image", repositoryName=repository, imageManifest=text, **named, **options)
        digest: str = put["image"]["imageId"]["imageDigest"]
        return digest


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A fresh cloud with ECR started."""
    cloud = Cloud(clock=Clock(), store=Store(None), port=4599)
    made = Api(cloud)
    await cloud.ensure_started(ecr.SERVICE)
    yield made
    await cloud.stop_services()


@pytest.fixture
async def repository(api: Api) -> str:
    """A repository's name."""
    await api("create_repository", repositoryName="team/web")
    return "team/web"
