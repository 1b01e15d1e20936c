"""AWS::ECS::TaskSet, AWS::ECS::PrimaryTaskSet: of services with the EXTERNAL deployment controller.

Their physical ids, which ``Ref`` gives, are put together: cluster, service and, of a task set, its id.
"""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.calls import found_or_none, unless
from cloudarium.services.cloudformation.kinds.ecs.common import parameters, retag, tags
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, Work

_GONE = ("ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException")


class TaskSet(Kind):
    """A task set.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskset.html
    """

    type = "AWS::ECS::TaskSet"

    async def create(self, work: Work) -> str:
        """Make it; the token makes an attempt that comes again the same one."""
        request = parameters(work.properties)
        if work.tags:
            request["tags"] = tags(work)
        made = await work.ctx.aws.ecs.create_task_set(**request, clientToken=work.token)
        return "|".join((request["cluster"], request["service"], made["taskSet"]["id"]))

    async def found(self, work: Work) -> str:
        """Task sets tell nothing of who made them: the same request with the same token gives the same one again."""
        there = await work.ctx.aws.ecs.describe_task_sets(
            cluster=work.properties["Cluster"], service=work.properties["Service"]
        )
        return await self.create(work) if there["taskSets"] else ""

    async def _described(self, work: Work) -> dict[str, Any] | None:
        cluster, service, id_ = work.physical_id.split("|")
        asked = work.ctx.aws.ecs.describe_task_sets(cluster=cluster, service=service, taskSets=[id_])
        answer = await found_or_none(asked, *_GONE)
        return next(iter(answer["taskSets"]), None) if answer is not None else None

    async def ready(self, work: Work) -> bool:
        """Whether it runs as many tasks as it should."""
        found = await self._described(work)
        if found is None or found["status"] == "DRAINING":
            raise Failed(f"The task set {work.physical_id} does not exist.")
        return bool(found["stabilityStatus"] == "STEADY_STATE")

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id.split("|")[2]}

    async def update(self, work: Work) -> None:
        """Scale and tags; the rest is replaced."""
        cluster, service, id_ = work.physical_id.split("|")
        if work.before.get("Scale") != work.properties.get("Scale"):
            # A task set whose scale nobody says has none.
            scale = parameters(work.properties).get("scale") or {"value": 0.0, "unit": "PERCENT"}
            await work.ctx.aws.ecs.update_task_set(cluster=cluster, service=service, taskSet=id_, scale=scale)
        if (found := await self._described(work)) is not None:
            await retag(work, found["taskSetArn"])

    async def delete(self, work: Work) -> None:
        """Let it drain."""
        cluster, service, id_ = work.physical_id.split("|")
        with unless(*_GONE, "TaskSetNotFoundException"):
            await work.ctx.aws.ecs.delete_task_set(cluster=cluster, service=service, taskSet=id_, force=True)

    async def gone(self, work: Work) -> bool:
        """Whether its last task has stopped."""
        return await self._described(work) is None


class PrimaryTaskSet(Kind):
    """Which task set of a service serves.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-primarytaskset.html
    """

    type = "AWS::ECS::PrimaryTaskSet"

    async def create(self, work: Work) -> str:
        """Make it serve."""
        await self._choose(work)
        return f"{work.properties['Cluster']}|{work.properties['Service']}"

    async def _choose(self, work: Work) -> None:
        await work.ctx.aws.ecs.update_service_primary_task_set(
            cluster=work.properties["Cluster"],
            service=work.properties["Service"],
            primaryTaskSet=work.properties["TaskSetId"],
        )

    async def update(self, work: Work) -> None:
        """Make another one serve."""
        await self._choose(work)

    async def delete(self, work: Work) -> None:
        """Nothing: the task set serves on until it or another one is told otherwise."""
