"""AWS::ECS::*: clusters, task definitions, services and their task sets.

There is no AWS::ECS::CapacityProvider: those of one's own need Auto Scaling groups or managed instances.
"""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.ecs.clusters import Cluster, ClusterCapacityProviderAssociations
from cloudarium.services.cloudformation.kinds.ecs.definitions import TaskDefinition
from cloudarium.services.cloudformation.kinds.ecs.services import Service
from cloudarium.services.cloudformation.kinds.ecs.task_sets import PrimaryTaskSet, TaskSet
from cloudarium.services.cloudformation.kinds.kind import Kind

_EVERY = (Cluster, ClusterCapacityProviderAssociations, TaskDefinition, Service, TaskSet, PrimaryTaskSet)

KINDS: dict[str, Kind] = {each.type: each() for each in _EVERY}
