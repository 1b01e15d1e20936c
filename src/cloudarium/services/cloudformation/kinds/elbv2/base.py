"""What the kinds of ELBv2 share: tags, and attributes of the form key and value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.kind import Work
from cloudarium.services.cloudformation.kinds.patience import Patient


class ElbKind(Patient):
    """A resource of ELBv2. The physical id is its ARN."""

    arn_name: ClassVar[str] = ""
    """The parameter and member that is the ARN: ``LoadBalancerArn``."""
    listed: ClassVar[str] = ""
    """The member of the Describe operation's answer that lists them: ``LoadBalancers``."""
    operation: ClassVar[str] = ""
    """How the operations call it: ``load_balancer``."""
    defaults: ClassVar[Mapping[str, str]] = {}
    """Attributes that may be set, with the values that they have otherwise."""

    def labels(self, work: Work) -> dict[str, Any]:
        """The parameter of a creation that sets all tags."""
        return {"Tags": tagging.pairs(work.tags)} if work.tags else {}

    async def shown(self, work: Work) -> dict[str, Any]:
        """The resource itself, as ELBv2 describes it."""
        describe = getattr(work.ctx.aws.elbv2, f"describe_{self.operation}s")
        answer = await describe(**{f"{self.arn_name}s": [work.physical_id]})
        found: dict[str, Any] = answer[self.listed][0]
        return found

    async def settle(self, work: Work) -> None:
        """Tags, and the attributes that are not as they should be."""
        elbv2, arn = work.ctx.aws.elbv2, work.physical_id
        if work.tags:
            await elbv2.add_tags(ResourceArns=[arn], Tags=tagging.pairs(work.tags))
        if gone := tagging.dropped(work):
            await elbv2.remove_tags(ResourceArns=[arn], TagKeys=gone)
        if wanted := self._attributes(work):
            answer = await getattr(elbv2, f"describe_{self.operation}_attributes")(**{self.arn_name: arn})
            now = tagging.by_key(answer["Attributes"])
            if changes := {key: value for key, value in wanted.items() if now.get(key) != value}:
                modify = getattr(elbv2, f"modify_{self.operation}_attributes")
                await modify(**{self.arn_name: arn}, Attributes=tagging.pairs(changes))

    def _attributes(self, work: Work) -> dict[str, str]:
        """What the template says, and the defaults of what it said before."""
        name = f"{self.arn_name.removesuffix('Arn')}Attributes"
        had = tagging.by_key(work.before.get(name) or ())
        wanted = tagging.by_key(work.properties.get(name) or ())
        return {**{key: self.defaults.get(key, "") for key in had}, **wanted}
