"""A stack's resources one at a time, in a cloud with EC2 and ELBv2 and no network, as the engine would make them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.support.operations import SCOPE, Operations, operation_model, valid

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope, Store
from cloudarium.services import ec2, elbv2
from cloudarium.services.cloudformation import kinds
from cloudarium.services.cloudformation.kinds.kind import Kind, Work

STACK_ID = f"arn:aws:cloudformation:us-east-1:{SCOPE.account}:stack/shop/9f0e"
_PATIENCE = 400


class Interrupted(Exception):
    """The cloud was killed."""


class Api(Operations):
    """Every call that a kind makes is one that boto3 would send."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, "ec2", {"ec2": ec2.SERVICE, "elbv2": elbv2.SERVICE})
        self.killed_after = ""
        """The operation whose answer is never heard."""
        self.called: list[str] = []

    async def dispatch(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        """A call from inside the cloud."""
        by_stack = principal.arn == "cloudformation.amazonaws.com"
        if by_stack:
            valid(operation_model(service, operation), params)
            self.called.append(operation)
        answer = await super().dispatch(service, operation, scope, principal, params)
        if by_stack and operation == self.killed_after:
            self.killed_after = ""
            raise Interrupted(operation)
        return answer


class Resource(msgspec.Struct):
    """What the engine remembers of a resource."""

    kind: Kind
    work: Work
    ref: str = ""

    def __getitem__(self, attribute: str) -> Any:
        return self.work.attributes[attribute]


class Stack:
    """The engine in small: one action after the other, each waited for."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._count = 0

    async def make(self, logical_id: str, type_: str, *, replaces: str = "", **properties: Any) -> Resource:
        """Create a resource."""
        found = kinds.find(f"AWS::{type_}")
        assert found is not None, f"nobody makes {type_}"
        work = self._work(logical_id, properties, replaces)
        try:
            physical_id = await found.create(work)
        except Interrupted:
            # As the engine does when it comes back.
            physical_id = await found.found(work) or await found.create(work)
        made = Resource(found, msgspec.structs.replace(work, physical_id=physical_id))
        await self._finish(made)
        return made

    def _work(self, logical_id: str, properties: dict[str, Any], replaces: str) -> Work:
        self._count += 1
        token = hashlib.sha256(f"{logical_id} {self._count}".encode()).hexdigest()[:32]
        return Work(
            ctx=self.api.cloud.context(SCOPE, "cloudformation"),
            stack_id=STACK_ID,
            stack_name="shop",
            logical_id=logical_id,
            properties=properties,
            tags=self._tags(logical_id, properties),
            token=token,
            name=f"shop-{logical_id}-{token[:12].upper()}",
            replaces=replaces,
        )

    def _tags(self, logical_id: str, properties: dict[str, Any]) -> dict[str, str]:
        return {
            "aws:cloudformation:stack-name": "shop",
            "aws:cloudformation:stack-id": STACK_ID,
            "aws:cloudformation:logical-id": logical_id,
            **{tag["Key"]: tag["Value"] for tag in properties.get("Tags", ())},
        }

    async def _finish(self, made: Resource) -> None:
        for _ in range(_PATIENCE):
            if await made.kind.ready(made.work):
                break
            await self.api.cloud.clock.advance(1)
        else:
            raise AssertionError(f"{made.work.logical_id} is never ready")
        attributes = await made.kind.attributes(made.work)
        made.work = msgspec.structs.replace(made.work, attributes=attributes)
        made.ref = made.kind.reference(made.work)

    async def change(self, made: Resource, **properties: Any) -> None:
        """Update a resource; it has just these properties afterwards."""
        before = made.work
        work = self._work(before.logical_id, properties, "")
        work = msgspec.structs.replace(
            work,
            before=before.properties,
            tags_before=before.tags,
            physical_id=before.physical_id,
            attributes=before.attributes,
        )
        await made.kind.update(work)
        made.work = work
        await self._finish(made)

    async def delete(self, made: Resource) -> int:
        """Delete a resource; after how many seconds it was gone."""
        work = msgspec.structs.replace(made.work, before={}, token=f"{made.work.token[:-1]}d")
        await made.kind.delete(work)
        for seconds in range(_PATIENCE):
            if await made.kind.gone(work):
                return seconds
            await self.api.cloud.clock.advance(1)
        raise AssertionError(f"{made.work.logical_id} is never gone")


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A cloud whose EC2 works."""
    cloud = Cloud(clock=Clock(), store=Store(None), port=0)
    api = Api(cloud)
    await cloud.ensure_started(ec2.SERVICE)
    yield api
    await cloud.stop_services()


@pytest.fixture
def stack(api: Api) -> Stack:
    """An empty stack."""
    return Stack(api)


@pytest.fixture
async def vpc(stack: Stack) -> Resource:
    """A VPC of the stack."""
    return await stack.make("Vpc", "EC2::VPC", CidrBlock="10.0.0.0/16")


def tags_of(shown: dict[str, Any], member: str = "Tags") -> dict[str, str]:
    """Tags of a resource that a user has set, by key."""
    tags = {tag["Key"]: tag["Value"] for tag in shown.get(member, ())}
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}
