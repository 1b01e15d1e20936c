"""What a step can do: start tasks, stop tasks, and tell about it."""

from __future__ import annotations

from collections.abc import Sequence

from cloudarium.services.ecs.launch import stop_task
from cloudarium.services.ecs.scheduler import messages, notes
from cloudarium.services.ecs.scheduler.announcing import REPEAT
from cloudarium.services.ecs.scheduler.launching import CannotPlace
from cloudarium.services.ecs.scheduler.observing import SCHEDULER, Observer
from cloudarium.services.ecs.scheduler.rollout import Phase, Unit
from cloudarium.services.ecs.scheduler.workload import Workload

_PLACE_AGAIN = 15.0
_UNPLACED_COUNTS_EVERY = 10.0


class Actor(Observer):
    """The means of the second half."""

    def _may_start(self, workload: Workload) -> bool:
        if self._service.status != "ACTIVE":
            return False
        wait = notes.held_back(self._service, workload.id, self._now)
        if wait > 0:
            self._later(wait)
        return wait <= 0

    def _start(self, workload: Workload, count: int, replacing: int = 0) -> list[str]:
        started: list[str] = []
        for _ in range(count):
            try:
                started.append(self._launcher.launch(workload).id)
            except CannotPlace as failure:
                self._cannot_place(workload, failure)
                break
        if started:
            self._news.settle("placement")
            self._news.say(messages.started(self._service.name, started, min(replacing, len(started))))
        return started

    def _cannot_place(self, workload: Workload, failure: CannotPlace) -> None:
        self._later(_PLACE_AGAIN)
        if self._news.complain("placement", failure.message):
            arns = [
                f"arn:aws:ecs:{self._ctx.region}:{self._ctx.account}:capacity-provider/{item['capacityProvider']}"
                for item in workload.strategy
            ]
            detail = {"capacityProviderArns": arns} if arns else {}
            self._news.action("SERVICE_TASK_PLACEMENT_FAILURE", **detail, reason=failure.reason)
        last = notes.get(self._service, "unplaced")
        if last is None or self._now - last >= _UNPLACED_COUNTS_EVERY:
            self._note(notes.put(self._service, "unplaced", self._now))
            self._do.count_failure(workload.id)

    def _stop(self, names: Sequence[str], workload: str) -> None:
        shown = []
        for name in names:
            task = self._tasks.get(self._ctx.scope, name)
            member = self._members.get(self._ctx.scope, name)
            if task is None or task.desired_status == "STOPPED":
                continue
            fault = member.fault if member is not None else ""
            if fault and member is not None:
                self._do.count_failure(member.deployment_id)
            reason = fault or f"Scaling activity initiated by (deployment {workload})"
            stop_task(self._ctx.cloud, self._ctx.scope, task, reason, SCHEDULER)
            shown.append(name)
        if shown:
            self._news.say(messages.stopped(self._service.name, shown))
            self._news.action("TASKS_STOPPED")
            # Their members are looked after at once: targets have to be deregistered before anything is stopped.
            self._later(0.0)

    def _announce_steady(self, action: str, note: str, message: str) -> None:
        last = notes.get(self._service, note)
        if last is None or self._now - last >= REPEAT:
            self._news.say(message)
            self._news.action(action)
            self._note(notes.put(self._service, note, self._now))
            last = self._now
        self._later(last + REPEAT - self._now)


def serves(unit: Unit) -> bool:
    """Whether a task runs and is healthy."""
    return unit.phase is Phase.RUNNING and unit.healthy and not unit.failed
