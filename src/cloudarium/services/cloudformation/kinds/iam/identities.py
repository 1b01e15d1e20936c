"""AWS::IAM::Role, AWS::IAM::User and AWS::IAM::Group.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, document, found_or_none, picked, unless
from cloudarium.services.cloudformation.kinds.iam import holders
from cloudarium.services.cloudformation.kinds.iam.holders import GONE
from cloudarium.services.cloudformation.kinds.kind import Failed, Work


class _Identity(Once, Settled):
    """What roles, users and groups have in common: a name, a path and policies."""

    service = "iam"
    holder: ClassVar[str]
    most: ClassVar[int]
    """How long its name may be."""

    def name(self, work: Work) -> str:
        """Its name: the template's or a generated one."""
        return str(work.properties.get(self._key) or work.short_name(self.most))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return str(answer[self.holder.capitalize()][self._key])

    async def settle(self, work: Work) -> None:
        """Its policies."""
        await holders.settle(work.ctx, self.holder, work.physical_id, work.properties, work.before)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``, and what else the type has."""
        made = await self._get(work, work.physical_id)
        if made is None:
            raise Failed(f"{self.type} {work.physical_id} is not there any more.")
        return picked(made, ("Arn", "RoleId"))

    @property
    def _key(self) -> str:
        return f"{self.holder.capitalize()}Name"

    async def _get(self, work: Work, name: str) -> dict[str, Any] | None:
        call = getattr(work.ctx.aws.iam, f"get_{self.holder}")
        answer = await found_or_none(call(**{self._key: name}), GONE)
        return None if answer is None else answer[self.holder.capitalize()]

    async def delete(self, work: Work) -> None:
        """Its own policies go with it; IAM refuses to delete it while it has others."""
        if await self._get(work, work.physical_id) is None:
            return
        await holders.strip(work.ctx, self.holder, work.physical_id, work.properties)
        with unless(GONE):
            await getattr(work.ctx.aws.iam, f"delete_{self.holder}")(**{self._key: work.physical_id})


class Role(_Identity):
    """A role with its trust policy."""

    type = "AWS::IAM::Role"
    making = "create_role"
    holder = holders.ROLE
    most = 64

    async def create(self, work: Work) -> str:
        """Its name."""
        properties = work.properties
        return await self.make(
            work,
            RoleName=self.name(work),
            AssumeRolePolicyDocument=document(properties["AssumeRolePolicyDocument"]),
            **picked(properties, ("Path", "Description", "MaxSessionDuration", "PermissionsBoundary")),
            Tags=tagging.pairs(tagging.own(work)),
        )

    async def update(self, work: Work) -> None:
        """Trust policy, description, boundary and tags."""
        iam, name, properties = work.ctx.aws.iam, work.physical_id, work.properties
        if work.before["AssumeRolePolicyDocument"] != (trust := properties["AssumeRolePolicyDocument"]):
            # A trust policy may be without a version on AWS, and with moto when the role is made, not afterwards.
            versioned = {"Version": "2012-10-17", **trust} if isinstance(trust, dict) else trust
            await iam.update_assume_role_policy(RoleName=name, PolicyDocument=document(versioned))
        await iam.update_role(
            RoleName=name,
            Description=properties.get("Description", ""),
            MaxSessionDuration=properties.get("MaxSessionDuration", 3600),
        )
        if (boundary := properties.get("PermissionsBoundary")) is not None:
            await iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        elif "PermissionsBoundary" in work.before:
            await iam.delete_role_permissions_boundary(RoleName=name)
        await tagging.settle(
            work,
            tagging.by_key((await iam.list_role_tags(RoleName=name))["Tags"]),
            lambda tags: iam.tag_role(RoleName=name, Tags=tagging.pairs(tags)),
            lambda keys: iam.untag_role(RoleName=name, TagKeys=keys),
        )


class User(_Identity):
    """A user, in its groups, with a password where the template gives one."""

    type = "AWS::IAM::User"
    unbuilt = frozenset({"PermissionsBoundary"})
    making = "create_user"
    holder = holders.USER
    most = 64

    async def create(self, work: Work) -> str:
        """Its name."""
        tags = tagging.pairs(tagging.own(work))
        return await self.make(work, UserName=self.name(work), **picked(work.properties, ("Path",)), Tags=tags)

    async def settle(self, work: Work) -> None:
        """Policies, groups and password."""
        await super().settle(work)
        groups = work.properties.get("Groups", [])
        for group in work.before.get("Groups", []):
            if group not in groups:
                await self._leave(work, group)
        for group in groups:
            await work.ctx.aws.iam.add_user_to_group(GroupName=group, UserName=work.physical_id)
        await self._settle_password(work)

    async def update(self, work: Work) -> None:
        """Path and tags."""
        iam, name = work.ctx.aws.iam, work.physical_id
        if work.before.get("Path") != work.properties.get("Path"):
            await iam.update_user(UserName=name, NewPath=work.properties.get("Path", "/"))
        await tagging.settle(
            work,
            tagging.by_key((await iam.list_user_tags(UserName=name))["Tags"]),
            lambda tags: iam.tag_user(UserName=name, Tags=tagging.pairs(tags)),
            lambda keys: iam.untag_user(UserName=name, TagKeys=keys),
        )

    async def delete(self, work: Work) -> None:
        """Out of its groups and without its password first."""
        for group in work.properties.get("Groups", []):
            await self._leave(work, group)
        with unless(GONE):
            await work.ctx.aws.iam.delete_login_profile(UserName=work.physical_id)
        await super().delete(work)

    async def _leave(self, work: Work, group: str) -> None:
        with unless(GONE):
            await work.ctx.aws.iam.remove_user_from_group(GroupName=group, UserName=work.physical_id)

    async def _settle_password(self, work: Work) -> None:
        iam, name = work.ctx.aws.iam, work.physical_id
        profile = work.properties.get("LoginProfile")
        if profile is None:
            if "LoginProfile" in work.before:
                with unless(GONE):
                    await iam.delete_login_profile(UserName=name)
            return
        said = {"PasswordResetRequired": False, **profile}
        if await found_or_none(iam.get_login_profile(UserName=name), GONE) is None:
            await iam.create_login_profile(UserName=name, **said)
        elif work.before.get("LoginProfile") != profile:
            await iam.update_login_profile(UserName=name, **said)


class Group(_Identity):
    """A group of users."""

    type = "AWS::IAM::Group"
    making = "create_group"
    holder = holders.GROUP
    most = 128

    async def create(self, work: Work) -> str:
        """Its name."""
        return await self.make(work, GroupName=self.name(work), **picked(work.properties, ("Path",)))

    async def update(self, work: Work) -> None:
        """Its path could change, but moto's IAM keeps it as it is."""
        if work.before.get("Path") != work.properties.get("Path"):
            raise NotThere("Changing the Path of an AWS::IAM::Group")


KINDS = (Role(), User(), Group())
