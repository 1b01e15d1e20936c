"""How deployments end: completed, failed, rolled back, stopped. And the record of it that the API shows.

A failed deployment launches nothing more. With rollback the newest deployment that had been COMPLETED becomes PRIMARY
again, under its own id, and has to reach a steady state again before it can be rolled back to another time.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.services.ecs.resources import Deployment, ServiceDeployment, ServiceRecord
from cloudarium.services.ecs.scheduler import messages
from cloudarium.services.ecs.scheduler.announcing import Announcer
from cloudarium.services.ecs.scheduler.breaker import threshold

TASKS_FAILED = "tasks failed to start"
ALARM = "alarm detected"

_OPEN = ("PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


class Deployments:
    """Changes to one service's deployments in one step of its controller. ``service`` is the draft being changed."""

    def __init__(self, ctx: Context, service: ServiceRecord, news: Announcer) -> None:
        self._ctx = ctx
        self._news = news
        self._now = ctx.clock.now()
        self.service = service

    def change(self, deployment_id: str, **changes: Any) -> None:
        """Change a deployment, unless it is so already."""
        changed = []
        for each in self.service.deployments:
            if each.id == deployment_id and any(getattr(each, k) != v for k, v in changes.items()):
                each = msgspec.structs.replace(each, **changes, updated=self._now)
            changed.append(each)
        self.service = self.service.replace(deployments=tuple(changed))

    def get(self, deployment_id: str) -> Deployment | None:
        """A deployment of the draft."""
        return next((each for each in self.service.deployments if each.id == deployment_id), None)

    # -- beginning -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Announce a PRIMARY that nobody has taken notice of, and close the records of those it replaces."""
        primary = self.service.primary
        if primary is None or self.service.scheduler.get("begun") == primary.id:
            return
        reason = primary.rollout_state_reason or f"ECS deployment {primary.id} in progress."
        self.change(primary.id, rollout_state_reason=reason)
        self.service = self.service.replace(
            scheduler=self.service.scheduler | {"begun": primary.id, "alarmed": None, "steady": None}
        )
        self._news.deployment("SERVICE_DEPLOYMENT_IN_PROGRESS", primary, reason)
        self._news.settle("impaired")
        self._news.settle("stuck")
        record = self._record(primary)
        if record is not None and record.status == "PENDING":
            breaker = self.breaker
            enabled = bool(breaker.get("enable"))
            self._write(
                record,
                status="IN_PROGRESS",
                started=self._now,
                circuit_breaker={
                    "status": "MONITORING" if enabled else "DISABLED",
                    "failureCount": 0,
                    "threshold": threshold(self.service.desired_count, breaker) if enabled else 0,
                },
            )
        for other in self.service.deployments:
            record = self._record(other)
            if other.id != primary.id and record is not None and record.status in _OPEN and not primary.rollback:
                reason = f"The service deployment was superseded by deployment {primary.id}."
                self._write(record, status="STOPPED", stopped=self._now, finished=self._now, status_reason=reason)

    # -- failing ---------------------------------------------------------------------------------------------------

    @property
    def breaker(self) -> dict[str, Any]:
        """The circuit breaker's settings."""
        return self.service.deployment_configuration.get("deploymentCircuitBreaker") or {}

    def count_failure(self, deployment_id: str) -> None:
        """A task of this deployment failed."""
        if (found := self.get(deployment_id)) is not None and found.rollout_state == "IN_PROGRESS":
            self.change(deployment_id, failed_tasks=found.failed_tasks + 1)

    def count_success(self, deployment_id: str) -> None:
        """A task of this deployment became healthy."""
        if self.breaker.get("resetOnHealthyTask", True):
            self.change(deployment_id, failed_tasks=0)

    def trip(self) -> bool:
        """Fail the PRIMARY when the circuit breaker's threshold is reached. Whether it was."""
        primary = self.service.primary
        if primary is None or primary.rollout_state != "IN_PROGRESS" or not self.breaker.get("enable"):
            return False
        limit = threshold(self.service.desired_count, self.breaker)
        record = self._record(primary)
        if record is not None and record.circuit_breaker.get("failureCount") != primary.failed_tasks:
            counts = {"failureCount": primary.failed_tasks, "threshold": limit}
            self._write(record, circuit_breaker=record.circuit_breaker | counts)
        if primary.failed_tasks < limit:
            return False
        if record is not None and (record := self._record(primary)) is not None:
            self._write(record, circuit_breaker=record.circuit_breaker | {"status": "TRIGGERED"})
        reason = f"ECS deployment circuit breaker: {TASKS_FAILED}."
        self.fail(TASKS_FAILED, reason, "circuit breaker", rollback=bool(self.breaker.get("rollback")))
        return True

    def note_alarms(self, names: list[str]) -> None:
        """Write down which alarms are about to fail the PRIMARY."""
        primary = self.service.primary
        record = self._record(primary) if primary is not None else None
        if record is not None:
            self._write(record, alarms=record.alarms | {"status": "TRIGGERED", "triggeredAlarmNames": names})

    def fail(self, why: str, reason: str, by: str, *, rollback: bool) -> None:
        """The PRIMARY has failed; go back to the last one that was completed, if wanted and there is one."""
        primary = self.service.primary
        assert primary is not None
        self.change(primary.id, rollout_state="FAILED", rollout_state_reason=reason)
        self._news.say(messages.failed(self.service.name, primary.id, why))
        self._news.deployment("SERVICE_DEPLOYMENT_FAILED", primary, reason)
        record = self._record(primary)
        target = self._completed() if rollback else None
        if target is None:
            if record is not None:
                status = "ROLLBACK_FAILED" if rollback else "STOPPED"
                self._write(record, status=status, stopped=self._now, finished=self._now, status_reason=reason)
            return
        self.roll_back(target, f"ECS deployment {by}: rolling back to deploymentId {target.id}.")

    def _completed(self) -> Deployment | None:
        others = [d for d in self.service.deployments if d.status != "PRIMARY" and d.rollout_state == "COMPLETED"]
        return max(others, key=lambda d: d.created, default=None)

    def roll_back(self, target: Deployment, reason: str) -> None:
        """``target`` becomes PRIMARY again, and the service is described as it was then."""
        failed = self.service.primary
        assert failed is not None
        record = self._record(failed)
        if record is not None:
            undo = {"reason": reason, "startedAt": self._now, "serviceRevisionArn": target.revision}
            self._write(record, status="ROLLBACK_IN_PROGRESS", rollback=undo, status_reason=reason)
        self.change(failed.id, status="ACTIVE")
        self.change(
            target.id,
            status="PRIMARY",
            rollout_state="IN_PROGRESS",
            rollout_state_reason=reason,
            desired_count=self.service.desired_count,
            failed_tasks=0,
            rollback=True,
        )
        back = self.get(target.id)
        assert back is not None
        rest = tuple(d for d in self.service.deployments if d.id != target.id)
        self.service = self.service.replace(
            deployments=(back, *rest),
            task_definition=back.task_definition,
            launch_type=back.launch_type,
            capacity_provider_strategy=back.capacity_provider_strategy,
            platform_version=back.platform_version,
            platform_family=back.platform_family,
            network_configuration=back.network_configuration,
            load_balancers=back.load_balancers,
            service_registries=back.service_registries,
            placement_constraints=back.placement_constraints,
            placement_strategy=back.placement_strategy,
            enable_execute_command=back.enable_execute_command,
            scheduler=self.service.scheduler
            | {"begun": back.id, "undoing": failed.service_deployment, "steady": None, "alarmed": None},
        )
        self._news.say(messages.rolling_back(self.service.name, back.id))
        self._news.deployment("SERVICE_DEPLOYMENT_IN_PROGRESS", back, reason)

    def asked_to_stop(self) -> None:
        """StopServiceDeployment: undo the PRIMARY, or leave it as far as it came."""
        primary = self.service.primary
        record = self._record(primary) if primary is not None else None
        if primary is None or record is None or primary.rollout_state != "IN_PROGRESS":
            return
        if record.status == "ROLLBACK_REQUESTED":
            target = self._completed()
            reason = f"Service deployment {record.arn} was stopped by the user."
            self.change(primary.id, rollout_state="FAILED", rollout_state_reason=reason)
            self._news.deployment("SERVICE_DEPLOYMENT_FAILED", primary, reason)
            if target is None:
                self._write(record, status="ROLLBACK_FAILED", finished=self._now, status_reason=reason)
            else:
                self.roll_back(target, f"ECS deployment stopped: rolling back to deploymentId {target.id}.")
        elif record.status == "STOP_REQUESTED":
            reason = f"Service deployment {record.arn} was stopped by the user."
            self.change(primary.id, rollout_state="FAILED", rollout_state_reason=reason)
            self._write(record, status="STOPPED", stopped=self._now, finished=self._now, status_reason=reason)

    # -- completing ------------------------------------------------------------------------------------------------

    def complete(self) -> None:
        """The service is steady: the PRIMARY is done, and the others are history."""
        primary = self.service.primary
        if primary is None or primary.rollout_state == "FAILED":
            return
        if primary.rollout_state == "IN_PROGRESS":
            reason = f"ECS deployment {primary.id} completed."
            self.change(primary.id, rollout_state="COMPLETED", rollout_state_reason=reason, failed_tasks=0)
            self._news.say(messages.completed(self.service.name, primary.id))
            self._news.deployment("SERVICE_DEPLOYMENT_COMPLETED", primary, reason)
            self._close_record(primary)
        self.service = self.service.replace(
            deployments=tuple(d for d in self.service.deployments if d.status == "PRIMARY")
        )

    def _close_record(self, primary: Deployment) -> None:
        undone = self.service.scheduler.get("undoing")
        table = self._ctx.table(ServiceDeployment)
        if undone and (record := table.get(self._ctx.scope, undone)) is not None:
            self._write(record, status="ROLLBACK_SUCCESSFUL", finished=self._now)
            notes = {k: v for k, v in self.service.scheduler.items() if k != "undoing"}
            self.service = self.service.replace(scheduler=notes)
        elif (record := self._record(primary)) is not None and record.status in _OPEN:
            changes: dict[str, Any] = {"status": "SUCCESSFUL", "finished": self._now}
            if record.circuit_breaker.get("status") == "MONITORING":
                changes["circuit_breaker"] = record.circuit_breaker | {"status": "MONITORING_COMPLETE"}
            self._write(record, **changes)

    def _record(self, deployment: Deployment) -> ServiceDeployment | None:
        if not deployment.service_deployment:
            return None
        return self._ctx.table(ServiceDeployment).get(self._ctx.scope, deployment.service_deployment)

    def _write(self, record: ServiceDeployment, **changes: Any) -> None:
        self._ctx.table(ServiceDeployment).put(self._ctx.scope, record.replace(**changes, updated=self._now))
