"""What the kinds of EC2 share: tags, finding what an interrupted attempt has made, and reading one resource."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.kind import Work
from cloudarium.services.cloudformation.kinds.patience import Patient


class Ec2Kind(Patient):
    """A resource of EC2. Those that have tags say how EC2 calls them."""

    noun: ClassVar[str] = ""
    """The resource type of tag specifications; empty for what has no tags."""
    plural: ClassVar[str] = ""
    """What the Describe operation's name ends in: ``vpcs``."""
    listed: ClassVar[str] = ""
    """The member of its answer that lists them: ``Vpcs``."""
    id_name: ClassVar[str] = ""
    """The member of each that is its id, and with an ``s`` the parameter that asks for some: ``VpcId``."""

    def labels(self, work: Work) -> dict[str, Any]:
        """The parameter of a creation that sets all tags."""
        if not work.tags:
            return {}
        return {"TagSpecifications": [{"ResourceType": self.noun, "Tags": tagging.pairs(work.tags)}]}

    async def describe(self, work: Work, **parameters: Any) -> list[dict[str, Any]]:
        """Those that the Describe operation lists."""
        answer = await getattr(work.ctx.aws.ec2, f"describe_{self.plural}")(**parameters)
        found: list[dict[str, Any]] = answer[self.listed]
        return found

    async def shown(self, work: Work) -> dict[str, Any]:
        """The resource itself, as EC2 describes it."""
        (found,) = await self.describe(work, **{f"{self.id_name}s": [work.physical_id]})
        return found

    async def marked(self, work: Work) -> list[dict[str, Any]]:
        """Those that carry this stack's and this resource's mark, but not what is to be replaced."""
        mark = {f"tag:{tagging.STACK_ID}": work.stack_id, f"tag:{tagging.LOGICAL_ID}": work.logical_id}
        found = await self.describe(work, Filters=filters_for(mark))
        return [each for each in found if each[self.id_name] != work.replaces]

    async def retag(self, work: Work, resource_id: str) -> None:
        """Set the tags it should have, and remove those that it no longer should."""
        if work.tags:
            await work.ctx.aws.ec2.create_tags(Resources=[resource_id], Tags=tagging.pairs(work.tags))
        if gone := tagging.dropped(work):
            await work.ctx.aws.ec2.delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in gone])

    async def settle(self, work: Work) -> None:
        """Tags are all that most can have changed."""
        if self.noun:
            await self.retag(work, work.physical_id)


class Marked(Ec2Kind):
    """A kind whose creation EC2 cannot recognize as a repeated one: what it made is found by its tags."""

    async def found(self, work: Work) -> str:
        """What carries this resource's mark."""
        found = await self.marked(work)
        return str(found[0][self.id_name]) if found else ""


def filters_for(values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Filters of a Describe operation, each with one value."""
    return [{"Name": name, "Values": [value]} for name, value in values.items()]


def changed(work: Work, *names: str) -> bool:
    """Whether one of these properties is not what it was."""
    return any(work.properties.get(name) != work.before.get(name) for name in names)


def block(text: str) -> str:
    """A CIDR block as EC2 writes it; what is none is left for EC2 to refuse."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text


def without(these: Sequence[str], those: Sequence[str]) -> list[str]:
    """``these`` but for ``those``, in their order."""
    return [each for each in these if each not in those]
