"""The AWS CLI and boto3 against EC2's network: waiters, filters, pages, errors, dry runs."""

from __future__ import annotations

import botocore.exceptions
import pytest
from tests.support.aws import Account
from tests.support.cloud import CommandFailed


def test_the_cli_makes_a_network_and_takes_it_away(account: Account) -> None:
    vpc_id = account.cli("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16")["Vpc"]["VpcId"]
    account.cli("ec2", "wait", "vpc-available", "--vpc-ids", vpc_id)
    subnet = account.cli("ec2", "create-subnet", "--vpc-id", vpc_id, "--cidr-block", "10.0.0.0/24")["Subnet"]
    gateway = account.cli("ec2", "create-internet-gateway")["InternetGateway"]["InternetGatewayId"]
    account.cli("ec2", "attach-internet-gateway", "--internet-gateway-id", gateway, "--vpc-id", vpc_id)
    allocation = account.cli("ec2", "allocate-address")["AllocationId"]
    nat = account.cli("ec2", "create-nat-gateway", "--subnet-id", subnet["SubnetId"], "--allocation-id", allocation)[
        "NatGateway"
    ]["NatGatewayId"]
    account.cli("ec2", "wait", "nat-gateway-available", "--nat-gateway-ids", nat)
    group = account.cli(
        "ec2", "create-security-group", "--group-name", "web", "--description", "web", "--vpc-id", vpc_id
    )["GroupId"]
    http = ("--group-id", group, "--protocol", "tcp", "--port", "80", "--cidr", "0.0.0.0/0")
    account.cli("ec2", "authorize-security-group-ingress", *http)
    with pytest.raises(CommandFailed, match=r'the specified rule "peer: 0.0.0.0/0, TCP, from port: 80, to port: 80'):
        account.cli("ec2", "authorize-security-group-ingress", *http)
    account.cli("ec2", "delete-nat-gateway", "--nat-gateway-id", nat)
    account.cli("ec2", "wait", "nat-gateway-deleted", "--nat-gateway-ids", nat)
    account.cli("ec2", "release-address", "--allocation-id", allocation)
    account.cli("ec2", "delete-security-group", "--group-id", group)
    account.cli("ec2", "delete-subnet", "--subnet-id", subnet["SubnetId"])
    account.cli("ec2", "detach-internet-gateway", "--internet-gateway-id", gateway, "--vpc-id", vpc_id)
    account.cli("ec2", "delete-internet-gateway", "--internet-gateway-id", gateway)
    account.cli("ec2", "delete-vpc", "--vpc-id", vpc_id)
    with pytest.raises(CommandFailed, match=f"The vpc ID '{vpc_id}' does not exist"):
        account.cli("ec2", "describe-vpcs", "--vpc-ids", vpc_id)


def test_pages_and_filters(account: Account) -> None:
    made = [account.ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in range(8)]
    account.ec2.create_tags(Resources=made[:3], Tags=[{"Key": "Part", "Value": "first"}])
    pages = list(account.ec2.get_paginator("describe_vpcs").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Vpcs"]) for page in pages] == [5, 4]
    filters = [{"Name": "tag:Part", "Values": ["f*t"]}, {"Name": "cidr", "Values": ["10.?.0.0/16"]}]
    found = account.ec2.describe_vpcs(Filters=filters)["Vpcs"]
    assert [vpc["VpcId"] for vpc in found] == made[:3]


def test_a_dry_run(account: Account) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        account.ec2.create_vpc(CidrBlock="10.0.0.0/16", DryRun=True)
    assert caught.value.response["Error"]["Code"] == "DryRunOperation"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert len(account.ec2.describe_vpcs()["Vpcs"]) == 1


def test_what_is_not_there_is_refused_by_name(account: Account) -> None:
    for call, parameters in (
        ("run_instances", {"MinCount": 1, "MaxCount": 1, "ImageId": "ami-12345678"}),
        (
            "create_flow_logs",
            {"ResourceIds": ["vpc-12345678"], "ResourceType": "VPC", "TrafficType": "ALL"},
        ),
    ):
        with pytest.raises(botocore.exceptions.ClientError, match="not implemented in Cloudarium yet"):
            getattr(account.ec2, call)(**parameters)
