"""Policies of IAM that are resources of their own: inline ones, on one holder or on many, and managed ones.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cloudarium.services.cloudformation.kinds.calls import Once, Settled, document, found_or_none, picked, taken, unless
from cloudarium.services.cloudformation.kinds.iam import holders
from cloudarium.services.cloudformation.kinds.iam.holders import GONE
from cloudarium.services.cloudformation.kinds.kind import Failed, Work

_VERSIONS = 5
"""How many versions a managed policy may have."""


class Policy(Settled):
    """An inline policy, embedded in every role, user and group that it names."""

    type = "AWS::IAM::Policy"

    async def create(self, work: Work) -> str:
        """It is no thing of its own: its physical id is made up as AWS does it, of parts of both names."""
        if not holders.holding(work.properties):
            raise Failed("At least one of [Groups,Roles,Users] must be non-empty.")
        return f"{work.stack_name[:5]}-{work.logical_id[:4]}{work.name[-13:]}"

    async def settle(self, work: Work) -> None:
        """Embed it where it should be, remove it where it was only before."""
        name = work.properties["PolicyName"]
        wanted = holders.holding(work.properties)
        for holder, who in holders.holding(work.before):
            if (holder, who) not in wanted or work.before["PolicyName"] != name:
                await holders.remove(work.ctx, holder, who, work.before["PolicyName"])
        for holder, who in wanted:
            await holders.put(work.ctx, holder, who, name, work.properties["PolicyDocument"])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Remove it from all."""
        for holder, who in holders.holding(work.properties):
            await holders.remove(work.ctx, holder, who, work.properties["PolicyName"])


class _Inline(Once):
    """One inline policy of one holder. Its physical id is both names."""

    service = "iam"
    holder: ClassVar[str]

    async def create(self, work: Work) -> str:
        """Refuses to overwrite one that is there."""
        who, policy = self._of(work)
        named = {self._key: who, "PolicyName": policy}
        get = getattr(work.ctx.aws.iam, f"get_{self.holder}_policy")
        if await found_or_none(get(**named), GONE) is not None:
            raise taken(self, f"{policy}|{who}")
        return await self.make(work, **named, PolicyDocument=document(self._document(work)))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Both names."""
        who, policy = self._of(work)
        return f"{policy}|{who}"

    async def update(self, work: Work) -> None:
        """Its document."""
        await holders.put(work.ctx, self.holder, *self._of(work), self._document(work))

    async def delete(self, work: Work) -> None:
        """Remove it."""
        await holders.remove(work.ctx, self.holder, *self._of(work))

    @property
    def _key(self) -> str:
        return f"{self.holder.capitalize()}Name"

    def _document(self, work: Work) -> Any:
        if "PolicyDocument" not in work.properties:
            raise Failed(f"{self.type} needs a PolicyDocument.")
        return work.properties["PolicyDocument"]

    def _of(self, work: Work) -> tuple[str, str]:
        return work.properties[self._key], work.properties["PolicyName"]


class RolePolicy(_Inline):
    """An inline policy of a role."""

    type = "AWS::IAM::RolePolicy"
    making = "put_role_policy"
    holder = holders.ROLE


class UserPolicy(_Inline):
    """An inline policy of a user."""

    type = "AWS::IAM::UserPolicy"
    making = "put_user_policy"
    holder = holders.USER


class GroupPolicy(_Inline):
    """An inline policy of a group."""

    type = "AWS::IAM::GroupPolicy"
    making = "put_group_policy"
    holder = holders.GROUP


class ManagedPolicy(Once, Settled):
    """A managed policy, attached to what it names. Its physical id is its ARN."""

    type = "AWS::IAM::ManagedPolicy"
    service, making = "iam", "create_policy"

    async def create(self, work: Work) -> str:
        """Its ARN."""
        return await self.make(
            work,
            PolicyName=str(work.properties.get("ManagedPolicyName") or work.short_name(128)),
            PolicyDocument=document(work.properties["PolicyDocument"]),
            **picked(work.properties, ("Path", "Description")),
        )

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its ARN."""
        return str(answer["Policy"]["Arn"])

    async def settle(self, work: Work) -> None:
        """Its attachments."""
        arn, wanted = work.physical_id, holders.holding(work.properties)
        for holder, who in holders.holding(work.before):
            if (holder, who) not in wanted:
                await holders.detach(work.ctx, holder, who, arn)
        for holder, who in wanted:
            await holders.attach(work.ctx, holder, who, arn)

    async def update(self, work: Work) -> None:
        """Its document, as another version."""
        if work.before["PolicyDocument"] == work.properties["PolicyDocument"]:
            return
        iam, arn = work.ctx.aws.iam, work.physical_id
        versions = await self._others(work)
        if len(versions) >= _VERSIONS - 1:
            oldest = min(versions, key=lambda version: int(version[1:]))
            await iam.delete_policy_version(PolicyArn=arn, VersionId=oldest)
        text = document(work.properties["PolicyDocument"])
        await iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """What IAM says of it."""
        made = await self._get(work, work.physical_id)
        if made is None:
            raise Failed(f"{self.type} {work.physical_id} is not there any more.")
        said = picked(made, ("PolicyId", "DefaultVersionId", "AttachmentCount", "IsAttachable"))
        times: dict[str, Any] = {name: str(made[name]) for name in ("CreateDate", "UpdateDate") if name in made}
        boundaries = made.get("PermissionsBoundaryUsageCount", 0)
        return {**said, **times, "PermissionsBoundaryUsageCount": boundaries, "PolicyArn": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Detached first from what the template names, and without its former versions."""
        for holder, who in holders.holding(work.properties):
            await holders.detach(work.ctx, holder, who, work.physical_id)
        with unless(GONE):
            for version in await self._others(work):
                await work.ctx.aws.iam.delete_policy_version(PolicyArn=work.physical_id, VersionId=version)
            await work.ctx.aws.iam.delete_policy(PolicyArn=work.physical_id)

    async def _get(self, work: Work, arn: str) -> dict[str, Any] | None:
        answer = await found_or_none(work.ctx.aws.iam.get_policy(PolicyArn=arn), GONE)
        return None if answer is None else answer["Policy"]

    async def _others(self, work: Work) -> list[str]:
        listed = await work.ctx.aws.iam.list_policy_versions(PolicyArn=work.physical_id)
        return [each["VersionId"] for each in listed["Versions"] if not each["IsDefaultVersion"]]


KINDS = (Policy(), RolePolicy(), UserPolicy(), GroupPolicy(), ManagedPolicy())
