"""What CloudFormation must know of a resource type: how to make, change and delete one, by AWS's own API.

A kind keeps nothing. Each of its methods is one step that may be done again: the cloud can be killed between any call
and the moment its outcome is written down. So ``create`` gives the API a token or a name that is the same on every
attempt, and where the API knows neither, ``found`` looks for what an attempt before it has made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from cloudarium.kernel.context import Context


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of one stack, and what is to be done about it."""

    ctx: Context
    """Where and as whom: ``work.ctx.aws.ec2`` is the API as CloudFormation's service principal calls it."""
    stack_id: str
    stack_name: str
    logical_id: str
    properties: Mapping[str, Any]
    """Resolved, of the types that the schema says (numbers are numbers), without what is AWS::NoValue."""
    before: Mapping[str, Any] = {}
    """The properties it was last made with; empty when it is new."""
    physical_id: str = ""
    """Empty until ``create`` has answered."""
    attributes: Mapping[str, Any] = {}
    """What ``attributes`` answered last."""
    tags: Mapping[str, str] = {}
    """All tags it should have: the stack's, its own (which win), and where the schema says so AWS's three
    (aws:cloudformation:stack-name, …:stack-id, …:logical-id)."""
    tags_before: Mapping[str, str] = {}
    """All tags it was last made with; empty when it is new."""
    token: str
    """The same on every attempt of one action: 32 characters of a-z and 0-9."""
    name: str
    """A physical name for what the template leaves unnamed: ``<stack>-<logical id>-<12 characters>``, the same on
    every attempt. Longer than some services allow: ``short_name`` cuts it as AWS does."""
    replaces: str = ""
    """The physical id of what this one takes the place of, which is still there."""

    def short_name(self, most: int, *, lower: bool = False) -> str:
        """The generated name in at most so many characters; what makes it unique stays whole."""
        unique = self.name[-13:]
        name = self.name if len(self.name) <= most else self.name[: most - len(unique)].rstrip("-") + unique
        return name.lower() if lower else name


class Failed(Exception):
    """It did not work, and trying again will not help; the text is the resource's status reason."""


class NeedsReplacement(Exception):
    """Raised by ``update``: this change takes a new resource, though the schema does not say so."""


class Kind:
    """One resource type. Subclasses set ``type`` and implement at least ``create``, ``update`` and ``delete``.

    An ``AwsError`` that a method lets through fails the resource, with AWS's words for it (throttling and errors of
    the server are tried again by the engine).
    """

    type: ClassVar[str] = ""
    takes_over: ClassVar[bool] = False
    """There can be only one: what replaces another takes its place as soon as it is made, so that on the way back the
    other has to be made again."""
    unbuilt: ClassVar[frozenset[str]] = frozenset()
    """Properties of the schema that have no effect yet: a template that sets one is refused by name."""

    async def create(self, work: Work) -> str:
        """Make it; the physical id, as soon as there is one. Need not wait until it is ready: ``ready`` does."""
        raise NotImplementedError

    async def found(self, work: Work) -> str:
        """The physical id of what an interrupted ``create`` has made, or empty. Called before ``create`` is called
        again, never before the first time.
        """
        return ""

    async def ready(self, work: Work) -> bool:
        """Whether it is what ``create`` or ``update`` set out to make; asked again every second until it is.
        Raises ``Failed`` when it never will be.
        """
        return True

    async def attributes(self, work: Work) -> dict[str, Any]:
        """What ``Fn::GetAtt`` can ask, by attribute name (``DNSName``, ``Endpoint.Address``), once it is ready."""
        return {}

    def reference(self, work: Work) -> str:
        """What ``Ref`` gives: mostly the physical id."""
        return work.physical_id

    async def update(self, work: Work) -> None:
        """Make it as ``properties`` and ``tags`` say. Only called when something changed that the schema lets change
        in place. Raises ``NeedsReplacement`` where this change does not.
        """
        raise NotImplementedError

    async def delete(self, work: Work) -> None:
        """Delete it; that it is already gone is no error."""
        raise NotImplementedError

    async def gone(self, work: Work) -> bool:
        """Whether ``delete`` is through; asked again every second until it is."""
        return True
