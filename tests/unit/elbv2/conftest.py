"""A cloud with EC2 and ELBv2 in it and no network: every call is checked against AWS's own model of the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.operations import SCOPE, Operations

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Store
from cloudarium.services import ec2, elbv2

__all__ = ["SCOPE", "Api"]


class Api(Operations):
    """ELBv2's operations."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, "elbv2", {"ec2": ec2.SERVICE, "elbv2": elbv2.SERVICE})

    async def ec2(self, name: str, /, **params: Any) -> dict[str, Any]:
        """An EC2 operation."""
        return await self.of("ec2", name, **params)


class Net:
    """A VPC with an internet gateway and three subnets in three zones."""

    def __init__(self) -> None:
        self.vpc = ""
        self.subnets: list[str] = []


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A fresh cloud."""
    cloud = Cloud(clock=Clock(), store=Store(None), port=0)
    yield Api(cloud)


@pytest.fixture
async def net(api: Api) -> Net:
    """A network to place load balancers in."""
    made = Net()
    made.vpc = (await api.ec2("create_vpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    gateway = (await api.ec2("create_internet_gateway"))["InternetGateway"]["InternetGatewayId"]
    await api.ec2("attach_internet_gateway", InternetGatewayId=gateway, VpcId=made.vpc)
    for number, zone in enumerate("abc"):
        subnet = await api.ec2(
            "create_subnet", VpcId=made.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )
        made.subnets.append(subnet["Subnet"]["SubnetId"])
    return made


@pytest.fixture
async def balancer(api: Api, net: Net) -> str:
    """A load balancer's ARN."""
    made = await api("create_load_balancer", Name="web", Subnets=net.subnets[:2])
    arn: str = made["LoadBalancers"][0]["LoadBalancerArn"]
    return arn


@pytest.fixture
async def group(api: Api, net: Net) -> str:
    """The ARN of a target group of addresses."""
    made = await api("create_target_group", Name="tg", Protocol="HTTP", Port=80, VpcId=net.vpc, TargetType="ip")
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    return arn


@pytest.fixture
async def listener(api: Api, balancer: str, group: str) -> str:
    """The ARN of a listener that forwards to the group."""
    made = await api(
        "create_listener",
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    arn: str = made["Listeners"][0]["ListenerArn"]
    return arn
