"""ECS's API over real EC2 and load balancer records, without controllers: what is stored is what was asked for.

Every call is checked against AWS's own model of the service, requests as well as answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.operations import ACCOUNT, SCOPE, Operations

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Store
from cloudarium.services import ec2, ecs, elbv2, servicediscovery
from cloudarium.services.ecs.launch import changed
from cloudarium.services.ecs.resources import Task

__all__ = ["ACCOUNT", "SCOPE", "Api"]


class Api(Operations):
    """ECS's operations."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(
            cloud, "ecs", {each.SERVICE.name: each.SERVICE for each in (ec2, ecs, elbv2, servicediscovery)}
        )

    def become(self, arn: str, **fields: Any) -> None:
        """Change a task's record, as the task controller does."""
        table = self.cloud.store.table(Task)
        task = table.get(SCOPE, arn.rpartition("/")[2])
        assert task is not None
        table.put(SCOPE, changed(task, **fields))

    async def define(self, family: str = "web", /, *, mode: str = "awsvpc", port: int = 80, **more: Any) -> str:
        """A small task definition for Fargate (awsvpc) or for instances; its ARN."""
        container = {"name": "app", "image": "nginx", "memory": 128, "portMappings": [{"containerPort": port}]}
        request: dict[str, Any] = {"family": family, "networkMode": mode, "containerDefinitions": [container]}
        if mode == "awsvpc":
            request |= {"cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"]}
        made = await self("register_task_definition", **(request | more))
        arn: str = made["taskDefinition"]["taskDefinitionArn"]
        return arn


class Net:
    """A VPC with a subnet in each of two zones, and a security group."""

    def __init__(self, vpc: str, subnets: list[str], group: str) -> None:
        self.vpc = vpc
        self.subnets = subnets
        self.group = group

    @property
    def configuration(self) -> dict[str, Any]:
        """A network configuration in these subnets."""
        return {"awsvpcConfiguration": {"subnets": self.subnets, "securityGroups": [self.group]}}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A fresh cloud with a cluster named ``default``."""
    made = Api(Cloud(clock=Clock(), store=Store(None), port=0))
    await made("create_cluster")
    yield made


@pytest.fixture
async def net(api: Api) -> Net:
    """A network for tasks."""
    vpc = (await api.of("ec2", "create_vpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    gateway = (await api.of("ec2", "create_internet_gateway"))["InternetGateway"]["InternetGatewayId"]
    await api.of("ec2", "attach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)
    subnets = []
    for number, zone in enumerate("ab"):
        made = await api.of(
            "ec2",
            "create_subnet",
            VpcId=vpc,
            CidrBlock=f"10.0.{number}.0/24",
            AvailabilityZone=f"us-east-1{zone}",
        )
        subnets.append(made["Subnet"]["SubnetId"])
    group = await api.of("ec2", "create_security_group", VpcId=vpc, GroupName="tasks", Description="tasks")
    return Net(vpc, subnets, group["GroupId"])


@pytest.fixture
async def group(api: Api, net: Net) -> str:
    """The ARN of a target group of addresses behind a load balancer."""
    balancer = await api.of("elbv2", "create_load_balancer", Name="web", Subnets=net.subnets)
    made = await api.of(
        "elbv2", "create_target_group", Name="tg", Protocol="HTTP", Port=80, VpcId=net.vpc, TargetType="ip"
    )
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    await api.of(
        "elbv2",
        "create_listener",
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    return arn
