"""``kill -9`` in a whole cloud that runs an ECS task: it goes on, or its end is told; nothing is left behind."""

from __future__ import annotations

import os
import signal
from glob import glob
from typing import Any

import pytest
from tests.support.cloud import RunningCloud, until
from tests.unit.compute.tree import busybox, rootfs

from cloudarium.substrate.compute.runc.machine import find_program

NETWORK = "awsvpcConfiguration"


class Tasks:
    """Tasks of one container that sleeps."""

    def __init__(self, cloud: RunningCloud) -> None:
        self._cloud = cloud
        cloud.run("image", "import", str(rootfs(cloud.folder)), "box:latest")
        self._ecs = cloud.client("ecs")
        self._subnet = cloud.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        self._ecs.create_cluster(clusterName="default")
        container = {"name": "app", "image": "box:latest", "command": ["sleep", "86400"], "essential": True}
        self._ecs.register_task_definition(
            family="sleeper",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )

    def run(self) -> str:
        """A task that runs; its ARN."""
        answer = self._ecs.run_task(
            taskDefinition="sleeper",
            launchType="FARGATE",
            networkConfiguration={NETWORK: {"subnets": [self._subnet], "assignPublicIp": "ENABLED"}},
        )
        arn = str(answer["tasks"][0]["taskArn"])
        until(lambda: self.look(arn)["lastStatus"] == "RUNNING", "the task runs")
        return arn

    def look(self, arn: str) -> Any:
        """As ECS describes it."""
        return self._ecs.describe_tasks(tasks=[arn])["tasks"][0]

    def reason(self, arn: str) -> str:
        """Why its container ended, once the task has."""
        until(lambda: self.look(arn)["lastStatus"] == "STOPPED", "the task has stopped")
        return str(self.look(arn)["containers"][0]["reason"])


def test_kills(own_cloud: RunningCloud) -> None:
    if find_program() is None:
        pytest.skip("runc is needed")
    busybox()
    if not own_cloud.json("status")["namespaces"]:
        pytest.skip("the kernel refuses namespaces here")
    tasks = Tasks(own_cloud)
    arn = tasks.run()
    before = own_cloud.pids()

    os.kill(before["cloud"], signal.SIGKILL)
    until(lambda: own_cloud.json("status")["processes"], "the cloud is back")
    until(lambda: own_cloud.pids().get("cloud") not in (None, before["cloud"]), "another cloud runs")
    after = own_cloud.pids()
    assert (after["cloudarium-shim"], after["sleep"]) == (before["cloudarium-shim"], before["sleep"])
    assert tasks.look(arn)["lastStatus"] == "RUNNING"

    os.kill(after["cloudarium-shim"], signal.SIGKILL)
    assert "supervisor was killed" in tasks.reason(arn)
    until(lambda: "sleep" not in own_cloud.pids(), "its container is gone")

    arn = tasks.run()
    os.kill(own_cloud.pids()["sleep"], signal.SIGKILL)
    until(lambda: tasks.look(arn)["lastStatus"] == "STOPPED", "the task has stopped")
    assert tasks.look(arn)["containers"][0]["exitCode"] == 137

    arn = tasks.run()
    os.kill(own_cloud.json("status")["pid"], signal.SIGKILL)
    own_cloud.assert_gone()
    own_cloud.up()
    assert "killed while the container ran" in tasks.reason(arn)

    # Also those of the killed tree.
    tasks.run()
    own_cloud.down()
    assert not glob(f"/sys/fs/cgroup/*/cloudarium-{own_cloud.port}-*")
    own_cloud.up()
