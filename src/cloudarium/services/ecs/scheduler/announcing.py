"""What a service tells about itself: its list of events, and EventBridge.

The list keeps the newest hundred. A message that complains is not repeated until six hours have passed or something
else has happened about its cause; the service's notes remember when it was said.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.resources import Deployment, ServiceEvent, ServiceRecord

SOURCE = "aws.ecs"
KEPT = 100
REPEAT = 6 * 3600.0

_LEVELS = {
    "SERVICE_TASK_START_IMPAIRED": "WARN",
    "SERVICE_DISCOVERY_INSTANCE_UNHEALTHY": "WARN",
    "SERVICE_TASK_PLACEMENT_FAILURE": "ERROR",
    "SERVICE_TASK_CONFIGURATION_FAILURE": "ERROR",
    "SERVICE_DEPLOYMENT_FAILED": "ERROR",
}


class Announcer:
    """Collects what one step has to tell; ``written`` gives the service's record with it."""

    def __init__(self, cloud: Cloud, scope: Scope, service: ServiceRecord) -> None:
        self._cloud = cloud
        self._scope = scope
        self._service = service
        self._now = cloud.clock.now()
        self._said: dict[str, float] = dict(service.scheduler.get("said", {}))
        self._events: list[ServiceEvent] = []
        self._pending: list[tuple[str, dict[str, Any]]] = []

    def say(self, message: str) -> None:
        """Add an event."""
        self._events.append(ServiceEvent(id=request_id(), created=self._now, message=message))

    def complain(self, topic: str, message: str) -> bool:
        """Add an event about a lasting cause, unless the same was said within six hours. Whether it was added."""
        at = self._said.get(f"{topic}|{message}")
        if at is not None and self._now - at < REPEAT:
            return False
        self.settle(topic)
        self._said[f"{topic}|{message}"] = self._now
        self.say(message)
        return True

    def settle(self, topic: str) -> None:
        """The cause is gone: the next complaint about it is news again."""
        for key in [key for key in self._said if key.startswith(f"{topic}|")]:
            del self._said[key]

    def action(self, name: str, **detail: Any) -> None:
        """Emit "ECS Service Action" when the step is written."""
        body = {"eventType": _LEVELS.get(name, "INFO"), "eventName": name, "clusterArn": self._service.cluster_arn}
        self._pending.append(("ECS Service Action", body | detail | {"createdAt": timestamp(self._now)}))

    def deployment(self, name: str, deployment: Deployment, reason: str) -> None:
        """Emit "ECS Deployment State Change" when the step is written."""
        body = {"eventType": _LEVELS.get(name, "INFO"), "eventName": name, "deploymentId": deployment.id}
        self._pending.append(
            ("ECS Deployment State Change", body | {"updatedAt": timestamp(self._now), "reason": reason})
        )

    def written(self, service: ServiceRecord) -> ServiceRecord:
        """The record with the new events; unchanged when there is nothing to tell."""
        said = {key: at for key, at in self._said.items() if self._now - at < REPEAT}
        if said != service.scheduler.get("said", {}):
            service = service.replace(scheduler=service.scheduler | {"said": said})
        if self._events:
            service = service.replace(events=tuple([*reversed(self._events), *service.events][:KEPT]))
        return service

    def emit(self) -> None:
        """Tell EventBridge; once, after the records are written."""
        pending, self._pending = self._pending, []
        for kind, detail in pending:
            self._cloud.events.emit(self._scope, SOURCE, kind, detail, [self._service.arn])


def timestamp(at: float) -> str:
    """Cloud seconds as events show them."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
