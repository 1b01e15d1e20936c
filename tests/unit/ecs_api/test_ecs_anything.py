"""Whatever AWS's model lets through is answered, or refused with one of AWS's errors; nothing fails on our side."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.operations import operation_model
from tests.unit.ecs_api.conftest import Api

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Store

_ARN = "arn:aws:ecs:us-east-1:111122223333:"
_TEXTS = [
    *("", "a", "app", "web", "web:1", "default", "256", "512", "1 vCPU", "0.5GB", "awslogs", "SERVICE", "prod/x"),
    *(f"{_ARN}cluster/default", f"{_ARN}task/default/x", f"{_ARN}task-definition/web:1", "arn:", "10.0.0.1", "é" * 9),
    *("attribute:a == b", "(", "ecs-svc/1", "ecs.subnet-id", "CPU"),
]
_NUMBERS = [-1, 0, 1, 2, 5, 10, 80, 100, 128, 512, 65536, 2**31 - 1]
_SENSIBLE = {"cluster": "default", "taskDefinition": "web:1", "family": "web", "name": "app", "image": "nginx"}
_SENSIBLE |= {"containerName": "app", "serviceName": "site", "service": "old", "launchType": "EC2", "cpu": "256"}
_EARLY = {"proxyConfiguration", "inferenceAccelerators", "trustedExecutionConfiguration", "enableFaultInjection"}
_EARLY |= {"volumeConfigurations", "vpcLatticeConfigurations", "gatewayConnectors", "monitoring", "daemonName"}
"""Members whose mere presence ends a request."""


class Generator:
    """Values of shapes; few of the members that may be left away."""

    def __init__(self, source: random.Random) -> None:
        self._random = source

    def value(self, shape: Any, depth: int = 0) -> Any:
        """Any value of a shape of the model."""
        kind = shape.type_name
        if kind == "structure":
            if shape.is_tagged_union:
                name = self._random.choice(sorted(shape.members))
                return {name: self.value(shape.members[name], depth + 1)}
            members = set(shape.required_members)
            optional = [name for name in shape.members if name not in members and name not in _EARLY]
            if optional and depth < 6:
                members |= set(self._random.sample(optional, min(len(optional), self._random.randint(0, 5))))
            return {name: self._member(name, shape.members[name], depth) for name in sorted(members)}
        if kind == "list":
            count = max(self._random.choice((0, 1, 1, 2)), shape.metadata.get("min", 0))
            return [self.value(shape.member, depth + 1) for _ in range(count)]
        if kind == "map":
            return {self._text(1): self._text(0) for _ in range(self._random.randint(0, 2))}
        if kind == "string":
            return self._random.choice(shape.enum) if shape.enum else self._text(shape.metadata.get("min", 0))
        if kind in ("integer", "long"):
            return self._number(shape)
        if kind in ("double", "float"):
            return float(self._number(shape))
        return self._random.choice((True, False)) if kind == "boolean" else 0.0

    def _member(self, name: str, shape: Any, depth: int) -> Any:
        if name in _SENSIBLE and shape.type_name == "string" and self._random.random() < 0.8:
            return _SENSIBLE[name]
        return self.value(shape, depth + 1)

    def _number(self, shape: Any) -> int:
        least, most = shape.metadata.get("min", -1), shape.metadata.get("max", 2**31)
        return self._random.choice([least, *(each for each in _NUMBERS if least <= each <= most)])

    def _text(self, least: int) -> str:
        return self._random.choice([each for each in _TEXTS if len(each) >= least])


_OPERATIONS = [
    *("RegisterTaskDefinition", "RunTask", "StartTask", "CreateService", "UpdateService", "CreateTaskSet"),
    *("CreateCluster", "PutClusterCapacityProviders", "RegisterContainerInstance", "ListTasks", "TagResource"),
    *("PutAttributes", "ListContainerInstances", "UpdateTaskProtection", "DescribeTasks", "DeleteTaskDefinitions"),
]
_SNAKE = {name: "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_") for name in _OPERATIONS}


async def _ask(name: str, seed: int) -> None:
    api = Api(Cloud(clock=Clock(), store=Store(None), port=0))
    await api("create_cluster")
    await api.define("web", mode="bridge")
    await api("create_service", serviceName="old", taskDefinition="web", desiredCount=1, launchType="EC2")
    generator = Generator(random.Random(seed))
    shape = operation_model("ecs", _SNAKE[name]).input_shape
    for _ in range(20):
        request = generator.value(shape)
        try:
            await api(_SNAKE[name], **request)
        except AwsError as error:
            assert error.code
            assert error.message


@pytest.mark.parametrize("name", _OPERATIONS)
def test_anything_that_fits_the_model_is_answered(name: str) -> None:
    @settings(max_examples=8, deadline=None, database=None)
    @given(st.integers(0, 2**32))
    def ask(seed: int) -> None:
        asyncio.run(_ask(name, seed))

    ask()
