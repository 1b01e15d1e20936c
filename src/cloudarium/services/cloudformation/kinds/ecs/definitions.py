"""AWS::ECS::TaskDefinition."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import found_or_none
from cloudarium.services.cloudformation.kinds.ecs.common import parameters, retag, tags, tags_of
from cloudarium.services.cloudformation.kinds.kind import Kind, Work


def _revision(arn: str) -> int:
    return int(arn.rpartition(":")[2]) if arn else 0


class TaskDefinition(Kind):
    """One revision of a family; its physical id, which ``Ref`` gives, is its ARN. Every change but of tags makes
    another revision.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html
    """

    type = "AWS::ECS::TaskDefinition"
    unbuilt = frozenset({"InferenceAccelerators", "ProxyConfiguration"})

    async def create(self, work: Work) -> str:
        """Register it."""
        made = await work.ctx.aws.ecs.register_task_definition(
            **{**parameters(work.properties), "family": _family(work), "tags": tags(work)}
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    async def found(self, work: Work) -> str:
        """The newest revision with this resource's tags. Older than the one that is replaced it cannot be."""
        family, ecs = _family(work), work.ctx.aws.ecs
        listed = await ecs.list_task_definitions(familyPrefix=family, sort="DESC", maxResults=100)
        after = _revision(work.replaces) if f"/{family}:" in work.replaces else 0
        for arn in listed["taskDefinitionArns"]:
            if _revision(arn) <= after:
                break
            described = await ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
            if tagging.is_marked(work, tags_of(described)):
                return str(arn)
        return ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``TaskDefinitionArn``."""
        return {"TaskDefinitionArn": work.physical_id}

    async def update(self, work: Work) -> None:
        """Tags: the rest is replaced."""
        await retag(work, work.physical_id)

    async def delete(self, work: Work) -> None:
        """Deregister it; tasks and services that run it go on."""
        asked = work.ctx.aws.ecs.describe_task_definition(taskDefinition=work.physical_id)
        described = await found_or_none(asked, "ClientException")
        if described is not None and described["taskDefinition"]["status"] == "ACTIVE":
            await work.ctx.aws.ecs.deregister_task_definition(taskDefinition=work.physical_id)


def _family(work: Work) -> str:
    return str(work.properties.get("Family") or work.short_name(255))
