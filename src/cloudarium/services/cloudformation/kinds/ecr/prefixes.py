"""AWS::ECR::PullThroughCacheRule, AWS::ECR::RepositoryCreationTemplate: what is said of repositories by a prefix."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds import shapes
from cloudarium.services.cloudformation.kinds.calls import found_or_none, unless
from cloudarium.services.cloudformation.kinds.ecr.common import parameters
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, Work


class PullThroughCacheRule(Kind):
    """A pull through cache rule; its physical id, which ``Ref`` gives, is its prefix. Every change replaces it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-pullthroughcacherule.html
    """

    type = "AWS::ECR::PullThroughCacheRule"
    unbuilt = frozenset({"CustomRoleArn"})

    async def create(self, work: Work) -> str:
        """Make it; ECR refuses a prefix that is taken."""
        for name in ("EcrRepositoryPrefix", "UpstreamRegistryUrl"):
            if not work.properties.get(name):
                # The schema leaves them out, ECR does not.
                raise Failed(f"Invalid request provided: {name} is required.")
        await work.ctx.aws.ecr.create_pull_through_cache_rule(**parameters(work.properties))
        return str(work.properties["EcrRepositoryPrefix"])

    async def found(self, work: Work) -> str:
        """Nothing tells who has made it, but that it is just what this template says."""
        wanted = parameters(work.properties)
        asked = work.ctx.aws.ecr.describe_pull_through_cache_rules(
            ecrRepositoryPrefixes=[wanted["ecrRepositoryPrefix"]]
        )
        answer = await found_or_none(asked, "PullThroughCacheRuleNotFoundException")
        if answer is None:
            return ""
        rule = answer["pullThroughCacheRules"][0]
        wanted["upstreamRegistryUrl"] = wanted["upstreamRegistryUrl"].removeprefix("https://").rstrip("/")
        same = all(rule.get(name) == value for name, value in wanted.items())
        return str(wanted["ecrRepositoryPrefix"]) if same else ""

    async def update(self, work: Work) -> None:
        """Nothing can change in place."""

    async def delete(self, work: Work) -> None:
        """Delete it; what was cached stays."""
        with unless("PullThroughCacheRuleNotFoundException"):
            await work.ctx.aws.ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix=work.physical_id)


class RepositoryCreationTemplate(Kind):
    """How repositories are made that nobody creates; its physical id, which ``Ref`` gives, is its prefix.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repositorycreationtemplate.html
    """

    type = "AWS::ECR::RepositoryCreationTemplate"

    def _request(self, work: Work) -> dict[str, Any]:
        request = parameters(shapes.without(work.properties, "ResourceTags"))
        if "ResourceTags" in work.properties:
            request["resourceTags"] = work.properties["ResourceTags"]
        return request

    async def _shown(self, work: Work) -> dict[str, Any] | None:
        answer = await work.ctx.aws.ecr.describe_repository_creation_templates(prefixes=[work.properties["Prefix"]])
        found: dict[str, Any] | None = next(iter(answer["repositoryCreationTemplates"]), None)
        return found

    async def create(self, work: Work) -> str:
        """Make it; ECR refuses a prefix that is taken."""
        await work.ctx.aws.ecr.create_repository_creation_template(**self._request(work))
        return str(work.properties["Prefix"])

    async def found(self, work: Work) -> str:
        """Nothing tells who has made it, but that it is just what this template says."""
        shown = await self._shown(work)
        same = shown is not None and all(shown.get(name) == value for name, value in self._request(work).items())
        return str(work.properties["Prefix"]) if same else ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``CreatedAt``, ``UpdatedAt``."""
        shown = await self._shown(work)
        if shown is None:
            return {}
        return {"CreatedAt": shown["createdAt"].isoformat(), "UpdatedAt": shown["updatedAt"].isoformat()}

    async def update(self, work: Work) -> None:
        """Change it; what the template no longer has is emptied, for ECR keeps what it is not told."""
        emptied: dict[str, Any] = {
            "Description": "", "RepositoryPolicy": "", "LifecyclePolicy": "", "CustomRoleArn": "",
            "ImageTagMutability": "MUTABLE", "EncryptionConfiguration": {"EncryptionType": "AES256"},
        }  # fmt: skip
        gone = work.before.keys() - work.properties.keys()
        request = parameters({name: value for name, value in emptied.items() if name in gone})
        if "ResourceTags" in gone:
            request["resourceTags"] = []
        await work.ctx.aws.ecr.update_repository_creation_template(**request | self._request(work))

    async def delete(self, work: Work) -> None:
        """Delete it; repositories made by it stay."""
        with unless("TemplateNotFoundException"):
            await work.ctx.aws.ecr.delete_repository_creation_template(prefix=work.physical_id)
