"""Secrets Manager's resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SecretsManager.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, document, found_or_none, picked, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, Work

_NONE = "ResourceNotFoundException"
_HOW = (
    "ExcludeCharacters",
    "ExcludeLowercase",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "IncludeSpace",
    "PasswordLength",
    "RequireEachIncludedType",
)


class Secret(Once):
    """A secret; its physical id is its ARN. A generated one is made again only when its recipe changes."""

    type = "AWS::SecretsManager::Secret"
    service, making = "secretsmanager", "create_secret"
    unbuilt = frozenset({"ReplicaRegions", "Type"})

    async def create(self, work: Work) -> str:
        """Its ARN."""
        name = self._name(work)
        if await found_or_none(work.ctx.aws.secretsmanager.describe_secret(SecretId=name), _NONE) is not None:
            raise taken(self, name)
        said = picked(work.properties, ("Description", "KmsKeyId"))
        return await self.make(
            work,
            Name=name,
            **said,
            **await _value(work),
            Tags=tagging.pairs(tagging.own(work)),
            ClientRequestToken=work.token,
        )

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its ARN."""
        return str(answer["ARN"])

    async def update(self, work: Work) -> None:
        """Value, description, key and tags."""
        api, arn = work.ctx.aws.secretsmanager, work.physical_id
        if work.before.get("Description") and not work.properties.get("Description"):
            raise NotThere("Taking the Description from an AWS::SecretsManager::Secret")
        said = picked(work.properties, ("Description", "KmsKeyId"))
        names = ("SecretString", "GenerateSecretString")
        if picked(work.before, names) != picked(work.properties, names):
            said |= await _value(work)
        if said:
            await api.update_secret(SecretId=arn, **said, ClientRequestToken=work.token)
        await tagging.settle(
            work,
            tagging.by_key((await api.describe_secret(SecretId=arn)).get("Tags") or []),
            lambda tags: api.tag_resource(SecretId=arn, Tags=tagging.pairs(tags)),
            lambda keys: api.untag_resource(SecretId=arn, TagKeys=keys),
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id}

    async def delete(self, work: Work) -> None:
        """At once, so that its name is free, as CloudFormation does it."""
        with unless(_NONE):
            await work.ctx.aws.secretsmanager.delete_secret(SecretId=work.physical_id, ForceDeleteWithoutRecovery=True)

    def _name(self, work: Work) -> str:
        # AWS's generated names of secrets do not begin with the stack's.
        return str(work.properties.get("Name") or f"{work.logical_id}{work.name[-13:]}")


class ResourcePolicy(Kind):
    """The policy of a secret. Its physical id is the secret's ARN."""

    type = "AWS::SecretsManager::ResourcePolicy"
    unbuilt = frozenset({"BlockPublicPolicy"})

    async def create(self, work: Work) -> str:
        """Put it."""
        await self.update(work)
        return str(work.properties["SecretId"])

    async def update(self, work: Work) -> None:
        """Put it."""
        await work.ctx.aws.secretsmanager.put_resource_policy(
            SecretId=work.properties["SecretId"], ResourcePolicy=document(work.properties["ResourcePolicy"])
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Gone with its secret as well."""
        with unless(_NONE):
            await work.ctx.aws.secretsmanager.delete_resource_policy(SecretId=work.physical_id)


async def _value(work: Work) -> dict[str, str]:
    """What the secret is: said, or generated; where there is a template, put into it under a key. Else it is empty."""
    recipe = work.properties.get("GenerateSecretString")
    if recipe is None:
        return picked(work.properties, ("SecretString",))
    if "SecretString" in work.properties:
        raise Failed("You can't specify both a SecretString and GenerateSecretString in the same secret.")
    key, template = recipe.get("GenerateStringKey"), recipe.get("SecretStringTemplate")
    if (key is None) != (template is None):
        raise Failed("You must specify both SecretStringTemplate and GenerateStringKey, or neither of them.")
    # The same on every attempt: Secrets Manager refuses another value under the same token.
    answer = await work.ctx.aws.secretsmanager.get_random_password(**picked(recipe, _HOW), once=work.token)
    password = str(answer["RandomPassword"])
    if key is None or template is None:
        return {"SecretString": password}
    try:
        filled = json.loads(template)
        filled[key] = password
    except (ValueError, TypeError):
        raise Failed("SecretStringTemplate must be a JSON object.") from None
    return {"SecretString": json.dumps(filled)}


KINDS = {kind.type: kind for kind in (Secret(), ResourcePolicy())}
