"""Task sets (deployment controllers EXTERNAL and CODE_DEPLOY): each at its own share of the desired count.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html
"""

from __future__ import annotations

import math

from cloudarium.services.ecs.resources import TaskSet
from cloudarium.services.ecs.scheduler import messages, notes, rollout
from cloudarium.services.ecs.scheduler.acting import Actor, serves
from cloudarium.services.ecs.scheduler.observing import HEALTH_EVERY_STEADY
from cloudarium.services.ecs.scheduler.rollout import Bounds
from cloudarium.services.ecs.scheduler.workload import of_task_set


class Sharing(Actor):
    """Keeps every task set of a service."""

    def keep(self) -> None:
        """Decide and act for each."""
        steady = True
        for task_set in self._ctx.table(TaskSet).find(self._ctx.scope, "service_key", self._service.key):
            steady = self._keep_task_set(task_set) and steady
        live = {t.id for t in self._ctx.table(TaskSet).find(self._ctx.scope, "service_key", self._service.key)}
        self._note(notes.only(self._service, live))
        if not steady or not live:
            self._note(notes.put(self._service, "steady", None))
        elif self._service.status == "ACTIVE":
            self._announce_steady("SERVICE_STEADY_STATE", "steady", messages.steady(self._service.name))

    def _keep_task_set(self, task_set: TaskSet) -> bool:
        table = self._ctx.table(TaskSet)
        going = task_set.status == "DRAINING" or self._service.status != "ACTIVE"
        share = 0 if going else math.ceil(self._service.desired_count * task_set.scale / 100)
        workload = of_task_set(task_set, self._service)
        units = self._units(task_set.id, current=task_set.id)
        limits = Bounds(0, max(2 * share, 1) + len(units))
        decision = rollout.decide(share, limits, units, may_start=self._may_start(workload))
        started = self._start(workload, decision.start, decision.replacing)
        self._stop(decision.stop, task_set.id)
        after = self._units(task_set.id, current=task_set.id)
        members = [m for m in self._own() if m.deployment_id == task_set.id]
        if going and not after and not members:
            table.delete(self._ctx.scope, task_set.arn)
            return True
        if any(m.targets for m in members):
            self._later(HEALTH_EVERY_STEADY)
        steady = not (started or decision.stop) and len(after) == share and all(serves(u) for u in after)
        status = "STEADY_STATE" if steady else "STABILIZING"
        changes: dict[str, object] = {}
        if share != task_set.computed_desired_count:
            changes["computed_desired_count"] = share
            self._news.action("SERVICE_DESIRED_COUNT_UPDATED")
        if status != task_set.stability_status:
            changes |= {"stability_status": status, "stability_status_at": self._now}
            if steady:
                self._news.say(messages.steady(self._service.name, task_set.id))
                self._news.action("TASKSET_STEADY_STATE", taskSetArns=[task_set.arn])
        if changes:
            table.put(self._ctx.scope, task_set.replace(**changes, updated=self._now))
        return steady
