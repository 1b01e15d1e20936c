"""The registry from inside a VPC, under AWS's own names."""

from __future__ import annotations

import os

import pytest
from tests.scenarios.test_vpc_endpoints import Workload
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter a workload's network from outside")


def test_an_endpoint_brings_the_registry_into_a_subnet(cloud: RunningCloud, account: Account) -> None:
    ec2, name = account.ec2, f"{account.number}.dkr.ecr.us-east-1.amazonaws.com"
    account.ecr.create_repository(repositoryName="web")
    vpc = ec2.create_vpc(CidrBlock="10.78.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.78.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="g", Description="d")["GroupId"]
    workload = Workload(cloud, account, subnet, group)
    public, answer = workload.get(name, "/v2/token")
    assert public.startswith("198.19.") and answer == "unreachable"
    assert workload.get("public.ecr.aws", "/token/")[0] == public
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.78.0.0/16")
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.us-east-1.ecr.dkr", VpcEndpointType="Interface",
        SubnetIds=[subnet], SecurityGroupIds=[group],
    )["VpcEndpoint"]["VpcEndpointId"]  # fmt: skip
    until(lambda: '"token"' in workload.get(name, "/v2/token")[1], "the registry answers")
    assert workload.get(name, "/v2/token")[0].startswith("10.78.1.")
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    account.ecr.delete_repository(repositoryName="web")
