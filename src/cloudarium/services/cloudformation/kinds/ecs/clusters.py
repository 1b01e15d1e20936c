"""AWS::ECS::Cluster, AWS::ECS::ClusterCapacityProviderAssociations."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import picked, taken, unless
from cloudarium.services.cloudformation.kinds.ecs.common import parameters, retag, tags, tags_of
from cloudarium.services.cloudformation.kinds.kind import Kind, Work

_PROVIDERS = ("CapacityProviders", "DefaultCapacityProviderStrategy")


def _name(work: Work) -> str:
    return str(work.properties.get("ClusterName") or work.short_name(255))


async def _described(work: Work, name: str) -> dict[str, Any] | None:
    answer = await work.ctx.aws.ecs.describe_clusters(clusters=[name], include=["TAGS", "SETTINGS"])
    found: dict[str, Any] | None = next((each for each in answer["clusters"] if each["status"] == "ACTIVE"), None)
    return found


class Cluster(Kind):
    """A cluster; its physical id is its name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-cluster.html
    """

    type = "AWS::ECS::Cluster"

    async def create(self, work: Work) -> str:
        """Make it. The API gives back a cluster that is there already: then its tags tell whose it is."""
        name = _name(work)
        made = await work.ctx.aws.ecs.create_cluster(
            **{**parameters(work.properties), "clusterName": name, "tags": tags(work)}
        )
        if not tagging.is_marked(work, tags_of(made["cluster"])):
            raise taken(self, name)
        return name

    async def found(self, work: Work) -> str:
        """The cluster of the name, if an attempt before has made it."""
        there = await _described(work, _name(work))
        return _name(work) if there is not None and tagging.is_marked(work, tags_of(there)) else ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``."""
        found = await _described(work, work.physical_id)
        return {"Arn": found["clusterArn"]} if found is not None else {}

    async def update(self, work: Work) -> None:
        """Settings, configuration and capacity providers; what the template no longer has goes back to its default."""
        ecs, name = work.ctx.aws.ecs, work.physical_id
        wanted = parameters(work.properties)
        request = picked(wanted, ("configuration", "serviceConnectDefaults"))
        request["settings"] = wanted.get("settings") or await self._default_settings(work)
        if "Configuration" in work.before and "configuration" not in request:
            request["configuration"] = {}
        if "ServiceConnectDefaults" in work.before and "serviceConnectDefaults" not in request:
            request["serviceConnectDefaults"] = {"namespace": ""}
        await ecs.update_cluster(cluster=name, **request)
        if any(work.before.get(each) != work.properties.get(each) for each in _PROVIDERS):
            await ecs.put_cluster_capacity_providers(
                cluster=name,
                capacityProviders=wanted.get("capacityProviders") or [],
                defaultCapacityProviderStrategy=wanted.get("defaultCapacityProviderStrategy") or [],
            )
        found = await _described(work, name)
        if found is not None:
            await retag(work, found["clusterArn"])

    async def _default_settings(self, work: Work) -> list[dict[str, str]]:
        """What the account has for clusters that say nothing."""
        answer = await work.ctx.aws.ecs.list_account_settings(name="containerInsights", effectiveSettings=True)
        return [{"name": each["name"], "value": each["value"]} for each in answer["settings"]]

    async def delete(self, work: Work) -> None:
        """Make it INACTIVE."""
        with unless("ClusterNotFoundException"):
            await work.ctx.aws.ecs.delete_cluster(cluster=work.physical_id)


class ClusterCapacityProviderAssociations(Kind):
    """The capacity providers of a cluster and its default strategy; its physical id is the cluster.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-clustercapacityproviderassociations.html
    """

    type = "AWS::ECS::ClusterCapacityProviderAssociations"

    async def create(self, work: Work) -> str:
        """Associate them."""
        await self._put(work)
        return str(work.properties["Cluster"])

    async def found(self, work: Work) -> str:
        """The cluster, if its providers are those that the template wants: an attempt before has come so far."""
        there = await _described(work, work.properties["Cluster"])
        wanted = parameters(work.properties).get("capacityProviders") or []
        same = there is not None and sorted(there["capacityProviders"]) == sorted(wanted)
        return str(work.properties["Cluster"]) if same else ""

    async def _put(self, work: Work) -> None:
        wanted = {"capacityProviders": [], **parameters(work.properties)}
        await work.ctx.aws.ecs.put_cluster_capacity_providers(**wanted)

    async def update(self, work: Work) -> None:
        """Associate others."""
        await self._put(work)

    async def delete(self, work: Work) -> None:
        """Associate none."""
        with unless("ClusterNotFoundException"):
            await work.ctx.aws.ecs.put_cluster_capacity_providers(
                cluster=work.physical_id, capacityProviders=[], defaultCapacityProviderStrategy=[]
            )
