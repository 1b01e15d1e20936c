"""The network interfaces of container instances: they go when the instance was deregistered and its last task ended."""

from __future__ import annotations

from collections.abc import Iterator

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.resources import ContainerInstance, Task

NAME = "ecs.container_instances"
Key = tuple[Scope, str]


def start(cloud: Cloud) -> None:
    """Register the controller; its keys are ``(Scope, container instance id)``."""
    instances, tasks = cloud.store.table(ContainerInstance), cloud.store.table(Task)

    async def reconcile(key: Key) -> float | None:
        scope, instance_id = key
        instance = instances.get(scope, instance_id)
        if instance is None or instance.status != "INACTIVE" or not instance.owns_eni:
            return None
        if tasks.find(scope, "live_instance", instance_id):
            return None
        try:
            await cloud.context(scope, "ecs").aws.ec2.delete_network_interface(NetworkInterfaceId=instance.eni_id)
        except AwsError as error:
            if error.code != "InvalidNetworkInterfaceID.NotFound":
                raise
        if (instance := instances.get(scope, instance_id)) is not None:
            instances.put(scope, instance.replace(owns_eni=False))
        return None

    def keys() -> Iterator[Key]:
        return ((scope, each.id) for scope, each in instances.everywhere() if each.status == "INACTIVE")

    def instance_changed(scope: Scope, key: str, old: object, new: ContainerInstance | None) -> None:
        if new is not None and new.status == "INACTIVE" and new.owns_eni:
            cloud.enqueue(NAME, (scope, key))

    def task_changed(scope: Scope, key: str, old: Task | None, new: Task | None) -> None:
        gone = old is not None and old.live and (new is None or not new.live)
        if gone and old is not None and old.container_instance:
            cloud.enqueue(NAME, (scope, old.container_instance))

    instances.watch(instance_changed)
    tasks.watch(task_changed)
    cloud.controller(NAME, reconcile, keys)
