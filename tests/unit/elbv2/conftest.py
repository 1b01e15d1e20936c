"""A cloud with EC2 and ELBv2 in it and no network: every call is checked against AWS's own model of the service."""

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
from cloudarium.kernel.service import Service
from cloudarium.kernel.store import Scope, Store
from cloudarium.services import ec2, elbv2

ACCOUNT = "111122223333"
SCOPE = Scope(ACCOUNT, "us-east-1")


def _load_model() -> ServiceModel:
    path = Path(botocore.__file__).parent / "data/elbv2/2015-12-01/service-2.json.gz"
    return ServiceModel(json.loads(gzip.decompress(path.read_bytes())), "elbv2")


_MODEL = _load_model()
_NAMES = {botocore.xform_name(name): name for name in _MODEL.operation_names}


def conforms(value: Any, shape: Any, path: str) -> None:
    """Assert that an answer has only members that AWS's shape has."""
    if shape.type_name == "structure":
        assert isinstance(value, dict), path
        for name, member in value.items():
            assert name in shape.members, f"{path}.{name} is not in {shape.name}"
            conforms(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list), path
        for place, member in enumerate(value):
            conforms(member, shape.member, f"{path}[{place}]")
    else:
        kinds = {"string": str, "boolean": bool, "integer": int, "double": (int, float)}
        assert isinstance(value, kinds.get(shape.type_name, object)), f"{path} is {value!r}"


class Api:
    """Calls operations as the gateway would."""

    def __init__(self, cloud: Cloud, services: dict[str, Service]) -> None:
        self.cloud = cloud
        self.services = services
        self.fakes: dict[tuple[str, str], Any] = {}
        """``(service, operation) -> function of the parameters`` in place of the real thing."""
        cloud.dispatch = self.dispatch
        self.ctx = Context(cloud, SCOPE, root(ACCOUNT))

    async def dispatch(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        if (fake := self.fakes.get((service, operation))) is not None:
            answer: dict[str, Any] = fake(**params)
            return answer
        info = self.services[service].operations()[operation]
        async with self.cloud.store.transaction():
            result = info.function(Context(self.cloud, scope, principal), params)
            return await result if inspect.isawaitable(result) else result  # type: ignore[no-any-return]

    async def __call__(self, name: str, /, **params: Any) -> dict[str, Any]:
        """An ELBv2 operation, by its name in snake case."""
        model = _MODEL.operation_model(_NAMES[name])
        if model.input_shape is not None:
            report = ParamValidator().validate(params, model.input_shape)
            assert not report.has_errors(), report.generate_report()
        answer = await self.dispatch("elbv2", name, SCOPE, self.ctx.principal, params)
        if model.output_shape is not None:
            conforms(answer, model.output_shape, name)
        return answer

    async def ec2(self, name: str, /, **params: Any) -> dict[str, Any]:
        """An EC2 operation."""
        return await self.dispatch("ec2", name, SCOPE, self.ctx.principal, params)

    async def error(self, name: str, /, **params: Any) -> AwsError:
        """The error of an operation that is to be refused."""
        with pytest.raises(AwsError) as caught:
            await self(name, **params)
        return caught.value


class Net:
    """A VPC with an internet gateway and three subnets in three zones."""

    def __init__(self) -> None:
        self.vpc = ""
        self.subnets: list[str] = []


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A fresh cloud."""
    cloud = Cloud(clock=Clock(), store=Store(None), port=0)
    yield Api(cloud, {"ec2": ec2.SERVICE, "elbv2": elbv2.SERVICE})


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
