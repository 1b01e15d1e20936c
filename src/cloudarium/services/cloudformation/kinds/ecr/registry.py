"""AWS::ECR::RegistryPolicy, ReplicationConfiguration, RegistryScanningConfiguration: what a registry has one of."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.calls import document, found_or_none, taken, unless
from cloudarium.services.cloudformation.kinds.ecr.common import parameters
from cloudarium.services.cloudformation.kinds.kind import Kind, Work


class _OfRegistry(Kind):
    """What a registry has one of; its physical id, which ``Ref`` gives, is the registry's: the account."""

    async def create(self, work: Work) -> str:
        """Set it, unless somebody else has."""
        if await self._set_already(work):
            raise taken(self, work.ctx.account)
        await self._put(work)
        return work.ctx.account

    async def found(self, work: Work) -> str:
        """Nothing tells who has set it, but that it is just what this template says."""
        return work.ctx.account if await self._is_wanted(work) else ""

    async def _set_already(self, work: Work) -> bool:
        raise NotImplementedError

    async def _is_wanted(self, work: Work) -> bool:
        raise NotImplementedError

    async def _put(self, work: Work) -> None:
        raise NotImplementedError

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``RegistryId``."""
        return {"RegistryId": work.physical_id}

    async def update(self, work: Work) -> None:
        """Set it anew."""
        await self._put(work)


class RegistryPolicy(_OfRegistry):
    """The registry's policy.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-registrypolicy.html
    """

    type = "AWS::ECR::RegistryPolicy"

    async def _there(self, work: Work) -> str:
        found = await found_or_none(work.ctx.aws.ecr.get_registry_policy(), "RegistryPolicyNotFoundException")
        return str(found["policyText"]) if found is not None else ""

    async def _set_already(self, work: Work) -> bool:
        return bool(await self._there(work))

    async def _is_wanted(self, work: Work) -> bool:
        return await self._there(work) == document(work.properties["PolicyText"])

    async def _put(self, work: Work) -> None:
        await work.ctx.aws.ecr.put_registry_policy(policyText=document(work.properties["PolicyText"]))

    async def delete(self, work: Work) -> None:
        """Remove it."""
        with unless("RegistryPolicyNotFoundException"):
            await work.ctx.aws.ecr.delete_registry_policy()


class ReplicationConfiguration(_OfRegistry):
    """Where the registry replicates to.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-replicationconfiguration.html
    """

    type = "AWS::ECR::ReplicationConfiguration"

    async def _rules(self, work: Work) -> list[dict[str, Any]]:
        return list((await work.ctx.aws.ecr.describe_registry())["replicationConfiguration"]["rules"])

    async def _set_already(self, work: Work) -> bool:
        return bool(await self._rules(work))

    async def _is_wanted(self, work: Work) -> bool:
        wanted: list[dict[str, Any]] = parameters(work.properties["ReplicationConfiguration"])["rules"]
        return await self._rules(work) == wanted

    async def _put(self, work: Work) -> None:
        await work.ctx.aws.ecr.put_replication_configuration(**parameters(work.properties))

    async def delete(self, work: Work) -> None:
        """Replicate nowhere."""
        await work.ctx.aws.ecr.put_replication_configuration(replicationConfiguration={"rules": []})


class RegistryScanningConfiguration(_OfRegistry):
    """Which repositories scan on push. A registry always has one: a template lays its own over it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-registryscanningconfiguration.html
    """

    type = "AWS::ECR::RegistryScanningConfiguration"

    async def _set_already(self, work: Work) -> bool:
        return False

    async def _is_wanted(self, work: Work) -> bool:
        return False

    async def _put(self, work: Work) -> None:
        await work.ctx.aws.ecr.put_registry_scanning_configuration(**parameters(work.properties))

    async def delete(self, work: Work) -> None:
        """Back to what every registry begins with."""
        await work.ctx.aws.ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[])
