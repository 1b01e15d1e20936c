"""Operations of our services without the wire, each call checked against AWS's own model of its service."""

from __future__ import annotations

import gzip
import inspect
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal, root
from cloudarium.kernel.service import Service
from cloudarium.kernel.store import Scope

ACCOUNT = "111122223333"
SCOPE = Scope(ACCOUNT, "us-east-1")
_TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "float": (int, float),
    "timestamp": (datetime, int, float),
    "blob": (bytes, str),
    "structure": dict,
    "map": dict,
    "list": (list, tuple),
}


@cache
def _model(service: str) -> tuple[ServiceModel, dict[str, str]]:
    path = max(Path(botocore.__file__).parent.glob(f"data/{service}/*/service-2.json.gz"))
    model = ServiceModel(json.loads(gzip.decompress(path.read_bytes())), service)
    return model, {botocore.xform_name(name): name for name in model.operation_names}


def names(service: str) -> dict[str, str]:
    """AWS's names of a service's operations, by those in snake case."""
    return _model(service)[1]


def operation_model(service: str, name: str) -> OperationModel:
    """AWS's description of an operation, by its name in snake case."""
    model, by_name = _model(service)
    return model.operation_model(by_name[name])


def valid(model: OperationModel, parameters: dict[str, Any]) -> None:
    """Assert that a request is one that boto3 would send."""
    if model.input_shape is not None:
        report = ParamValidator().validate(parameters, model.input_shape)
        assert not report.has_errors(), report.generate_report()


def conforms(value: Any, shape: Any, path: str) -> None:
    """Assert that an answer has only members that AWS's shape has, of its types."""
    assert isinstance(value, _TYPES[shape.type_name]), f"{path} is a {type(value).__name__}, not a {shape.type_name}"
    if shape.type_name == "structure":
        for name, member in value.items():
            assert name in shape.members, f"{path}.{name} is not in {shape.name}"
            conforms(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for place, member in enumerate(value):
            conforms(member, shape.member, f"{path}[{place}]")
    elif shape.type_name == "map":
        for key, member in value.items():
            conforms(member, shape.value, f"{path}[{key!r}]")


class Operations:
    """Services in a cloud, called as the gateway would: ``await api("create_cluster")`` is one of ``service``."""

    def __init__(self, cloud: Cloud, service: str, services: dict[str, Service]) -> None:
        self.cloud = cloud
        self.service = service
        self.services = services
        self.fakes: dict[tuple[str, str], Any] = {}
        """``(service, operation) -> function of the parameters`` in place of the real thing."""
        cloud.services.update(services)
        cloud.dispatch = self.dispatch
        self.ctx = Context(cloud, SCOPE, root(ACCOUNT))

    async def dispatch(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        """A call from inside the cloud."""
        if (fake := self.fakes.get((service, operation))) is not None:
            answer = fake(**params)
            return await answer if inspect.isawaitable(answer) else answer  # type: ignore[no-any-return]
        info = self.services[service].operations()[operation]
        async with self.cloud.store.transaction():
            result = info.function(Context(self.cloud, scope, principal), params)
            return await result if inspect.isawaitable(result) else result  # type: ignore[no-any-return]

    async def checked(self, service: str, name: str, who: str, params: dict[str, Any]) -> Any:
        """An operation, by its name in snake case, as the root user of an account; request and answer are checked."""
        model = operation_model(service, name)
        valid(model, params)
        answer = await self.dispatch(service, name, Scope(who, SCOPE.region), root(who), params)
        if model.output_shape is not None:
            conforms(answer, model.output_shape, name)
        return answer

    async def __call__(self, name: str, /, **params: Any) -> Any:
        """An operation of ``service``."""
        return await self.checked(self.service, name, ACCOUNT, params)

    async def of(self, service: str, name: str, /, **params: Any) -> dict[str, Any]:
        """An operation of another service, unchecked."""
        return await self.dispatch(service, name, SCOPE, self.ctx.principal, params)

    async def error(self, name: str, /, **params: Any) -> AwsError:
        """The error of an operation that is to be refused."""
        with pytest.raises(AwsError) as caught:
            await self(name, **params)
        return caught.value
