"""What is stored. Times are cloud seconds; members kept as ``dict`` have the API's own shape and spelling.

A record never holds what can be counted from others: a service's running count is its live tasks, an instance's
remaining resources are what its live tasks leave. The indexes exist so that such a count looks at nothing else.
"""

from __future__ import annotations

from cloudarium.services.ecs.resources.clusters import AccountSetting, CapacityProvider, Cluster
from cloudarium.services.ecs.resources.definitions import Family, TaskDefinition
from cloudarium.services.ecs.resources.deployments import (
    Deployment,
    ServiceDeployment,
    ServiceEvent,
    ServiceRevision,
)
from cloudarium.services.ecs.resources.instances import Attribute, ContainerInstance
from cloudarium.services.ecs.resources.services import ServiceRecord, TaskSet
from cloudarium.services.ecs.resources.tasks import ContainerState, Task
from cloudarium.services.ecs.resources.tokens import ClientToken

__all__ = [
    "AccountSetting",
    "Attribute",
    "CapacityProvider",
    "ClientToken",
    "Cluster",
    "ContainerInstance",
    "ContainerState",
    "Deployment",
    "Family",
    "ServiceDeployment",
    "ServiceEvent",
    "ServiceRecord",
    "ServiceRevision",
    "Task",
    "TaskDefinition",
    "TaskSet",
]
