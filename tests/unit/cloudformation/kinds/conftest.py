"""Kinds against moto itself, as the engine would use them: made, changed, changed back, deleted."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.unit.moto.rig import ACCOUNT, REGION, Rig

from cloudarium.kernel.store import Scope
from cloudarium.services.cloudformation import kinds
from cloudarium.services.cloudformation.kinds.kind import Kind, NeedsReplacement, Work

SYSTEM = {"aws:cloudformation:stack-name": "stack", "aws:cloudformation:logical-id": "Logical"}


class Resource:
    """One resource of a stack and what the engine knows of it."""

    def __init__(self, rig: Rig, kind: Kind, logical_id: str, region: str) -> None:
        self.rig, self.kind, self.logical_id = rig, kind, logical_id
        self.context = rig.cloud.context(Scope(ACCOUNT, region), "cloudformation")
        self.physical_id = ""
        self.properties: Mapping[str, Any] = {}
        self.attributes: dict[str, Any] = {}
        unique = "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=12))
        self.name = f"stack-{logical_id}-{unique}"

    def work(self, properties: Mapping[str, Any], before: Mapping[str, Any] | None, token: str = "") -> Work:
        """``before`` is None while it is new."""
        return Work(
            ctx=self.context,
            stack_id=f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/stack/1",
            stack_name="stack",
            logical_id=self.logical_id,
            properties=properties,
            before=before or {},
            physical_id=self.physical_id,
            attributes=self.attributes,
            tags=tags_of(properties),
            tags_before={} if before is None else tags_of(before),
            token=token or "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=32)),
            name=self.name,
        )

    def create(self, **properties: Any) -> Resource:
        """As the engine makes it, with an attempt that is forgotten: it must not make a second one."""
        work = self.work(properties, None)
        first = self.rig.run(self.kind.create(work))
        self.physical_id = self.rig.run(self.kind.found(work)) or self.rig.run(self.kind.create(work))
        assert self.physical_id == first
        self._settled(properties, None, work.token)
        return self

    def update(self, **properties: Any) -> Resource:
        """Twice, as after an interruption."""
        before = self.properties
        work = self.work(properties, before)
        for _ in range(2):
            self.rig.run(self.kind.update(work))
            self._settled(properties, before, work.token)
        return self

    def replaced_by(self, **properties: Any) -> bool:
        """Whether a change takes another resource."""
        try:
            self.rig.run(self.kind.update(self.work(properties, self.properties)))
        except NeedsReplacement:
            return True
        return False

    def delete(self) -> None:
        """Twice, as after an interruption."""
        work = self.work(self.properties, None)
        for _ in range(2):
            self.rig.run(self.kind.delete(work))
            assert self.rig.run(self.kind.gone(work))

    def _settled(self, properties: Mapping[str, Any], before: Mapping[str, Any] | None, token: str) -> None:
        work = self.work(properties, before, token)
        assert self.rig.run(self.kind.ready(work))
        self.properties = properties
        self.attributes = self.rig.run(self.kind.attributes(self.work(properties, before, token)))


def tags_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """All tags of a resource with these properties: its own, the stack's, AWS's."""
    said = properties.get("Tags", properties.get("HostedZoneTags", []))
    tags = dict(said) if isinstance(said, dict) else {each["Key"]: each["Value"] for each in said}
    return {**tags, "of-the-stack": "yes", **SYSTEM}


class Stack:
    """Makes resources by type."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def client(self, service: str, **more: Any) -> Any:
        """boto3's client, as a customer has it."""
        return self.rig.client(service, **more)

    def resource(self, type_: str, logical_id: str = "Logical", *, region: str = REGION) -> Resource:
        """One that is not made yet."""
        kind = kinds.find(type_)
        assert kind is not None
        return Resource(self.rig, kind, logical_id, region)

    def create(self, type_: str, logical_id: str = "Logical", **properties: Any) -> Resource:
        """One that is made."""
        return self.resource(type_, logical_id).create(**properties)


@pytest.fixture(scope="package")
def rig() -> Iterator[Rig]:
    made = Rig(None)
    yield made
    made.close()


@pytest.fixture
def stack(rig: Rig) -> Stack:
    return Stack(rig)
