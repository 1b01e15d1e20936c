"""Kinds at work in a cloud of the services that they call: every call is checked against AWS's model of the service."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import pytest
from tests.support.operations import ACCOUNT, SCOPE, Operations, operation_model, valid

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope, Store
from cloudarium.services import cloudwatch, ec2, ecr, ecr_public, ecs, elbv2, logs, servicediscovery
from cloudarium.services.cloudformation import kinds
from cloudarium.services.cloudformation.kinds.kind import Kind, Work

STACK = f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/shop/6c2b1f40-0000-11ef-8000-0123456789ab"
_OURS = (cloudwatch, ec2, ecr, ecr_public, ecs, elbv2, logs, servicediscovery)
_STARTED = (ecr, logs, servicediscovery)


class Resource:
    """One resource of a stack, made and changed as the engine does it."""

    def __init__(self, api: Api, type_: str, logical_id: str, properties: Mapping[str, Any], **more: Any) -> None:
        kind = kinds.find(type_)
        assert kind is not None
        self.kind: Kind = kind
        system = {"aws:cloudformation:stack-id": STACK, "aws:cloudformation:logical-id": logical_id}
        self.system = system | {"aws:cloudformation:stack-name": "shop"}
        self.work = Work(
            ctx=api.cloud.context(SCOPE, "cloudformation"),
            stack_id=STACK,
            stack_name="shop",
            logical_id=logical_id,
            properties=properties,
            tags=self.system | more.pop("tags", {}),
            token=secrets.token_hex(16),
            name=f"shop-{logical_id}-{secrets.token_hex(6).upper()}",
            **more,
        )
        assert not set(properties) & kind.unbuilt

    @property
    def id(self) -> str:
        return self.work.physical_id

    @property
    def ref(self) -> str:
        return self.kind.reference(self.work)

    def become(self, **fields: Any) -> None:
        self.work = msgspec.structs.replace(self.work, **fields)

    async def make(self) -> Resource:
        self.become(physical_id=await self.kind.create(self.work))
        return await self._ready()

    async def _ready(self) -> Resource:
        assert await self.kind.ready(self.work)
        self.become(attributes=await self.kind.attributes(self.work))
        return self

    async def change(self, properties: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> Resource:
        wanted = self.work.tags if tags is None else self.system | dict(tags)
        before = {"before": self.work.properties, "tags_before": self.work.tags}
        self.become(**before, properties=properties, tags=wanted, token=secrets.token_hex(16))
        await self.kind.update(self.work)
        return await self._ready()

    async def remove(self) -> None:
        self.become(before={}, tags_before={})
        # Twice: nothing tells an interrupted deletion how far it came.
        for _ in range(2):
            await self.kind.delete(self.work)
            assert await self.kind.gone(self.work)


class Api(Operations):
    """The operations of all services that kinds call."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, "", {each.SERVICE.name: each.SERVICE for each in _OURS})

    async def dispatch(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        """As it is, but that a request of CloudFormation must be one that boto3 would send."""
        if principal.arn == "cloudformation.amazonaws.com":
            valid(operation_model(service, operation), params)
        return await super().dispatch(service, operation, scope, principal, params)

    def resource(self, type_: str, properties: Mapping[str, Any], name: str = "Thing", **more: Any) -> Resource:
        """A resource that is to be made."""
        return Resource(self, type_, name, properties, **more)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A fresh cloud, whose clock stands still."""
    made = Api(Cloud(clock=Clock(), store=Store(None), port=4599))
    made.cloud.clock.freeze()
    for each in _STARTED:
        await made.cloud.ensure_started(each.SERVICE)
    yield made
    await made.cloud.stop_services()
