"""How many vCPUs run on Fargate: AWS/Usage ResourceCount, by account and region.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/monitoring-fargate-usage.html
"""

from __future__ import annotations

from collections.abc import Iterable

from cloudarium.kernel.metrics import Bucket, MetricKey, Metrics, Point
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.resources import Task


def record(metrics: Metrics, running: Iterable[tuple[Scope, Task]], at: float) -> None:
    """Count the running tasks of all accounts; ``at`` is in cloud seconds."""
    found: dict[tuple[Scope, str], float] = {}
    for scope, task in running:
        if task.launch_type == "FARGATE":
            kind = "Standard/Spot" if task.capacity_provider == "FARGATE_SPOT" else "Standard/OnDemand"
            found[scope, kind] = found.get((scope, kind), 0.0) + float(task.cpu or 0) / 1024
    for (scope, kind), number in found.items():
        dimensions = (("Class", kind), ("Resource", "vCPU"), ("Service", "Fargate"), ("Type", "Resource"))
        key = MetricKey("AWS/Usage", "ResourceCount", dimensions)
        metrics.put(scope, [Point(key, "None", Bucket(number, 1.0, number, number), at)])
