"""Starting tasks: on which capacity, on which instance or in which subnet.

On Fargate tasks are spread over the zones of the subnets; on instances ``placement`` decides. What needs to be asked of
other services is asked in ``prepare``; after that ``launch`` only reads and writes records, so that a decision and all
that follows from it are one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecs import capacity, placement, tagging
from cloudarium.services.ecs.launch import create_task
from cloudarium.services.ecs.resources import Cluster, ContainerInstance, ServiceRecord, Task, TaskDefinition
from cloudarium.services.ecs.scheduler import messages, providers
from cloudarium.services.ecs.scheduler.members import Member
from cloudarium.services.ecs.scheduler.workload import Workload

_FARGATE = ("FARGATE", "FARGATE_SPOT")


class CannotPlace(Exception):
    """No task can be started now. ``message`` is the service event, ``reason`` the short one of EventBridge's."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class _Spread:
    """How many tasks of a workload are in each zone and subnet, and of each capacity provider."""

    def __init__(self) -> None:
        self.zones: Counter[str] = Counter()
        self.subnets: Counter[str] = Counter()
        self.providers: Counter[str] = Counter()

    def add(self, task: Task) -> None:
        """One more."""
        self.zones[task.availability_zone] += 1
        self.subnets[_subnet_of(task)] += 1
        self.providers[task.capacity_provider] += 1


