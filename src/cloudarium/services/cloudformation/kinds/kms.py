"""KMS's resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_KMS.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, document, found_or_none, picked, taken, unless
from cloudarium.services.cloudformation.kinds.kind import NeedsReplacement, Work

_NONE = "NotFoundException"
_FIXED = ("KeySpec", "KeyUsage", "MultiRegion", "Origin")


class Key(Once, Settled):
    """A key; its physical id is its key id. Deleting it means scheduling that, as with KMS itself."""

    type = "AWS::KMS::Key"
    service, making = "kms", "create_key"
    unbuilt = frozenset({"BypassPolicyLockoutSafetyCheck", "RotationPeriodInDays"})

    async def create(self, work: Work) -> str:
        """Its id."""
        said = picked(work.properties, ("Description", *_FIXED))
        if "KeyPolicy" in work.properties:
            said["Policy"] = document(work.properties["KeyPolicy"])
        return await self.make(work, **said, Tags=_pairs(tagging.own(work)))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its id."""
        return str(answer["KeyMetadata"]["KeyId"])

    async def update(self, work: Work) -> None:
        """Description, policy and tags. What a key is it stays: AWS takes another one."""
        if picked(work.before, _FIXED) != picked(work.properties, _FIXED):
            raise NeedsReplacement
        kms, key = work.ctx.aws.kms, work.physical_id
        await kms.enable_key(KeyId=key)
        await kms.update_key_description(KeyId=key, Description=work.properties.get("Description", ""))
        if "KeyPolicy" in work.properties or "KeyPolicy" in work.before:
            policy = document(work.properties.get("KeyPolicy", _default_policy(work)))
            await kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
        await self._settle_tags(work)

    async def settle(self, work: Work) -> None:
        """Whether it is rotated and enabled."""
        kms, key = work.ctx.aws.kms, work.physical_id
        if work.properties.get("EnableKeyRotation", False):
            await kms.enable_key_rotation(KeyId=key)
        elif "EnableKeyRotation" in work.before:
            await kms.disable_key_rotation(KeyId=key)
        if not work.properties.get("Enabled", True):
            await kms.disable_key(KeyId=key)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn`` and ``KeyId``."""
        made = (await work.ctx.aws.kms.describe_key(KeyId=work.physical_id))["KeyMetadata"]
        return {"Arn": made["Arn"], "KeyId": made["KeyId"]}

    async def delete(self, work: Work) -> None:
        """Schedule it after ``PendingWindowInDays``."""
        kms = work.ctx.aws.kms
        answer = await found_or_none(kms.describe_key(KeyId=work.physical_id), _NONE)
        if answer is None or answer["KeyMetadata"]["KeyState"] == "PendingDeletion":
            return
        days = work.properties.get("PendingWindowInDays", 30)
        await kms.schedule_key_deletion(KeyId=work.physical_id, PendingWindowInDays=days)

    async def _settle_tags(self, work: Work) -> None:
        kms, key = work.ctx.aws.kms, work.physical_id
        listed = await kms.list_resource_tags(KeyId=key)
        await tagging.settle(
            work,
            tagging.by_key(listed.get("Tags", []), "TagKey", "TagValue"),
            lambda tags: kms.tag_resource(KeyId=key, Tags=_pairs(tags)),
            lambda keys: kms.untag_resource(KeyId=key, TagKeys=keys),
        )


class Alias(Once):
    """A name for a key; its physical id is that name."""

    type = "AWS::KMS::Alias"
    service, making = "kms", "create_alias"

    async def create(self, work: Work) -> str:
        """Its name."""
        name = str(work.properties["AliasName"])
        if await found_or_none(work.ctx.aws.kms.describe_key(KeyId=name), _NONE) is not None:
            raise taken(self, name)
        return await self.make(work, AliasName=name, TargetKeyId=work.properties["TargetKeyId"])

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return str(work.properties["AliasName"])

    async def update(self, work: Work) -> None:
        """Make it another key's."""
        await work.ctx.aws.kms.update_alias(AliasName=work.physical_id, TargetKeyId=work.properties["TargetKeyId"])

    async def delete(self, work: Work) -> None:
        """Gone with its key as well."""
        with unless(_NONE):
            await work.ctx.aws.kms.delete_alias(AliasName=work.physical_id)


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return tagging.pairs(tags, "TagKey", "TagValue")


def _default_policy(work: Work) -> dict[str, Any]:
    """What KMS gives a key that nobody gave a policy."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": work.ctx.arn("iam", "root", region="")},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}


KINDS = {kind.type: kind for kind in (Key(), Alias())}
