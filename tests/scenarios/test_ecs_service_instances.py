"""Services on container instances: spread, emptied when an instance drains, and daemons (ECS-2, ECS-13)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.images import busybox_image, import_image
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(120)

IMAGE = "tools-for-services"
WAIT = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]


class Instances:
    """A cluster with an instance in each of two zones."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud = cloud
        self.account = Account(cloud, fresh_number())
        self.ecs = self.account.ecs
        import_image(cloud, busybox_image(), IMAGE)
        self.ecs.create_cluster(clusterName="main")
        self.instances = [self.register(subnet) for subnet in Stack(self.account).subnets]

    def register(self, subnet: str) -> str:
        """Register an instance in a subnet; returns its ARN."""
        attributes = [{"name": "ecs.subnet-id", "value": subnet}]
        made = self.ecs.register_container_instance(cluster="main", attributes=attributes)
        return str(made["containerInstance"]["containerInstanceArn"])

    def create(self, name: str, **options: Any) -> None:
        """A service of a container that waits to be stopped, on instances."""
        container = {"name": "app", "image": IMAGE, "command": WAIT, "memory": 32}
        self.ecs.register_task_definition(family=name, networkMode="bridge", containerDefinitions=[container])
        self.ecs.create_service(cluster="main", serviceName=name, taskDefinition=name, launchType="EC2", **options)
        self.until_steady(name)

    def where(self, name: str) -> Counter[str]:
        """On which instances its tasks run."""
        arns = self.ecs.list_tasks(cluster="main", serviceName=name)["taskArns"]
        tasks = self.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"] if arns else []
        return Counter(task["containerInstanceArn"] for task in tasks if task["lastStatus"] == "RUNNING")

    def until_steady(self, name: str) -> None:
        """Let time pass until the newest event is the steady state."""
        for _ in range(30):
            self.cloud.advance("20s")
            time.sleep(0.1)  # containers start and stop in the machine's time
            service = self.ecs.describe_services(cluster="main", services=[name])["services"][0]
            if service["events"] and service["events"][0]["message"].endswith("has reached a steady state."):
                return
        raise AssertionError(service)


@pytest.fixture
def there(cloud: RunningCloud) -> Iterator[Instances]:
    """Two instances; services are deleted afterwards."""
    made = Instances(cloud)
    yield made
    for arn in made.ecs.list_services(cluster="main")["serviceArns"]:
        made.ecs.delete_service(cluster="main", service=arn, force=True)
    cloud.advance("1m")


def test_a_draining_instance_is_emptied(there: Instances) -> None:
    """One task in each zone; when one instance drains its task starts on the other one and is stopped afterwards."""
    there.create("spread", desiredCount=2)
    one, two = there.instances
    assert there.where("spread") == {one: 1, two: 1}
    there.ecs.update_container_instances_state(cluster="main", containerInstances=[two], status="DRAINING")
    there.cloud.advance("5s")
    there.until_steady("spread")
    assert there.where("spread") == {one: 2}


def test_daemons_run_once_on_every_instance(there: Instances) -> None:
    """Also on one that comes later."""
    there.create("daemon", schedulingStrategy="DAEMON")
    assert there.where("daemon") == dict.fromkeys(there.instances, 1)
    subnet = Stack(there.account).subnets[0]
    third = there.register(subnet)
    there.cloud.advance("5s")
    there.until_steady("daemon")
    assert there.where("daemon") == dict.fromkeys([*there.instances, third], 1)
    assert there.ecs.describe_services(cluster="main", services=["daemon"])["services"][0]["desiredCount"] == 3