class Launcher:
    """Starts tasks of one service in one step of its controller."""

    def __init__(self, ctx: Context, service: ServiceRecord) -> None:
        self._ctx = ctx
        self._service = service
        self._zones: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._spreads: dict[str, _Spread] = {}

    @property
    def zones(self) -> Sequence[str]:
        """The zones of the subnets that were asked about."""
        return sorted(set(self._zones.values()))

    async def prepare(self, workload: Workload) -> None:
        """Learn the zones of the workload's subnets."""
        subnets = [s for s in workload.network.get("subnets", ()) if s not in self._zones]
        if not subnets:
            return
        try:
            found = await self._ctx.aws.ec2.describe_subnets(SubnetIds=subnets)
        except AwsError as error:
            self._refused |= dict.fromkeys(subnets, error.message)
            return
        self._zones |= {each["SubnetId"]: each["AvailabilityZone"] for each in found["Subnets"]}

    def launch(self, workload: Workload, *, instance: ContainerInstance | None = None) -> Task:
        """Start one task, on ``instance`` when it is given. Raises ``CannotPlace``."""
        ctx, service = self._ctx, self._service
        definition = ctx.table(TaskDefinition).get(ctx.scope, workload.task_definition)
        if definition is None or definition.status == "DELETE_IN_PROGRESS":
            raise self._failure("TaskDefinition not found", "TASK_DEFINITION")
        cluster = ctx.table(Cluster).get(ctx.scope, service.cluster)
        if cluster is None:
            raise self._failure("Cluster not found", "CLUSTER")
        spread = self._spread(workload)
        provider = providers.choose(workload.strategy, spread.providers) if workload.strategy else ""
        launch_type = ("FARGATE" if provider in _FARGATE else "EC2") if provider else workload.launch_type or "EC2"
        subnet = zone = ""
        if launch_type == "FARGATE":
            subnet, zone = self._subnet(workload)
        else:
            instance = instance or self._place(workload, definition, provider)
            subnet = instance.subnet_id if definition.network_mode == "awsvpc" else ""
        task = create_task(
            ctx.cloud,
            ctx.scope,
            definition=definition,
            cluster=cluster,
            launch_type=launch_type,
            capacity_provider=provider,
            platform_version=workload.platform_version,
            group=f"service:{service.name}",
            started_by=workload.id,
            service=service.name,
            deployment_id=workload.id,
            task_set=workload.task_set,
            instance=instance,
            network=workload.network,
            subnet_id=subnet,
            availability_zone=zone,
            enable_execute_command=workload.exec,
            tags=self._tags(definition),
        )
        spread.add(task)
        ctx.table(Member).put(
            ctx.scope,
            Member(
                task_id=task.id,
                service_key=service.key,
                deployment_id=workload.id,
                load_balancers=tuple(each for each in workload.load_balancers if each.get("targetGroupArn")),
                registries=workload.registries,
            ),
        )
        return task

    def _failure(self, reason: str, code: str) -> CannotPlace:
        return CannotPlace(messages.not_placed(self._service.name, reason), code)

    def _spread(self, workload: Workload) -> _Spread:
        """Where the workload's tasks are: counted once, however many are launched in this step."""
        if (found := self._spreads.get(workload.id)) is None:
            found = self._spreads[workload.id] = _Spread()
            for task in self._ctx.table(Task).find(self._ctx.scope, "live_service", self._service.key):
                if task.desired_status == "RUNNING" and task.deployment_id == workload.id:
                    found.add(task)
        return found

    def _subnet(self, workload: Workload) -> tuple[str, str]:
        """The subnet for the next task: in the zone, and there in the subnet, that has fewest."""
        subnets = [s for s in workload.network.get("subnets", ()) if s in self._zones]
        if not subnets:
            wanted = workload.network.get("subnets", ())
            why = next((self._refused[s] for s in wanted if s in self._refused), "no subnet is configured")
            raise self._failure(why.rstrip("."), "RESOURCE:ENI")
        spread = self._spread(workload)
        chosen = min(subnets, key=lambda s: (spread.zones[self._zones[s]], spread.subnets[s], subnets.index(s)))
        return chosen, self._zones[chosen]

    def _place(self, workload: Workload, definition: TaskDefinition, provider: str) -> ContainerInstance:
        ctx = self._ctx
        table = ctx.table(ContainerInstance)
        usable: dict[str, ContainerInstance] = {
            each.id: each
            for each in table.find(ctx.scope, "cluster", self._service.cluster)
            if (not provider or each.capacity_provider == provider)
            and (definition.network_mode != "awsvpc" or each.subnet_id in workload.network.get("subnets", ()))
        }
        found = placement.place(
            [c for c in capacity.candidates(ctx, ctx.scope, self._service.cluster) if c.id in usable],
            capacity.demand(definition),
            group=f"service:{self._service.name}",
            constraints=[*workload.constraints, *definition.definition.get("placementConstraints", ())],
            strategies=workload.strategies or _SPREAD,
        )
        if found.instance is None:
            reason = found.failures[0][1] if found.failures else "EMPTY CAPACITY"
            raise CannotPlace(messages.no_instance(self._service.name, found.failures), reason)
        return usable[found.instance.id]

    def eligible(self, workload: Workload) -> list[ContainerInstance]:
        """The ACTIVE instances on which a DAEMON service has a task, whatever is left on them."""
        ctx = self._ctx
        definition = ctx.table(TaskDefinition).get(ctx.scope, workload.task_definition)
        if definition is None:
            return []
        checks = [
            placement.expression(each["expression"])
            for each in (*workload.constraints, *definition.definition.get("placementConstraints", ()))
            if each.get("type") == "memberOf"
        ]
        wanted = {
            c.id
            for c in capacity.candidates(ctx, ctx.scope, self._service.cluster)
            if c.status == "ACTIVE" and c.agent_connected and all(check(c) for check in checks)
        }
        found = ctx.table(ContainerInstance).find(ctx.scope, "cluster", self._service.cluster)
        return [each for each in found if each.id in wanted]

    def _tags(self, definition: TaskDefinition) -> dict[str, str]:
        service = self._service
        tags: dict[str, str] = {}
        if service.propagate_tags == "SERVICE":
            tags |= tagging.propagated(service.tags)
        elif service.propagate_tags == "TASK_DEFINITION":
            tags |= tagging.propagated(definition.tags)
        if service.enable_ecs_managed_tags:
            tags |= {"aws:ecs:clusterName": service.cluster, "aws:ecs:serviceName": service.name}
        return tags


_SPREAD: Sequence[dict[str, Any]] = (
    {"type": "spread", "field": "attribute:ecs.availability-zone"},
    {"type": "spread", "field": "instanceId"},
)
"""How replicas are placed when nobody says otherwise."""


def _subnet_of(task: Task) -> str:
    for attachment in task.attachments:
        for detail in attachment.get("details", ()):
            if detail.get("name") == "subnetId":
                return str(detail["value"])
    return ""
