"""A place where ECS tasks can run: a VPC with a public and a private subnet, a cluster, images without a registry."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from tests.support.aws import Account
from tests.support.cloud import CommandFailed, RunningCloud, until

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def role(account: Account, name: str) -> str:
    made = account.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    return str(made["Role"]["Arn"])


_with_images: set[Path] = set()
"""Folders of the clouds that have the images."""


def import_images(cloud: RunningCloud) -> None:
    """``tools`` has busybox, ``web`` Python too."""
    for kind, name in (("busybox", "tools"), ("demo", "web")):
        try:
            cloud.run("image", kind, name)
        except CommandFailed as error:
            pytest.skip(f"no image can be made of this machine: {error.stderr}")


class Place:
    """A VPC with a public and a private subnet, a cluster, and images that need no registry."""

    def __init__(self, cloud: RunningCloud, account: Account) -> None:
        self.account = account
        self.ecs: Any = account.ecs
        ec2 = account.ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.88.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": True})
        self.public = ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.88.1.0/24")["Subnet"]["SubnetId"]
        self.private = ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.88.2.0/24")["Subnet"]["SubnetId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(VpcId=self.vpc, InternetGatewayId=gateway)
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        ec2.associate_route_table(RouteTableId=table, SubnetId=self.public)
        self.ecs.create_cluster(clusterName="main")
        if cloud.folder not in _with_images:
            import_images(cloud)
            _with_images.add(cloud.folder)

    @cached_property
    def execution_role(self) -> str:
        """A role that ECS may assume."""
        return role(self.account, "execution-role")

    def define(self, *containers: dict[str, Any], **more: Any) -> str:
        """A Fargate task definition's ARN."""
        made = self.ecs.register_task_definition(
            family="job", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
            containerDefinitions=[{"image": "tools", **each} for each in containers], **more,
        )  # fmt: skip
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def run(self, definition: str, *, private: bool = False, **more: Any) -> str:
        """A task's ARN."""
        network = {
            "subnets": [self.private if private else self.public],
            "assignPublicIp": "DISABLED" if private else "ENABLED",
        }
        answer = self.ecs.run_task(
            cluster="main", taskDefinition=definition, launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network}, **more,
        )  # fmt: skip
        assert not answer["failures"], answer["failures"]
        return str(answer["tasks"][0]["taskArn"])

    def task(self, arn: str) -> dict[str, Any]:
        """The task as it is described."""
        (found,) = self.ecs.describe_tasks(cluster="main", tasks=[arn])["tasks"]
        return dict(found)

    def until(self, arn: str, status: str) -> dict[str, Any]:
        """The task once it has reached a status; real programs take real time."""

        def reached() -> dict[str, Any] | None:
            task = self.task(arn)
            over = task["lastStatus"] == "STOPPED" and status != "STOPPED"
            assert not over, (task.get("stoppedReason"), [each.get("reason") for each in task["containers"]])
            return task if task["lastStatus"] == status else None

        found: dict[str, Any] = until(reached, f"the task is {status}", 30)
        return found

    def inside(self, script: str, *, image: str = "tools", private: bool = False, **settings: Any) -> str:
        """Run a script in a container; assert that it ends with 0, and return what it wrote."""
        command = ["python3", "-c", script] if image == "web" else ["sh", "-ec", script]
        more = {"executionRoleArn": self.execution_role, **settings.pop("task", {})}
        options = {"awslogs-group": "jobs", "awslogs-region": self.account.region, "awslogs-stream-prefix": "test"}
        logs = {"logDriver": "awslogs", "options": {**options, "awslogs-create-group": "true"}}
        app = {"name": "app", "image": image, "command": command, "logConfiguration": logs, **settings}
        task = self.until(self.run(self.define(app, **more), private=private), "STOPPED")
        (container,) = task["containers"]
        output = self.output(f"test/app/{task['taskArn'].rpartition('/')[2]}")
        assert container.get("exitCode") == 0, (container, task["stoppedReason"], output)
        return output

    def output(self, stream: str) -> str:
        """What a container has written, from CloudWatch Logs."""
        try:
            found = self.account.logs.get_log_events(logGroupName="jobs", logStreamName=stream, startFromHead=True)
        except self.account.logs.exceptions.ResourceNotFoundException:
            return ""
        return "\n".join(each["message"] for each in found["events"])
