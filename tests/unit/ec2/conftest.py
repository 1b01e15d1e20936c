"""A cloud with EC2 in it, whose every call is checked against AWS's own model of the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.operations import ACCOUNT, SCOPE, conforms, names, operation_model, valid

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal, root
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ec2 import SERVICE

__all__ = ["ACCOUNT", "SCOPE", "Ec2"]


class Ec2:
    """EC2 as one principal sees it: ``ec2.create_vpc(CidrBlock=…)``. Calls from users are validated as boto3 does."""

    def __init__(self, cloud: Cloud, scope: Scope = SCOPE, principal: Principal | None = None) -> None:
        self.cloud = cloud
        self.scope = scope
        self.principal = principal or root(scope.account)
        self.ctx = Context(cloud, scope, self.principal)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in names("ec2"):
            raise AttributeError(name)
        info = SERVICE.operations()[name]
        model = operation_model("ec2", name)

        def call(**parameters: Any) -> dict[str, Any]:
            if self.principal.kind != "AWSService":
                valid(model, parameters)
            with self.cloud.store.begin():
                answer = dict(info.function(self.ctx, parameters) or {})
            if model.output_shape is not None:
                conforms(answer, model.output_shape, name)
            else:
                assert answer in ({}, {"Return": True}), f"{name} has no output, yet answers {answer}"
            return answer

        return call

    def fails(self, name: str, code: str, message: str = "", /, **parameters: Any) -> AwsError:
        """Assert that a call fails with a code, and a message if given."""
        with pytest.raises(AwsError) as caught:
            getattr(self, name)(**parameters)
        assert caught.value.code == code, caught.value
        if message:
            assert caught.value.message == message
        return caught.value

    def as_service(self, name: str) -> Ec2:
        """The same account's EC2 as an AWS service's principal."""
        host = f"{name}.amazonaws.com"
        return Ec2(self.cloud, self.scope, Principal("AWSService", self.scope.account, host, host))

    def elsewhere(self, *, account: str = ACCOUNT, region: str = "us-east-1") -> Ec2:
        """EC2 in another account or region of the same cloud."""
        return Ec2(self.cloud, Scope(account, region))

    def vpc(self, cidr: str = "10.0.0.0/16") -> str:
        """A new VPC's id."""
        return str(self.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"])

    def subnet(self, vpc_id: str, cidr: str = "10.0.0.0/24", **more: Any) -> str:
        """A new subnet's id."""
        return str(self.create_subnet(VpcId=vpc_id, CidrBlock=cidr, **more)["Subnet"]["SubnetId"])

    def group(self, vpc_id: str, name: str = "web") -> str:
        """A new security group's id."""
        return str(self.create_security_group(VpcId=vpc_id, GroupName=name, Description=name)["GroupId"])

    def interface(self, subnet_id: str, **more: Any) -> str:
        """A new network interface's id."""
        return str(self.create_network_interface(SubnetId=subnet_id, **more)["NetworkInterface"]["NetworkInterfaceId"])

    def gateway(self, vpc_id: str) -> str:
        """A new internet gateway's id, attached."""
        gateway = str(self.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
        self.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
        return gateway

    def main_table(self, vpc_id: str) -> dict[str, Any]:
        """The main route table of a VPC."""
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
        (table,) = self.describe_route_tables(Filters=filters)["RouteTables"]
        return dict(table)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud(clock=Clock(), store=Store(None), port=0)
    cloud.services["ec2"] = SERVICE
    yield cloud
    cloud.store.close()


@pytest.fixture
def ec2(cloud: Cloud) -> Ec2:
    return Ec2(cloud)


@pytest.fixture
async def running(cloud: Cloud, ec2: Ec2) -> Ec2:
    """EC2 with its controllers at work (and no fabric)."""
    await cloud.ensure_started(SERVICE)
    return ec2
