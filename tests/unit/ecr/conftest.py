"""A cloud with ECR in it and no network: every call is checked against AWS's own model of the service."""

from __future__ import annotations

import gzip
import hashlib
import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal, root
from cloudarium.kernel.store import Scope, Store
from cloudarium.services import ecr, ecr_public

ACCOUNT = "111122223333"
SCOPE = Scope(ACCOUNT, "us-east-1")
SERVICES = {"ecr": ecr.SERVICE, "ecr-public": ecr_public.SERVICE}
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def _load(service: str) -> ServiceModel:
    path = sorted(Path(botocore.__file__).parent.glob(f"data/{service}/*/service-2.json.gz"))[-1]
    return ServiceModel(json.loads(gzip.decompress(path.read_bytes())), service)


_MODELS = {service: _load(service) for service in SERVICES}


def conforms(value: Any, shape: Any, path: str) -> None:
    """Assert that an answer has only members that AWS's shape has."""
    if shape.type_name == "structure":
        assert isinstance(value, dict), path
        for name, member in value.items():
            assert name in shape.members, f"{path}.{name} is not in {shape.name}"
            conforms(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list), path
        for place, member in enumerate(value):
            conforms(member, shape.member, f"{path}[{place}]")
    else:
        kinds = {"string": str, "boolean": bool, "integer": int, "long": int}
        assert isinstance(value, kinds.get(shape.type_name, object)), f"{path} is {value!r}"


class Api:
    """Calls operations as the gateway would."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.fakes: dict[tuple[str, str], Any] = {}
        cloud.services.update(SERVICES)
        cloud.dispatch = self.dispatch

    async def dispatch(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        if (fake := self.fakes.get((service, operation))) is not None:
            answer: dict[str, Any] = fake(**params)
            return answer
        info = SERVICES[service].operations()[operation]
        async with self.cloud.store.transaction():
            result = info.function(Context(self.cloud, scope, principal), params)
            return await result if inspect.isawaitable(result) else result  # type: ignore[no-any-return]

    async def __call__(self, name: str, /, *, who: str = ACCOUNT, service: str = "ecr", **params: Any) -> Any:
        """An operation, by its name in snake case, as the root user of an account."""
        model = _MODELS[service]
        names = {botocore.xform_name(each): each for each in model.operation_names}
        operation = model.operation_model(names[name])
        if operation.input_shape is not None:
            report = ParamValidator().validate(params, operation.input_shape)
            assert not report.has_errors(), report.generate_report()
        answer = await self.dispatch(service, name, Scope(who, SCOPE.region), root(who), params)
        if operation.output_shape is not None:
            conforms(answer, operation.output_shape, name)
        return answer

    async def error(self, name: str, /, **params: Any) -> AwsError:
        """The error of an operation that is to be refused."""
        with pytest.raises(AwsError) as caught:
            await self(name, **params)
        return caught.value

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
