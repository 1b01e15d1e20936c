"""Tasks join their target groups and registries when they run, and leave them before they stop.

Every wish is written into the ``Member`` before AWS is asked, and every step may be repeated: registering again and
letting go again change nothing. So a crash between any two lines loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecs.launch import TASKS
from cloudarium.services.ecs.resources import ContainerInstance, ServiceRecord, Task
from cloudarium.services.ecs.scheduler import addresses, messages
from cloudarium.services.ecs.scheduler.announcing import Announcer
from cloudarium.services.ecs.scheduler.judging import TargetState, describe, missing
from cloudarium.services.ecs.scheduler.leaving import NOBODY_LEFT
from cloudarium.services.ecs.scheduler.members import Member, Registry, Target

_GONE = ("TargetGroupNotFound", "InstanceNotFound", "ServiceNotFound")

States = Mapping[Target, TargetState]


class Connections:
    """One service's dealings with load balancers and Cloud Map, in one step of its controller."""

    def __init__(self, ctx: Context, service: ServiceRecord, news: Announcer) -> None:
        self._ctx = ctx
        self._service = service
        self._news = news
        self._members = ctx.table(Member)
        self._tasks = ctx.table(Task)

    def members(self) -> list[Member]:
        """The service's members as they are now."""
        return self._members.find(self._ctx.scope, "service_key", self._service.key)

    async def states(self) -> dict[Target, TargetState]:
        """The health of every target of the service's groups."""
        groups = dict.fromkeys(t.group for member in self.members() for t in member.targets if member.drained is None)
        found: dict[Target, TargetState] = {}
        for group in groups:
            try:
                answer = await self._ctx.aws.elbv2.describe_target_health(TargetGroupArn=group)
            except AwsError as error:
                if error.code not in _GONE:
                    raise
                self._news.complain("group", f"(service {self._service.name}) (target-group {group}) is not found.")
                continue
            found |= describe(answer["TargetHealthDescriptions"], group)
        return found

    async def update(self, states: States) -> bool:
        """Do what is due for every member. Whether health has to be read anew."""
        members = self.members()
        for lost in missing(members, states):
            self._change(lost, registered=None)
        joining = [m for m in self.members() if self._joins(m)]
        leaving = [m for m in self.members() if self._leaves(m)]
        if joining:
            await self._join(joining)
        if leaving:
            await self._leave(leaving)
            states = await self.states()
        for member in self.members():
            if member.leaving is not None and member.drained is None:
                self._look_at_draining(member, states)
        for member in self.members():
            if member.instances and member.registered is not None and member.leaving is None:
                await self._report_health(member)
        return bool(joining or leaving)

    def _change(self, member: Member, **changes: object) -> Member | None:
        """Change what is there now: the member may have changed or gone while AWS was asked."""
        current = self._members.get(self._ctx.scope, member.task_id)
        if current is not None:
            current = current.replace(**changes)
            self._members.put(self._ctx.scope, current)
        return current

    def _task(self, member: Member) -> Task | None:
        return self._tasks.get(self._ctx.scope, member.task_id)

    # -- joining ---------------------------------------------------------------------------------------------------

    def _joins(self, member: Member) -> bool:
        task = self._task(member)
        return (
            bool(member.load_balancers or member.registries)
            and member.registered is None
            and member.leaving is None
            and task is not None
            and task.last_status == "RUNNING"
            and task.desired_status == "RUNNING"
        )

    async def _join(self, members: Sequence[Member]) -> None:
        wanted: list[Member] = []
        for member in members:
            if (ready := self._with_wishes(member)) is not None:
                wanted.append(ready)
        failed: set[str] = set()
        groups = dict.fromkeys(t.group for member in wanted for t in member.targets)
        for group in groups:
            those = [(m, t) for m in wanted for t in m.targets if t.group == group]
            targets = [{"Id": t.id, "Port": t.port} for _, t in those]
            try:
                await self._ctx.aws.elbv2.register_targets(TargetGroupArn=group, Targets=targets)
            except AwsError as error:
                failed |= {m.task_id for m, _ in those}
                self._unable(f"register targets in (target-group {group})", error.message)
                continue
            self._news.settle("register")
            self._news.say(messages.registered(self._service.name, len(targets), group))
        for member in wanted:
            if member.task_id not in failed and await self._enlist(member):
                self._change(member, registered=self._ctx.clock.now())

    def _with_wishes(self, member: Member) -> Member | None:
        """The member with what is about to be asked for written down, or None when that is impossible."""
        task = self._task(member)
        if task is None:
            return None
        instance = self._instance(task)
        try:
            targets = tuple(addresses.target(task, instance, each) for each in member.load_balancers)
        except addresses.NoAddress as error:
            self._unable("register targets", str(error))
            return None
        registries = tuple(Registry(str(each["registryArn"]).rsplit("/", 1)[-1], task.id) for each in member.registries)
        return self._change(member, targets=targets, instances=registries)

    def _unable(self, what: str, why: str) -> None:
        self._news.complain("register", f"(service {self._service.name}) failed to {what} with (error {why})")

    def _instance(self, task: Task) -> ContainerInstance | None:
        if not task.container_instance:
            return None
        return self._ctx.table(ContainerInstance).get(self._ctx.scope, task.container_instance)

    async def _enlist(self, member: Member) -> bool:
        """Register the task in Cloud Map; unhealthy at first when its containers have checks of their own."""
        task = self._task(member)
        if task is None:
            return False
        for registry, entry in zip(member.registries, member.instances, strict=True):
            try:
                attributes = addresses.instance_attributes(task, self._instance(task), registry)
                await self._ctx.aws.servicediscovery.register_instance(
                    ServiceId=entry.service_id, InstanceId=entry.instance_id, Attributes=attributes
                )
            except (AwsError, addresses.NoAddress) as error:
                self._unable(f"register instance in (service-registry {entry.service_id})", str(error))
                return False
        return True

    async def _report_health(self, member: Member) -> None:
        """Tell Cloud Map what the containers' own checks say.

        https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html
        """
        task = self._task(member)
        if task is None or task.health_status not in ("HEALTHY", "UNHEALTHY"):
            return
        changed = []
        for entry in member.instances:
            if entry.health != task.health_status:
                try:
                    await self._ctx.aws.servicediscovery.update_instance_custom_health_status(
                        ServiceId=entry.service_id, InstanceId=entry.instance_id, Status=task.health_status
                    )
                except AwsError as error:
                    if error.code not in ("CustomHealthNotFound", *_GONE):
                        raise
                if task.health_status == "UNHEALTHY":
                    self._news.action("SERVICE_DISCOVERY_INSTANCE_UNHEALTHY")
            changed.append(Registry(entry.service_id, entry.instance_id, task.health_status))
        if tuple(changed) != member.instances:
            self._change(member, instances=tuple(changed))

    # -- leaving ---------------------------------------------------------------------------------------------------

    def _leaves(self, member: Member) -> bool:
        task = self._task(member)
        ends = task is None or task.desired_status == "STOPPED" or task.last_status == "STOPPED"
        return ends and member.known_outside and member.leaving is None

    async def _leave(self, members: Sequence[Member]) -> None:
        for member in members:
            for entry in member.instances:
                try:
                    await self._ctx.aws.servicediscovery.deregister_instance(
                        ServiceId=entry.service_id, InstanceId=entry.instance_id
                    )
                except AwsError as error:
                    if error.code not in _GONE:
                        raise
        for group in dict.fromkeys(t.group for member in members for t in member.targets):
            targets = [{"Id": t.id, "Port": t.port} for m in members for t in m.targets if t.group == group]
            try:
                await self._ctx.aws.elbv2.deregister_targets(TargetGroupArn=group, Targets=targets)
            except AwsError as error:
                if error.code not in _GONE:
                    raise
            self._news.say(messages.deregistered(self._service.name, len(targets), group))
        drained = [m for m in members if m.targets]
        for deployment in dict.fromkeys(m.deployment_id for m in drained):
            count = sum(m.deployment_id == deployment for m in drained)
            self._news.say(messages.draining(self._service.name, deployment, count))
        for member in members:
            self._change(member, leaving=self._ctx.clock.now())

    def _look_at_draining(self, member: Member, states: States) -> None:
        task = self._task(member)
        gone = task is None or task.last_status == "STOPPED" or task.stop_code in NOBODY_LEFT
        if gone or not any(t in states for t in member.targets):
            self._change(member, drained=self._ctx.clock.now())
            self._ctx.cloud.enqueue(TASKS, (self._ctx.scope, member.task_id))
