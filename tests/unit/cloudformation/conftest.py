"""CloudFormation's API and engine over resource types that the tests make up: things on a shelf."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.operations import ACCOUNT, SCOPE, Operations

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Store
from cloudarium.services import cloudformation
from cloudarium.services.cloudformation import kinds, schemas
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, NeedsReplacement, Work

__all__ = ["ACCOUNT", "SCOPE", "Api", "Shelf"]


class Shelf:
    """What the tests' resources are made of. ``calls`` says what was done, in order."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.works: list[Work] = []
        self.slow: set[str] = set()
        """Logical ids that are not ready until they are taken out."""
        self.staying: set[str] = set()
        """Logical ids that are not gone, though deleted, until they are taken out; ``calls`` says when it was asked."""
        self.broken: dict[tuple[str, str], Exception] = {}
        """Errors by call and logical id."""
        self.hangs: dict[tuple[str, str], asyncio.Event] = {}
        """Calls that have had their effect, and whose answer does not come until the event is set."""

    def names(self) -> dict[str, str]:
        """Physical by logical ids."""
        return {name.split("-")[1]: name for name in self.things}

    async def answer(self, call: str, work: Work) -> None:
        """The end of a call."""
        if (event := self.hangs.get((call, work.logical_id))) is not None:
            await event.wait()

    def called(self, call: str) -> list[str]:
        """The logical ids for which a call was made."""
        return [name for each, name in self.calls if each == call]


class ThingKind(Kind):
    """A resource that is kept on a shelf. ``Size`` can change in place, ``Shape`` cannot."""

    type = "Test::Shelf::Thing"
    unbuilt = frozenset({"Colour"})
    shelf: Shelf

    def _note(self, call: str, work: Work) -> None:
        self.shelf.calls.append((call, work.logical_id))
        self.shelf.works.append(work)
        if (error := self.shelf.broken.get((call, work.logical_id))) is not None:
            raise error

    async def create(self, work: Work) -> str:
        self._note("create", work)
        assert work.name not in self.shelf.things, "made twice"
        self.shelf.things[work.name] = dict(work.properties)
        await self.shelf.answer("create", work)
        return work.name

    async def found(self, work: Work) -> str:
        self._note("found", work)
        return work.name if work.name in self.shelf.things else ""

    async def ready(self, work: Work) -> bool:
        if (error := self.shelf.broken.get(("ready", work.logical_id))) is not None:
            raise error
        return work.logical_id not in self.shelf.slow

    async def attributes(self, work: Work) -> dict[str, Any]:
        return {"Size": str(work.properties.get("Size", "")), "Name": work.physical_id}

    async def update(self, work: Work) -> None:
        self._note("update", work)
        if work.properties.get("Moves"):
            raise NeedsReplacement
        self.shelf.things[work.physical_id] = dict(work.properties)
        await self.shelf.answer("update", work)

    async def delete(self, work: Work) -> None:
        self._note("delete", work)
        self.shelf.things.pop(work.physical_id, None)
        await self.shelf.answer("delete", work)

    async def gone(self, work: Work) -> bool:
        if work.logical_id in self.shelf.staying:
            self._note("gone", work)
        return work.logical_id not in self.shelf.staying


class ThingSchema:
    """What a schema says of it."""

    type = "Test::Shelf::Thing"
    tag_property = "Tags"
    system_tags = True
    create_only = frozenset({"Shape"})
    conditional_create_only: frozenset[str] = frozenset()

    def coerced(self, properties: dict[str, Any]) -> dict[str, Any]:
        return properties

    def problems(self, properties: dict[str, Any]) -> list[str]:
        return ["#: extraneous key [Wings] is not permitted"] if "Wings" in properties else []

    def has_attribute(self, name: str) -> bool:
        return name in ("Size", "Name")

    def replaced(self, before: dict[str, Any], after: dict[str, Any]) -> set[str]:
        return {"Shape"} if before.get("Shape") != after.get("Shape") else set()


class Api(Operations):
    """CloudFormation's operations, and the shelf."""

    def __init__(self, cloud: Cloud, shelf: Shelf) -> None:
        super().__init__(cloud, "cloudformation", {"cloudformation": cloudformation.SERVICE})
        self.shelf = shelf

    async def restart(self) -> None:
        """What a kill leaves of a cloud: its records. What was under way ends between two lines."""
        await self.cloud.stop_services()
        await self.start()
        await self.settle()

    async def start(self) -> None:
        await self.cloud.ensure_started(cloudformation.SERVICE)

    async def still(self) -> None:
        """Let everything come to rest while the clock stands still: not even what is due now comes by time."""
        await self.cloud.clock.settle()

    async def settle(self, seconds: float = 0.0) -> None:
        """Let everything come to rest that needs no more time than this."""
        await self.cloud.clock.advance(seconds)

    async def make(self, resources: dict[str, Any], name: str = "s", /, **more: Any) -> str:
        """A stack, as far as it comes at once; its id."""
        made = await self("create_stack", StackName=name, TemplateBody=template(resources, **more.pop("template", {})),
                          **more)  # fmt: skip
        await self.settle()
        id_: str = made["StackId"]
        return id_

    async def change(self, resources: dict[str, Any], name: str = "s", /, **more: Any) -> None:
        """Update a stack, as far as it comes at once."""
        text = template(resources, **more.pop("template", {}))
        await self("update_stack", StackName=name, TemplateBody=text, **more)
        await self.settle()

    async def stack(self, name: str = "s") -> dict[str, Any]:
        """As described."""
        found: dict[str, Any] = (await self("describe_stacks", StackName=name))["Stacks"][0]
        return found

    async def status(self, name: str = "s") -> str:
        return str((await self.stack(name))["StackStatus"])

    async def events(self, name: str = "s") -> list[str]:
        """``logical id, status`` and, where there is one, the reason, oldest first."""
        found = (await self("describe_stack_events", StackName=name))["StackEvents"]
        return [" ".join(filter(None, (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason"))))
                for e in reversed(found)]  # fmt: skip

    async def statuses(self, name: str = "s") -> dict[str, str]:
        found = (await self("describe_stack_resources", StackName=name))["StackResources"]
        return {each["LogicalResourceId"]: each["ResourceStatus"] for each in found}


def template(resources: dict[str, Any], **sections: Any) -> str:
    """A template of things: ``{"A": {"Size": 1}}``; what has a Type or Properties is taken as it is."""
    made = {
        name: each if "Properties" in each or "Type" in each else {"Properties": each}
        for name, each in resources.items()
    }
    return json.dumps(
        {"Resources": {name: {"Type": "Test::Shelf::Thing"} | each for name, each in made.items()}} | sections
    )


def refused(message: str, code: str = "InvalidParameterValue", status: int = 400) -> AwsError:
    """An error of the service behind a resource."""
    return AwsError(code, message, status, request_id="r-1")


def failed(message: str) -> Failed:
    return Failed(message)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """The resource type Test::Shelf::Thing, and what is made of it."""
    made, find, find_schema = Shelf(), kinds.find, schemas.find
    kind = ThingKind()
    kind.shelf = made
    monkeypatch.setattr(kinds, "find", lambda type_: kind if type_ == kind.type else find(type_))
    monkeypatch.setattr(schemas, "find", lambda type_: ThingSchema() if type_ == kind.type else find_schema(type_))
    return made


@pytest.fixture
async def api(shelf: Shelf) -> AsyncIterator[Api]:
    clock = Clock()
    cloud = Cloud(clock=clock, store=Store(None), port=0)
    made = Api(cloud, shelf)
    clock.freeze()
    await made.start()
    yield made
    await cloud.stop_services()
