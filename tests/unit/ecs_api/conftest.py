"""ECS's API over real EC2 and load balancer records, without controllers: what is stored is what was asked for.

Every call is checked against AWS's own model of the service, requests as well as answers.
"""

from __future__ import annotations

import gzip
import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal, root
from cloudarium.kernel.store import Scope, Store
from cloudarium.services import ec2, ecs, elbv2, servicediscovery
from cloudarium.services.ecs.launch import changed
from cloudarium.services.ecs.resources import Task

ACCOUNT = "111122223333"
SCOPE = Scope(ACCOUNT, "us-east-1")


def _load_model() -> ServiceModel:
    path = Path(botocore.__file__).parent / "data/ecs/2014-11-13/service-2.json.gz"
    return ServiceModel(json.loads(gzip.decompress(path.read_bytes())), "ecs")


_MODEL = _load_model()
_NAMES = {botocore.xform_name(name): name for name in _MODEL.operation_names}
_KINDS = {"string": str, "boolean": bool, "integer": int, "long": int, "double": (int, float)}


def conforms(value: Any, shape: Any, path: str) -> None:
    """Assert that an answer has only members that AWS's shape has, each of its type."""
    if shape.type_name == "structure":
        assert isinstance(value, dict), path
        for name, member in value.items():
            assert name in shape.members, f"{path}.{name} is not in {shape.name}"
            conforms(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list | tuple), path
        for place, member in enumerate(value):
            conforms(member, shape.member, f"{path}[{place}]")
    else:
        assert isinstance(value, _KINDS.get(shape.type_name, object)), f"{path} is {value!r}"


class Api:
    """Calls operations as the gateway would."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.services = {each.SERVICE.name: each.SERVICE for each in (ec2, ecs, elbv2, servicediscovery)}
        cloud.services = self.services
        cloud.dispatch = self.dispatch
        self.ctx = Context(cloud, SCOPE, root(ACCOUNT))

    async def dispatch(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        info = self.services[service].operations()[operation]
        async with self.cloud.store.transaction():
            result = info.function(Context(self.cloud, scope, principal), params)
            return await result if inspect.isawaitable(result) else result  # type: ignore[no-any-return]

    async def __call__(self, name: str, /, **params: Any) -> dict[str, Any]:
        """An ECS operation, by its name in snake case."""
        model = _MODEL.operation_model(_NAMES[name])
        if model.input_shape is not None:
            report = ParamValidator().validate(params, model.input_shape)
            assert not report.has_errors(), report.generate_report()
        answer = await self.dispatch("ecs", name, SCOPE, self.ctx.principal, params)
        if model.output_shape is not None:
            conforms(answer, model.output_shape, name)
        return answer

    async def of(self, service: str, name: str, /, **params: Any) -> dict[str, Any]:
        """An operation of another service."""
        return await self.dispatch(service, name, SCOPE, self.ctx.principal, params)

    async def error(self, name: str, /, **params: Any) -> AwsError:
        """The error of an operation that is to be refused."""
        with pytest.raises(AwsError) as caught:
            await self(name, **params)
        return caught.value

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
