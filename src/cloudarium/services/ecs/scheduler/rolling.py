"""Rolling updates (deployment controller ECS): one PRIMARY deployment, and those that it replaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cloudarium.services.ecs.resources import ContainerInstance
from cloudarium.services.ecs.scheduler import daemon, messages, notes, rollout
from cloudarium.services.ecs.scheduler.acting import Actor, serves
from cloudarium.services.ecs.scheduler.deploying import ALARM
from cloudarium.services.ecs.scheduler.launching import CannotPlace
from cloudarium.services.ecs.scheduler.observing import HEALTH_EVERY_STEADY
from cloudarium.services.ecs.scheduler.rollout import Bounds, Phase, Unit
from cloudarium.services.ecs.scheduler.workload import Workload, of_deployment


class Rolling(Actor):
    """Keeps a service at its desired count, in the PRIMARY's version."""

    def keep(self) -> None:
        """Decide and act."""
        self._do.begin()
        self._heed_alarms()
        self._do.asked_to_stop()
        self._do.trip()
        primary = self._service.primary
        if primary is None:
            for unit in self._units(None, current=""):
                if unit.phase is not Phase.STOPPING:
                    self._stop([unit.id], "the service")
            return
        workload = of_deployment(primary)
        failed = primary.rollout_state == "FAILED"
        may_start = self._may_start(workload) and not failed
        before = self._units(None, current=workload.id)
        if self._service.scheduling_strategy == "DAEMON":
            acted = self._keep_daemons(workload, before, may_start)
        else:
            acted = self._keep_replicas(workload, before, may_start)
        after = self._units(None, current=workload.id)
        self._count(after)
        desired = self._service.desired_count
        settled = not acted and all(serves(u) and u.current for u in after) and len(after) == desired
        self._settle(settled and not failed)

    def _heed_alarms(self) -> None:
        primary = self._service.primary
        settings = self._service.deployment_configuration.get("alarms") or {}
        if primary is None or primary.rollout_state != "IN_PROGRESS" or not settings.get("enable"):
            return
        if notes.get(self._service, "alarmed") is None:
            self._note(notes.put(self._service, "alarmed", sorted(self._alarms.ringing)))
        self._later(HEALTH_EVERY_STEADY)
        if new := self._alarms.ringing - set(notes.get(self._service, "alarmed") or ()):
            self._do.note_alarms(sorted(new))
            reason = f"ECS deployment {primary.id} failed: {ALARM}."
            self._do.fail(ALARM, reason, "alarm", rollback=bool(settings.get("rollback")))

    def _limits(self, desired: int) -> Bounds:
        config = self._service.deployment_configuration
        daemons = self._service.scheduling_strategy == "DAEMON"
        low = config.get("minimumHealthyPercent", 0 if daemons else 100)
        return rollout.bounds(desired, int(low), int(config.get("maximumPercent", 100 if daemons else 200)))

    def _keep_replicas(self, workload: Workload, units: Sequence[Unit], may_start: bool) -> bool:
        desired = self._service.desired_count
        units = self._balance(units, may_start)
        decision = rollout.decide(desired, self._limits(desired), units, may_start=may_start)
        started = self._start(workload, decision.start, decision.replacing)
        self._stop(decision.stop, workload.id)
        if decision.stuck:
            self._news.complain("stuck", messages.stuck(self._service.name))
        elif decision.start or decision.stop:
            self._news.settle("stuck")
        return bool(decision.start or started or decision.stop)

    def _balance(self, units: Sequence[Unit], may_start: bool) -> Sequence[Unit]:
        """Mark one task to be moved to another zone, when that is wanted and nothing else is under way."""
        service = self._service
        zones = Counter(u.zone for u in units if u.zone)
        if service.availability_zone_rebalancing != "ENABLED" or not may_start:
            return units
        if any(not u.current or not serves(u) for u in units) or len(units) != service.desired_count:
            return units
        unit = rollout.unbalanced(units, self._launcher.zones)
        under_way = bool(notes.get(service, "balancing"))
        if unit is None:
            if under_way:
                self._note(notes.put(service, "balancing", None))
                self._news.say(messages.balanced(service.name, dict(zones)))
                self._news.action("SERVICE_REBALANCING_COMPLETED")
            return units
        if not under_way:
            self._note(notes.put(service, "balancing", True))
            shown = dict.fromkeys(self._launcher.zones, 0) | dict(zones)
            self._news.say(messages.not_balanced(service.name, shown))
            self._news.action("SERVICE_REBALANCING_STARTED")
        member = self._members.get(self._ctx.scope, unit.id)
        if member is not None:
            self._members.put(self._ctx.scope, member.replace(moved=True))
        return [u._replace(current=False) if u.id == unit.id else u for u in units]

    def _keep_daemons(self, workload: Workload, units: Sequence[Unit], may_start: bool) -> bool:
        eligible = {each.id: each for each in self._launcher.eligible(workload)}
        desired = len(eligible) if self._service.status == "ACTIVE" else 0
        if desired != self._service.desired_count:
            self._note(self._service.replace(desired_count=desired))
            self._news.action("SERVICE_DESIRED_COUNT_UPDATED")
        placed: dict[str, list[Unit]] = {}
        for unit in units:
            task = self._tasks.get(self._ctx.scope, unit.id)
            placed.setdefault(task.container_instance if task is not None else "", []).append(unit)
        keep = set(eligible) | {i for i in placed if self._still_needed(i)} if desired else set()
        decision = daemon.decide(keep, self._limits(desired), placed, may_start=may_start)
        started = []
        for instance in decision.start:
            try:
                started.append(self._launcher.launch(workload, instance=eligible[instance]).id)
            except CannotPlace as failure:
                self._cannot_place(workload, failure)
        if started:
            self._news.say(messages.started(self._service.name, started))
        self._stop(decision.stop, workload.id)
        return bool(decision.start or decision.stop)

    def _still_needed(self, instance_id: str) -> bool:
        """Whether an instance drains and still has other tasks: its daemon goes last."""
        instance = self._ctx.table(ContainerInstance).get(self._ctx.scope, instance_id)
        if instance is None or instance.status != "DRAINING":
            return False
        there = self._tasks.find(self._ctx.scope, "live_instance", instance_id)
        return any(task.service != self._service.name for task in there)

    def _count(self, units: Sequence[Unit]) -> None:
        """How many tasks each deployment should have now; those that have none any more are dropped."""
        primary = self._service.primary
        assert primary is not None
        self._do.change(primary.id, desired_count=self._service.desired_count)
        kept = {unit.id for unit in units if unit.phase is not Phase.STOPPING}
        there = Counter(m.deployment_id for m in self._own())
        wanted = Counter(m.deployment_id for m in self._own() if m.task_id in kept)
        done = [d for d in self._service.deployments if d.status != "PRIMARY" and d.rollout_state == "COMPLETED"]
        spare = max(done, key=lambda d: d.created, default=None)
        for each in self._service.deployments:
            if each.id == primary.id:
                continue
            self._do.change(each.id, desired_count=wanted[each.id])
        left = tuple(
            d for d in self._service.deployments if d.id == primary.id or there[d.id] or (spare and d.id == spare.id)
        )
        self._note(notes.only(self._service.replace(deployments=left), {d.id for d in left}))

    def _settle(self, settled: bool) -> None:
        """Announce the steady state, when it is reached and every six hours; complete the deployment."""
        primary = self._service.primary
        assert primary is not None
        if any(m.targets for m in self._own()):
            self._later(HEALTH_EVERY_STEADY)
        if not settled:
            self._do.change(primary.id, steady_since=None)
            self._note(notes.put(self._service, "steady", None))
            return
        if primary.steady_since is None:
            self._do.change(primary.id, steady_since=self._now)
        since = primary.steady_since if primary.steady_since is not None else self._now
        if primary.rollout_state == "IN_PROGRESS" and (left := since + self._alarms.bake - self._now) > 0:
            self._later(left)
            return
        self._do.complete()
        if self._service.status == "ACTIVE":
            self._announce_steady("SERVICE_STEADY_STATE", "steady", messages.steady(self._service.name))
