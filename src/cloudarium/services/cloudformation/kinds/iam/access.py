"""What lets something in: instance profiles, access keys, memberships, service-linked roles, identity providers.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, found_or_none, picked, unless
from cloudarium.services.cloudformation.kinds.iam.holders import GONE
from cloudarium.services.cloudformation.kinds.kind import Failed, Work


class InstanceProfile(Once, Settled):
    """An instance profile and the role in it."""

    type = "AWS::IAM::InstanceProfile"
    service, making = "iam", "create_instance_profile"

    async def create(self, work: Work) -> str:
        """Its name."""
        name = str(work.properties.get("InstanceProfileName") or work.short_name(128))
        return await self.make(work, InstanceProfileName=name, **picked(work.properties, ("Path",)))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return str(answer["InstanceProfile"]["InstanceProfileName"])

    async def settle(self, work: Work) -> None:
        """Exactly its roles; IAM lets it have one."""
        iam, name, wanted = work.ctx.aws.iam, work.physical_id, work.properties["Roles"]
        made = await self._get(work, name)
        there = [role["RoleName"] for role in made["Roles"]] if made is not None else []
        for role in there:
            if role not in wanted:
                await iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
        for role in wanted:
            if role not in there:
                await iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``."""
        made = await self._get(work, work.physical_id)
        if made is None:
            raise Failed(f"{self.type} {work.physical_id} is not there any more.")
        return {"Arn": made["Arn"]}

    async def delete(self, work: Work) -> None:
        """Emptied first."""
        name = work.physical_id
        made = await self._get(work, name)
        with unless(GONE):
            for role in made["Roles"] if made is not None else []:
                await work.ctx.aws.iam.remove_role_from_instance_profile(
                    InstanceProfileName=name, RoleName=role["RoleName"]
                )
            await work.ctx.aws.iam.delete_instance_profile(InstanceProfileName=name)

    async def _get(self, work: Work, name: str) -> dict[str, Any] | None:
        answer = await found_or_none(work.ctx.aws.iam.get_instance_profile(InstanceProfileName=name), GONE)
        return None if answer is None else answer["InstanceProfile"]


class AccessKey(Once, Settled):
    """An access key of a user. ``Serial`` changes for nothing but to have another one made."""

    type = "AWS::IAM::AccessKey"
    service, making = "iam", "create_access_key"

    async def create(self, work: Work) -> str:
        """Its id."""
        return await self.make(work, UserName=work.properties["UserName"])

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its id."""
        return str(answer["AccessKey"]["AccessKeyId"])

    async def settle(self, work: Work) -> None:
        """``Status``."""
        await work.ctx.aws.iam.update_access_key(
            UserName=work.properties["UserName"],
            AccessKeyId=work.physical_id,
            Status=work.properties.get("Status", "Active"),
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id`` and ``SecretAccessKey``, which IAM tells only when it makes the key."""
        if "SecretAccessKey" in work.attributes:
            return dict(work.attributes)
        recalled = await work.ctx.aws.iam.create_access_key(recall=work.token)
        return {"Id": work.physical_id, "SecretAccessKey": recalled["answer"]["AccessKey"]["SecretAccessKey"]}

    async def delete(self, work: Work) -> None:
        """Gone with its user as well."""
        with unless(GONE):
            await work.ctx.aws.iam.delete_access_key(UserName=work.properties["UserName"], AccessKeyId=work.physical_id)


class UserToGroupAddition(Settled):
    """Users made members of a group. It is no thing of its own."""

    type = "AWS::IAM::UserToGroupAddition"

    async def create(self, work: Work) -> str:
        """A made-up name."""
        return work.name

    async def settle(self, work: Work) -> None:
        """Add the members, and take out those that were only before."""
        group, users = work.properties["GroupName"], work.properties["Users"]
        moved = bool(work.before) and work.before["GroupName"] != group
        for user in work.before.get("Users", []):
            if moved or user not in users:
                await self._take_out(work, work.before["GroupName"], user)
        for user in users:
            await work.ctx.aws.iam.add_user_to_group(GroupName=group, UserName=user)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Take all out."""
        for user in work.properties["Users"]:
            await self._take_out(work, work.properties["GroupName"], user)

    async def _take_out(self, work: Work, group: str, user: str) -> None:
        with unless(GONE):
            await work.ctx.aws.iam.remove_user_from_group(GroupName=group, UserName=user)


class ServiceLinkedRole(Once):
    """The role of a service."""

    type = "AWS::IAM::ServiceLinkedRole"
    service, making = "iam", "create_service_linked_role"

    async def create(self, work: Work) -> str:
        """Its name, which the service's follows from."""
        return await self.make(work, **picked(work.properties, ("AWSServiceName", "CustomSuffix", "Description")))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return str(answer["Role"]["RoleName"])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``RoleName``."""
        return {"RoleName": work.physical_id}

    async def update(self, work: Work) -> None:
        """``Description`` is all that may change."""
        await work.ctx.aws.iam.update_role_description(
            RoleName=work.physical_id, Description=work.properties.get("Description", "")
        )

    async def delete(self, work: Work) -> None:
        """Nothing asks the service whether it still needs it."""
        with unless(GONE):
            await work.ctx.aws.iam.delete_service_linked_role(RoleName=work.physical_id)


class OidcProvider(Once):
    """An OpenID Connect identity provider. Its physical id is its ARN."""

    type = "AWS::IAM::OIDCProvider"
    service, making = "iam", "create_open_id_connect_provider"

    async def create(self, work: Work) -> str:
        """Its ARN."""
        return await self.make(
            work,
            Url=work.properties["Url"],
            ClientIDList=work.properties.get("ClientIdList", []),
            ThumbprintList=work.properties.get("ThumbprintList", []),
            Tags=tagging.pairs(tagging.own(work)),
        )

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its ARN."""
        return str(answer["OpenIDConnectProviderArn"])

    async def update(self, work: Work) -> None:
        """Thumbprints and tags. IAM has calls for client ids too, which moto has not."""
        iam, arn = work.ctx.aws.iam, work.physical_id
        if work.before.get("ClientIdList") != work.properties.get("ClientIdList"):
            raise NotThere("Changing the ClientIdList of an AWS::IAM::OIDCProvider")
        await iam.update_open_id_connect_provider_thumbprint(
            OpenIDConnectProviderArn=arn, ThumbprintList=work.properties.get("ThumbprintList", [])
        )
        listed = await iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)
        await tagging.settle(
            work,
            tagging.by_key(listed["Tags"]),
            lambda tags: iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=tagging.pairs(tags)),
            lambda keys: iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=keys),
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``."""
        return {"Arn": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless(GONE):
            await work.ctx.aws.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=work.physical_id)


KINDS = (InstanceProfile(), AccessKey(), UserToGroupAddition(), ServiceLinkedRole(), OidcProvider())
