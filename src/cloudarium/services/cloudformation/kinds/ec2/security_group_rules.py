"""AWS::EC2::SecurityGroupIngress and AWS::EC2::SecurityGroupEgress: rules apart from their group."""

from __future__ import annotations

from typing import Any, ClassVar

from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, changed, filters_for
from cloudarium.services.cloudformation.kinds.ec2.permissions import EGRESS, INGRESS, Direction, is_same, permission
from cloudarium.services.cloudformation.kinds.kind import Work


class _Rule(Ec2Kind):
    """A rule, whose physical id is EC2's: ``sgr-…``."""

    direction: ClassVar[Direction]
    plural, listed, id_name = "security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId"

    def _call(self, work: Work, verb: str) -> Any:
        return getattr(work.ctx.aws.ec2, f"{verb}_{self.direction.word}")

    async def create(self, work: Work) -> str:
        """A rule that is there already is an error, as on AWS."""
        answer = await self._call(work, "authorize_security_group")(
            **picked(work.properties, ("GroupId", "GroupName")),
            IpPermissions=[permission(work.properties, self.direction)],
        )
        return str(answer["SecurityGroupRules"][0][self.id_name])

    async def found(self, work: Work) -> str:
        """The rule itself: had it been there before, ``create`` would have failed."""
        group_id = work.properties.get("GroupId") or await self._named(work)
        for each in await self.describe(work, Filters=filters_for({"group-id": group_id})):
            if is_same(work.properties, each, self.direction):
                return str(each[self.id_name])
        return ""

    async def _named(self, work: Work) -> str:
        names = [work.properties.get("GroupName", "")]
        answer = await work.ctx.aws.ec2.describe_security_groups(GroupNames=names)
        return str(answer["SecurityGroups"][0]["GroupId"])

    async def settle(self, work: Work) -> None:
        """``create`` and ``update`` say everything."""

    async def update(self, work: Work) -> None:
        """Only the description can be another."""
        if changed(work, "Description"):
            described = {"Description": work.properties.get("Description", "")}
            await self._call(work, "update_security_group_rule_descriptions")(
                GroupId=(await self.shown(work))["GroupId"],
                SecurityGroupRuleDescriptions=[{self.id_name: work.physical_id, **described}],
            )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"Id": work.physical_id}

    async def remove(self, work: Work) -> None:
        """By its id."""
        group_id = (await self.shown(work))["GroupId"]
        await self._call(work, "revoke_security_group")(GroupId=group_id, SecurityGroupRuleIds=[work.physical_id])


class IngressRule(_Rule):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupingress.html."""

    type = "AWS::EC2::SecurityGroupIngress"
    direction = INGRESS


class EgressRule(_Rule):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupegress.html."""

    type = "AWS::EC2::SecurityGroupEgress"
    direction = EGRESS
