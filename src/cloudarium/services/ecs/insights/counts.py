"""Performance log events that count: of services that have running tasks, and of clusters. No I/O beyond the store.

A service without a running task has no event, as on AWS
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-container-insights.html).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ecs.insights import directives
from cloudarium.services.ecs.resources import ServiceRecord, Task, TaskSet

_OF_SERVICE = ("DesiredTaskCount", "RunningTaskCount", "PendingTaskCount", "DeploymentCount", "TaskSetCount")
_OF_CLUSTER = ("TaskCount", "ContainerInstanceCount", "ServiceCount")


def of_service(store: Store, scope: Scope, service: ServiceRecord, at: int) -> dict[str, Any]:
    """The event of a service; ``at`` is in milliseconds."""
    phases = Counter(each.phase for each in store.table(Task).find(scope, "live_service", service.key))
    event: dict[str, Any] = {
        "Version": "0",
        "Type": "Service",
        "ServiceName": service.name,
        "ClusterName": service.cluster,
        "Timestamp": at,
        "DesiredTaskCount": service.desired_count,
        "RunningTaskCount": phases["running"],
        "PendingTaskCount": phases["pending"],
        "DeploymentCount": sum(each.status != "INACTIVE" for each in service.deployments),
        "TaskSetCount": len(store.table(TaskSet).find(scope, "service_key", service.key)),
    }
    event["CloudWatchMetrics"] = directives.of_counts(event, _OF_SERVICE, ("ServiceName", "ClusterName"))
    return event


def of_cluster(store: Store, scope: Scope, cluster: str, running: Collection[Task], at: int) -> dict[str, Any]:
    """The event of a cluster with its ``running`` tasks. Instances count when they have one."""
    services = store.table(ServiceRecord).find(scope, "cluster", cluster)
    event: dict[str, Any] = {
        "Version": "0",
        "Type": "Cluster",
        "ClusterName": cluster,
        "Timestamp": at,
        "TaskCount": len(running),
        "ContainerInstanceCount": len({each.container_instance for each in running} - {""}),
        "ServiceCount": sum(each.status == "ACTIVE" for each in services),
    }
    event["CloudWatchMetrics"] = directives.of_counts(event, _OF_CLUSTER, ("ClusterName",))
    return event
