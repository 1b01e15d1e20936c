"""AWS::EC2::SecurityGroup, with the rules that are written in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.calls import picked, unless
from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind
from cloudarium.services.cloudformation.kinds.ec2.permissions import EGRESS, INGRESS, Direction, permission
from cloudarium.services.cloudformation.kinds.kind import Work

_RULES = ((INGRESS, "SecurityGroupIngress"), (EGRESS, "SecurityGroupEgress"))
_DEFAULT_EGRESS = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


class SecurityGroup(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html.

    A changed rule is removed and added again. Rules that are not written in the group, such as those of
    AWS::EC2::SecurityGroupIngress, are left alone.
    """

    type = "AWS::EC2::SecurityGroup"
    noun, plural, listed, id_name = "security-group", "security_groups", "SecurityGroups", "GroupId"

    async def create(self, work: Work) -> str:
        """Without rules, which ``settle`` makes."""
        answer = await work.ctx.aws.ec2.create_security_group(
            GroupName=_name(work),
            Description=work.properties["GroupDescription"],
            **picked(work.properties, ("VpcId",)),
            **self.labels(work),
        )
        return str(answer["GroupId"])

    async def found(self, work: Work) -> str:
        """Of this name, with this resource's mark."""
        found = [each for each in await self.marked(work) if each["GroupName"] == _name(work)]
        return str(found[0]["GroupId"]) if found else ""

    async def settle(self, work: Work) -> None:
        """Take away the rules that only ``before`` has, and add those that it has not.

        A new group lets everything out; where the template says what may go out, that rule makes way for it. Rules to
        let something out do not come back by themselves when the template no longer says any.
        """
        await self.retag(work, work.physical_id)
        for direction, name in _RULES:
            wanted = [permission(rule, direction) for rule in work.properties.get(name) or ()]
            had = [permission(rule, direction) for rule in work.before.get(name) or ()]
            if direction is EGRESS and wanted and not work.before:
                had = [_DEFAULT_EGRESS]
            await self._change(work, direction, "revoke", [each for each in had if each not in wanted])
            await self._change(work, direction, "authorize", [each for each in wanted if each not in had])

    async def _change(self, work: Work, direction: Direction, verb: str, permissions: Sequence[Any]) -> None:
        """Together if they can be; one by one where an interrupted attempt has done some of them already."""
        if not permissions:
            return
        call = getattr(work.ctx.aws.ec2, f"{verb}_security_group_{direction.word}")
        done = "InvalidPermission.NotFound" if verb == "revoke" else "InvalidPermission.Duplicate"
        try:
            await call(GroupId=work.physical_id, IpPermissions=list(permissions))
        except AwsError as error:
            if error.code != done:
                raise
            for each in permissions:
                with unless(done):
                    await call(GroupId=work.physical_id, IpPermissions=[each])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id and its VPC's."""
        return {"GroupId": work.physical_id, "Id": work.physical_id, "VpcId": (await self.shown(work))["VpcId"]}

    async def remove(self, work: Work) -> None:
        """Once nothing uses it and no other group's rule names it."""
        await work.ctx.aws.ec2.delete_security_group(GroupId=work.physical_id)


def _name(work: Work) -> str:
    return str(work.properties.get("GroupName") or work.short_name(255))
