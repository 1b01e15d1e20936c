"""``kill -9`` of the cloud while tasks run: they go on, are known again, and still end as they should."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import fresh_number, life
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place

SCRIPT = """
import json, os, time, urllib.request
uri = os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task"
while not os.path.exists("/data/go"):
    time.sleep(0.1)
for attempt in range(100):
    # As any SDK would: nobody answers while the cloud comes back.
    try:
        task = json.loads(urllib.request.urlopen(uri, timeout=5).read())
        break
    except OSError:
        time.sleep(0.1)
raise SystemExit(21 if task["KnownStatus"] == "RUNNING" else 1)
"""
HELPER = """
echo before; touch /data/ready
while [ ! -e /data/helper-go ]; do sleep 0.1; done
echo after; touch /data/go; exit 5
"""


@pytest.fixture(scope="module")
def lasting_cloud() -> Iterator[RunningCloud]:
    """One cloud, killed by each test; its state is on disk."""
    yield from life(RunningCloud(ephemeral=False))


@pytest.fixture
def place(lasting_cloud: RunningCloud) -> Place:
    return Place(lasting_cloud, Account(lasting_cloud, fresh_number()))


def kill(cloud: RunningCloud) -> None:
    before = cloud.pids()["cloud"]
    os.kill(before, signal.SIGKILL)
    until(lambda: cloud.pids().get("cloud", before) != before, "the cloud is back", 30)


def test_running_tasks_survive_the_cloud(lasting_cloud: RunningCloud, place: Place) -> None:
    mounts: dict[str, Any] = {"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
    options = {"awslogs-group": "jobs", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
    logs = {"logDriver": "awslogs", "options": {**options, "awslogs-create-group": "true"}}
    sleeper = place.run(place.define({"name": "app", "command": ["sleep", "1000"], "stopTimeout": 2}))
    arn = place.run(
        place.define(
            {"name": "app", "image": "web", "command": ["python3", "-c", SCRIPT], **mounts},
            {"name": "helper", "command": ["sh", "-c", HELPER], "essential": False, "logConfiguration": logs, **mounts},
            volumes=[{"name": "data"}],
            executionRoleArn=place.execution_role,
        )
    )
    running = {each: place.until(each, "RUNNING") for each in (sleeper, arn)}
    kill(lasting_cloud)
    for each, before in running.items():
        after = place.task(each)
        assert (after["lastStatus"], after["startedAt"]) == ("RUNNING", before["startedAt"])
        assert after["attachments"] == before["attachments"]
    kill(lasting_cloud)
    folder = lasting_cloud.folder / "data" / "images" / "ecs" / "tasks" / arn.rpartition("/")[2] / "volumes" / "data"
    assert (folder / "ready").exists()
    (folder / "helper-go").touch()
    task = place.until(arn, "STOPPED")
    codes = {each["name"]: each["exitCode"] for each in task["containers"]}
    assert codes == {"app": 21, "helper": 5}, "the metadata endpoint answers again, and both ends are seen"
    assert place.output(f"p/helper/{arn.rpartition('/')[2]}").splitlines() == ["before", "after"]
    place.ecs.stop_task(cluster="main", task=sleeper)
    place.until(sleeper, "STOPPED")
    assert not place.account.ec2.describe_network_interfaces()["NetworkInterfaces"]


def test_tasks_killed_on_their_way_up_run_in_the_end(lasting_cloud: RunningCloud, place: Place) -> None:
    definition = place.define({"name": "app", "command": ["sleep", "1000"], "stopTimeout": 2})
    arns = [place.run(definition) for _ in range(8)]
    kill(lasting_cloud)
    for arn in arns:
        place.until(arn, "RUNNING")
    assert len(place.account.ec2.describe_network_interfaces()["NetworkInterfaces"]) == len(arns)
    lasting_cloud.run("down")
    lasting_cloud.up()
    for arn in arns:
        task = place.until(arn, "STOPPED")
        assert task["stopCode"] == "EssentialContainerExited"
    assert not place.account.ec2.describe_network_interfaces()["NetworkInterfaces"]


def test_bridged_containers_keep_their_ports(lasting_cloud: RunningCloud, place: Place) -> None:
    ecs = place.ecs
    attributes = [{"name": "ecs.subnet-id", "value": place.public}]
    ecs.register_container_instance(cluster="main", attributes=attributes)
    page = "echo hi > /tmp/page; exec httpd -f -p 80 -h /tmp"
    ecs.register_task_definition(
        family="web", networkMode="bridge",
        containerDefinitions=[
            {
                "name": "web", "image": "tools", "memory": 64, "command": ["sh", "-c", page], "stopTimeout": 2,
                "portMappings": [{"containerPort": 80}],
            }
        ],
    )  # fmt: skip
    arn = ecs.run_task(cluster="main", taskDefinition="web", launchType="EC2")["tasks"][0]["taskArn"]
    (container,) = place.until(arn, "RUNNING")["containers"]
    (binding,) = container["networkBindings"]
    (interface,) = place.account.ec2.describe_network_interfaces()["NetworkInterfaces"]
    probe = f'[ "$(wget -qO- http://{interface["PrivateIpAddress"]}:{binding["hostPort"]}/page)" = hi ]'
    place.inside(probe)
    kill(lasting_cloud)
    assert place.task(arn)["containers"][0]["networkBindings"] == [binding]
    place.inside(probe)
    ecs.stop_task(cluster="main", task=arn)
    place.until(arn, "STOPPED")
