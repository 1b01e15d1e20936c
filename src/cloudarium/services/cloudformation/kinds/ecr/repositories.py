"""AWS::ECR::Repository, AWS::ECR::PublicRepository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Settled, document, found_or_none, unless
from cloudarium.services.cloudformation.kinds.ecr.common import parameters
from cloudarium.services.cloudformation.kinds.kind import Work

_SETTINGS = ("ImageTagMutability", "ImageTagMutabilityExclusionFilters")


def _name(work: Work) -> str:
    """A repository's name; a generated one has only what a repository's may have."""
    if name := work.properties.get("RepositoryName"):
        return str(name)
    return "-".join(part for part in work.short_name(205, lower=True).split("-") if part)


class _AnyRepository(Settled):
    """What private and public repositories have in common: name, tags and a policy."""

    service = ""

    def _api(self, work: Work) -> Any:
        return getattr(work.ctx.aws, self.service)

    async def _described(self, work: Work, name: str) -> dict[str, Any] | None:
        asked = self._api(work).describe_repositories(repositoryNames=[name])
        found = await found_or_none(asked, "RepositoryNotFoundException")
        return dict(found["repositories"][0]) if found is not None else None

    async def _tags(self, work: Work, arn: str) -> dict[str, str]:
        return tagging.by_key((await self._api(work).list_tags_for_resource(resourceArn=arn))["tags"])

    async def found(self, work: Work) -> str:
        """The repository of the name, if an attempt before has made it."""
        name = _name(work)
        there = await self._described(work, name)
        return (
            name
            if there is not None and tagging.is_marked(work, await self._tags(work, there["repositoryArn"]))
            else ""
        )

    async def settle(self, work: Work) -> None:
        """Give it the policy and tags that it should have."""
        api, name = self._api(work), work.physical_id
        policy = work.properties.get("RepositoryPolicyText")
        if policy is not None:
            await api.set_repository_policy(repositoryName=name, policyText=document(policy))
        elif "RepositoryPolicyText" in work.before:
            with unless("RepositoryPolicyNotFoundException"):
                await api.delete_repository_policy(repositoryName=name)
        there = await self._described(work, name)
        if there is None:
            return
        if removed := tagging.dropped(work):
            await api.untag_resource(resourceArn=there["repositoryArn"], tagKeys=removed)
        if work.tags:
            await api.tag_resource(resourceArn=there["repositoryArn"], tags=tagging.pairs(work.tags))

    async def _delete(self, work: Work, *, force: bool) -> None:
        with unless("RepositoryNotFoundException"):
            await self._api(work).delete_repository(repositoryName=work.physical_id, force=force)


class Repository(_AnyRepository):
    """A private repository; its physical id, which ``Ref`` gives, is its name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html
    """

    type = "AWS::ECR::Repository"
    service = "ecr"

    async def create(self, work: Work) -> str:
        """Make it; ECR refuses a name that is taken."""
        name = _name(work)
        kept = {*_SETTINGS, "EncryptionConfiguration", "ImageScanningConfiguration"}
        request = parameters({key: value for key, value in work.properties.items() if key in kept})
        await work.ctx.aws.ecr.create_repository(repositoryName=name, tags=tagging.pairs(work.tags), **request)
        return name

    async def settle(self, work: Work) -> None:
        """Lifecycle policy, mutability of tags and scanning besides."""
        ecr, name, before, after = work.ctx.aws.ecr, work.physical_id, work.before, work.properties
        lifecycle = after.get("LifecyclePolicy") or {}
        if (text := lifecycle.get("LifecyclePolicyText")) is not None:
            registry = {"registryId": lifecycle["RegistryId"]} if "RegistryId" in lifecycle else {}
            await ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text, **registry)
        elif "LifecyclePolicy" in before:
            with unless("LifecyclePolicyNotFoundException"):
                await ecr.delete_lifecycle_policy(repositoryName=name)
        if any(before.get(each) != after.get(each) for each in _SETTINGS):
            setting = {"ImageTagMutability": "MUTABLE"} | {each: after[each] for each in _SETTINGS if each in after}
            await ecr.put_image_tag_mutability(repositoryName=name, **parameters(setting))
        if before.get("ImageScanningConfiguration") != after.get("ImageScanningConfiguration"):
            scanning = after.get("ImageScanningConfiguration") or {"ScanOnPush": False}
            await ecr.put_image_scanning_configuration(
                repositoryName=name, imageScanningConfiguration=parameters(scanning)
            )
        await super().settle(work)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``, ``RepositoryUri``."""
        there = await self._described(work, work.physical_id)
        return {"Arn": there["repositoryArn"], "RepositoryUri": there["repositoryUri"]} if there is not None else {}

    async def delete(self, work: Work) -> None:
        """Delete it; with images in it only where the template says EmptyOnDelete."""
        await self._delete(work, force=bool(work.properties.get("EmptyOnDelete")))


class PublicRepository(_AnyRepository):
    """A public repository; its physical id, which ``Ref`` gives, is its name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-publicrepository.html
    """

    type = "AWS::ECR::PublicRepository"
    service = "ecr_public"

    async def create(self, work: Work) -> str:
        """Make it; ECR refuses a name that is taken."""
        name = _name(work)
        await work.ctx.aws.ecr_public.create_repository(repositoryName=name, tags=tagging.pairs(work.tags))
        return name

    async def settle(self, work: Work) -> None:
        """What its page in the gallery says besides."""
        catalog = _catalog(work.properties)
        # What is not named stays on ECR's side, so what the template no longer has is emptied.
        emptied = {name: [] if isinstance(value, list) else "" for name, value in _catalog(work.before).items()}
        if catalog or emptied:
            await work.ctx.aws.ecr_public.put_repository_catalog_data(
                repositoryName=work.physical_id, catalogData=emptied | catalog
            )
        await super().settle(work)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``."""
        there = await self._described(work, work.physical_id)
        return {"Arn": there["repositoryArn"]} if there is not None else {}

    async def delete(self, work: Work) -> None:
        """Delete it, if it is empty."""
        await self._delete(work, force=False)


def _catalog(properties: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(properties.get("RepositoryCatalogData") or {})
    if "RepositoryDescription" in given:
        given["description"] = given.pop("RepositoryDescription")
    return parameters(given)
