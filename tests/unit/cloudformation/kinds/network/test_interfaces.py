"""Network interfaces, VPC endpoints and peering connections."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed, NeedsReplacement

from .conftest import Api, Resource, Stack, tags_of

S3 = "com.amazonaws.us-east-1.s3"
SQS = "com.amazonaws.us-east-1.sqs"


@pytest.fixture
async def subnet(stack: Stack, vpc: Resource) -> Resource:
    return await stack.make("Subnet", "EC2::Subnet", VpcId=vpc.ref, CidrBlock="10.0.0.0/24")


async def group(stack: Stack, vpc: Resource, name: str) -> str:
    made = await stack.make(name, "EC2::SecurityGroup", GroupDescription=name, VpcId=vpc.ref)
    return made.ref


async def test_an_interface_is_the_accounts_own(api: Api, stack: Stack, vpc: Resource, subnet: Resource) -> None:
    groups = [await group(stack, vpc, name) for name in ("A", "B")]
    given: dict[str, Any] = {"SubnetId": subnet.ref, "PrivateIpAddress": "10.0.0.20"}
    api.killed_after = "create_network_interface"
    made = await stack.make(
        "Interface",
        "EC2::NetworkInterface",
        **given,
        SourceDestCheck=False,
        GroupSet=groups[:1],
        SecondaryPrivateIpAddressCount=1,
        Tags=[{"Key": "a", "Value": "1"}],
    )

    async def shown() -> dict[str, Any]:
        (found,) = (await api("describe_network_interfaces", NetworkInterfaceIds=[made.ref]))["NetworkInterfaces"]
        return dict(found)

    now = await shown()
    assert len((await api("describe_network_interfaces"))["NetworkInterfaces"]) == 1
    assert (now["RequesterManaged"], now["Status"], now["SourceDestCheck"]) == (False, "available", False)
    assert [each["GroupId"] for each in now["Groups"]] == groups[:1]
    assert (made["PrimaryPrivateIpAddress"], made["VpcId"]) == ("10.0.0.20", vpc.ref)
    (secondary,) = made["SecondaryPrivateIpAddresses"]
    assert tags_of(now, "TagSet") == {"a": "1"}

    listed = [{"PrivateIpAddress": "10.0.0.20", "Primary": True}, {"PrivateIpAddress": "10.0.0.99", "Primary": False}]
    await stack.change(made, SubnetId=subnet.ref, Description="new", GroupSet=groups, PrivateIpAddresses=listed)
    now = await shown()
    assert (now["Description"], now["SourceDestCheck"]) == ("new", True)
    assert [each["GroupId"] for each in now["Groups"]] == groups
    assert made["SecondaryPrivateIpAddresses"] == ["10.0.0.99"] != [secondary]
    assert tags_of(now, "TagSet") == {}
    await stack.change(made, **given)
    now = await shown()
    assert (now["Description"], made["SecondaryPrivateIpAddresses"]) == ("", [])
    assert [each["GroupName"] for each in now["Groups"]] == ["default"]
    with pytest.raises(NeedsReplacement):
        elsewhere = [{"PrivateIpAddress": "10.0.0.21", "Primary": True}]
        await stack.change(made, SubnetId=subnet.ref, PrivateIpAddresses=elsewhere)
    assert await stack.delete(made) == 0


async def test_a_gateway_endpoint(api: Api, stack: Stack, vpc: Resource) -> None:
    tables = [(await stack.make(f"Table{n}", "EC2::RouteTable", VpcId=vpc.ref)).ref for n in range(2)]
    given = {"VpcId": vpc.ref, "ServiceName": S3, "VpcEndpointType": "Gateway"}
    api.killed_after = "create_vpc_endpoint"
    made = await stack.make("S3", "EC2::VPCEndpoint", **given, RouteTableIds=tables[:1])

    async def shown() -> dict[str, Any]:
        (found,) = (await api("describe_vpc_endpoints"))["VpcEndpoints"]
        return dict(found)

    assert (await shown())["VpcEndpointId"] == made.ref == made["Id"]
    assert made["DnsEntries"] == made["NetworkInterfaceIds"] == []
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*"}]}
    await stack.change(made, **given, RouteTableIds=tables[1:], PolicyDocument=policy)
    now = await shown()
    assert (now["RouteTableIds"], json.loads(now["PolicyDocument"])) == (tables[1:], policy)
    await stack.change(made, **given, RouteTableIds=tables)
    now = await shown()
    assert set(now["RouteTableIds"]) == set(tables)
    assert json.loads(now["PolicyDocument"])["Statement"][0]["Effect"] == "Allow"
    await stack.delete(made)
    assert (await api("describe_vpc_endpoints"))["VpcEndpoints"] == []


async def test_an_interface_endpoint(api: Api, stack: Stack, subnet: Resource) -> None:
    vpc = await stack.make("Named", "EC2::VPC", CidrBlock="10.2.0.0/16", EnableDnsHostnames=True, EnableDnsSupport=True)
    zones = [
        await stack.make(
            f"Subnet{zone}",
            "EC2::Subnet",
            VpcId=vpc.ref,
            CidrBlock=f"10.2.{n}.0/24",
            AvailabilityZone=f"us-east-1{zone}",
        )
        for n, zone in enumerate("ab")
    ]
    groups = [await group(stack, vpc, name) for name in ("A", "B")]
    given = {"VpcId": vpc.ref, "ServiceName": SQS, "VpcEndpointType": "Interface"}
    made = await stack.make("Sqs", "EC2::VPCEndpoint", **given, SubnetIds=[zones[0].ref], SecurityGroupIds=groups[:1])

    async def shown() -> dict[str, Any]:
        (found,) = (await api("describe_vpc_endpoints"))["VpcEndpoints"]
        return dict(found)

    now = await shown()
    assert (now["PrivateDnsEnabled"], [each["GroupId"] for each in now["Groups"]]) == (False, groups[:1])
    assert made["NetworkInterfaceIds"] == now["NetworkInterfaceIds"]
    assert made["DnsEntries"][0] == f"{now['DnsEntries'][0]['HostedZoneId']}:{now['DnsEntries'][0]['DnsName']}"
    await stack.change(
        made,
        **given,
        SubnetIds=[zones[1].ref],
        SecurityGroupIds=groups[1:],
        PrivateDnsEnabled=True,
    )
    now = await shown()
    assert (now["PrivateDnsEnabled"], now["SubnetIds"]) == (True, [zones[1].ref])
    assert [each["GroupId"] for each in now["Groups"]] == groups[1:]
    await stack.change(made, **given, SubnetIds=[zones[0].ref])
    now = await shown()
    assert (now["PrivateDnsEnabled"], now["SubnetIds"]) == (False, [zones[0].ref])
    assert [each["GroupName"] for each in now["Groups"]] == ["default"]
    await stack.delete(made)
    for zone in zones:
        assert await stack.delete(zone) == 0


async def test_a_peering_is_accepted_too(api: Api, stack: Stack, vpc: Resource) -> None:
    other = await stack.make("Other", "EC2::VPC", CidrBlock="10.7.0.0/16")
    api.killed_after = "create_vpc_peering_connection"
    peering = await stack.make("Peering", "EC2::VPCPeeringConnection", VpcId=vpc.ref, PeerVpcId=other.ref)
    (shown,) = (await api("describe_vpc_peering_connections"))["VpcPeeringConnections"]
    assert (shown["VpcPeeringConnectionId"], shown["Status"]["Code"]) == (peering.ref, "active")
    await stack.change(peering, VpcId=vpc.ref, PeerVpcId=other.ref, Tags=[{"Key": "Name", "Value": "both"}])
    (shown,) = (await api("describe_vpc_peering_connections"))["VpcPeeringConnections"]
    assert tags_of(shown) == {"Name": "both"}
    await stack.delete(peering)
    for each in (vpc, other):
        assert await stack.delete(each) == 0


async def test_a_peering_that_cannot_be(stack: Stack, vpc: Resource) -> None:
    twin = await stack.make("Twin", "EC2::VPC", CidrBlock="10.0.0.0/16")
    with pytest.raises(Failed, match="overlapping CIDR range"):
        await stack.make("Peering", "EC2::VPCPeeringConnection", VpcId=vpc.ref, PeerVpcId=twin.ref)
    with pytest.raises(Failed, match="needs a PeerRoleArn"):
        await stack.make(
            "Peering", "EC2::VPCPeeringConnection", VpcId=vpc.ref, PeerVpcId=twin.ref, PeerOwnerId="999988887777"
        )
    with pytest.raises(AwsError):
        await stack.make("Peering", "EC2::VPCPeeringConnection", VpcId=vpc.ref, PeerVpcId="vpc-0123456789abcdef0")
