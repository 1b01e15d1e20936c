"""How many vCPUs run on Fargate: AWS/Usage ResourceCount, by account and region.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/monitoring-fargate-usage.html
"""

from __future__ import annotations

from collections.abc import Iterable

from cloudarium.kernel.metrics import Metrics
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.resources import Task

_DIMENSIONS = {"Service": "Fargate", "Type": "Resource", "Resource": "vCPU"}


def record(metrics: Metrics, running: Iterable[tuple[Scope, Task]]) -> None:
    """Count the running tasks of all accounts."""
    found: dict[tuple[Scope, str], float] = {}
    for scope, task in running:
        if task.launch_type == "FARGATE":
            kind = "Standard/Spot" if task.capacity_provider == "FARGATE_SPOT" else "Standard/OnDemand"
            found[scope, kind] = found.get((scope, kind), 0.0) + float(task.cpu or 0) / 1024
    for (scope, kind), number in found.items():
        metrics.record(scope, "AWS/Usage", "ResourceCount", {**_DIMENSIONS, "Class": kind}, number)
