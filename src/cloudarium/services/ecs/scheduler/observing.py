"""What a step sees: what became of the service's tasks, and the tasks there are as the arithmetic takes them."""

from __future__ import annotations

from collections.abc import Mapping

from cloudarium.kernel.context import Context
from cloudarium.services.ecs.resources import ContainerInstance, ServiceRecord, Task, TaskDefinition
from cloudarium.services.ecs.scheduler import messages, notes, throttle
from cloudarium.services.ecs.scheduler.alarms import Alarms
from cloudarium.services.ecs.scheduler.announcing import Announcer
from cloudarium.services.ecs.scheduler.deploying import Deployments
from cloudarium.services.ecs.scheduler.judging import TargetState, Verdict, judge
from cloudarium.services.ecs.scheduler.launching import Launcher
from cloudarium.services.ecs.scheduler.members import Member, Target
from cloudarium.services.ecs.scheduler.rollout import Phase, Unit

SCHEDULER = "ServiceSchedulerInitiated"
"""The stop code of tasks that the scheduler stops."""
_NO_FAULT_OF_ITS_OWN = (SCHEDULER, "UserInitiated", "SpotInterruption", "TerminationNotice")

HEALTH_EVERY = 5.0
"""Seconds between looks at target groups while something is changing; and while nothing is."""
HEALTH_EVERY_STEADY = 30.0
_DRAINING_EVERY = 2.0


class Observer:
    """The first half of a step."""

    def __init__(
        self,
        ctx: Context,
        service: ServiceRecord,
        news: Announcer,
        launcher: Launcher,
        states: Mapping[Target, TargetState],
        alarms: Alarms,
    ) -> None:
        self._ctx = ctx
        self._news = news
        self._launcher = launcher
        self._states = states
        self._alarms = alarms
        self._now = ctx.clock.now()
        self._do = Deployments(ctx, service, news)
        self._tasks = ctx.table(Task)
        self._members = ctx.table(Member)
        self._verdicts: dict[str, Verdict] = {}
        self._wake: float | None = None

    @property
    def _service(self) -> ServiceRecord:
        return self._do.service

    def _note(self, service: ServiceRecord) -> None:
        self._do.service = service

    def _later(self, seconds: float) -> None:
        self._wake = seconds if self._wake is None else min(self._wake, seconds)

    def observe(self) -> None:
        """Account for tasks that are gone and judge those that run."""
        self._account()
        self._judge()

    def outcome(self) -> tuple[ServiceRecord, float | None]:
        """The service as it is to be written, and after how many seconds to look again."""
        return self._service, self._wake

    # -- what became of the tasks ----------------------------------------------------------------------------------

    def _own(self) -> list[Member]:
        return self._members.find(self._ctx.scope, "service_key", self._service.key)

    def _task(self, member: Member) -> Task | None:
        return self._tasks.get(self._ctx.scope, member.task_id)

    def _account(self) -> None:
        """Let go of members whose task has stopped, and remember whose fault that was."""
        for member in self._own():
            task = self._task(member)
            if member.leaving is not None and member.drained is None:
                self._later(_DRAINING_EVERY)
            if task is not None and task.live:
                continue
            if member.known_outside:
                continue
            if task is not None and not member.fault and task.stop_code not in _NO_FAULT_OF_ITS_OWN:
                self._blame(member, task)
            self._members.delete(self._ctx.scope, member.task_id)

    def _blame(self, member: Member, task: Task) -> None:
        """A task ended by itself. Those that had served well for a while are simply replaced."""
        if member.was_healthy:
            return
        self._do.count_failure(member.deployment_id)
        self._note(notes.launch_failed(self._service, member.deployment_id, self._now))
        never_ran = task.started is None and throttle.impaired(notes.failures(self._service, member.deployment_id))
        if never_ran and self._news.complain("impaired", messages.impaired(self._service.name)):
            self._news.action("SERVICE_TASK_START_IMPAIRED")

    def _judge(self) -> None:
        """Which of the running tasks are healthy, and which have to be replaced."""
        for member in self._own():
            task = self._task(member)
            if task is None or task.last_status != "RUNNING" or task.desired_status != "RUNNING":
                continue
            definition = self._ctx.table(TaskDefinition).get(self._ctx.scope, task.task_definition_arn)
            grace = float(self._service.health_check_grace)
            verdict = judge(task, member, definition, self._states, grace=grace, now=self._now)
            self._verdicts[task.id] = verdict
            if verdict.look_again is not None:
                self._later(verdict.look_again)
            if member.targets and not verdict.healthy:
                self._later(HEALTH_EVERY)
            if verdict.healthy and not member.was_healthy:
                self._members.put(self._ctx.scope, member.replace(was_healthy=True))
                self._do.count_success(member.deployment_id)
                self._note(notes.launch_worked(self._service, member.deployment_id))
                self._news.settle("impaired")
            elif verdict.fault is not None and not member.fault:
                self._members.put(self._ctx.scope, member.replace(fault=self._accuse(task, verdict)))
            elif verdict.fault is None and member.fault:
                self._members.put(self._ctx.scope, member.replace(fault=""))

    def _accuse(self, task: Task, verdict: Verdict) -> str:
        """Say what is wrong; returns the reason with which the task will be stopped."""
        name = self._service.name
        if isinstance(verdict.fault, Target):
            who = f"task {task.id}" if task.network else f"instance {verdict.fault.id}"
            self._news.say(
                messages.unhealthy_target(name, who, verdict.fault.port, verdict.fault.group, verdict.reason)
            )
            return f"Task failed ELB health checks in (target-group {verdict.fault.group})"
        self._news.say(messages.unhealthy_containers(name, task.id))
        return "Task failed container health checks"

    # -- units -----------------------------------------------------------------------------------------------------

    def _units(self, workload: str | None, *, current: str) -> list[Unit]:
        """The live tasks of a workload (of all with None) as the arithmetic sees them."""
        units = []
        for member in self._own():
            task = self._task(member)
            if task is None or not task.live or (workload is not None and member.deployment_id != workload):
                continue
            units.append(self._unit(task, member, current))
        return units

    def _unit(self, task: Task, member: Member, current: str) -> Unit:
        if task.desired_status == "STOPPED" or task.phase == "stopping":
            phase = Phase.STOPPING
        else:
            phase = Phase.RUNNING if task.last_status == "RUNNING" else Phase.STARTING
        verdict = self._verdicts.get(task.id, Verdict())
        protected = task.protection_expires is not None and task.protection_expires > self._now
        if protected and task.protection_expires is not None:
            self._later(task.protection_expires - self._now)
        return Unit(
            task.id,
            phase,
            healthy=verdict.healthy,
            failed=verdict.fault is not None,
            current=member.deployment_id == current and not member.moved and not self._drains(task),
            protected=protected,
            zone=task.availability_zone,
            created=task.created,
        )

    def _drains(self, task: Task) -> bool:
        """Whether the task's container instance is being emptied, or gone."""
        if not task.container_instance or self._service.scheduling_strategy == "DAEMON":
            return False
        instance = self._ctx.table(ContainerInstance).get(self._ctx.scope, task.container_instance)
        return instance is None or instance.status != "ACTIVE"
