"""VPCs, their blocks, subnets and DHCP options."""

from __future__ import annotations

import pytest

from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.cloudformation.kinds.kind import NeedsReplacement
from cloudarium.services.cloudformation.kinds.patience import PATIENCE

from .conftest import STACK_ID, Api, Resource, Stack, tags_of


async def test_a_vpc_has_its_attributes_and_tags(api: Api, stack: Stack) -> None:
    vpc = await stack.make(
        "Vpc",
        "EC2::VPC",
        CidrBlock="10.0.0.0/16",
        EnableDnsHostnames=True,
        EnableDnsSupport=False,
        Tags=[{"Key": "Name", "Value": "shop"}],
    )
    (shown,) = (await api("describe_vpcs", VpcIds=[vpc.ref]))["Vpcs"]
    assert {(tag["Key"], tag["Value"]) for tag in shown["Tags"]} == {
        ("Name", "shop"),
        ("aws:cloudformation:stack-name", "shop"),
        ("aws:cloudformation:stack-id", STACK_ID),
        ("aws:cloudformation:logical-id", "Vpc"),
    }
    hostnames = await api("describe_vpc_attribute", VpcId=vpc.ref, Attribute="enableDnsHostnames")
    support = await api("describe_vpc_attribute", VpcId=vpc.ref, Attribute="enableDnsSupport")
    assert (hostnames["EnableDnsHostnames"]["Value"], support["EnableDnsSupport"]["Value"]) == (True, False)
    (acl,) = (await api("describe_network_acls", Filters=[{"Name": "vpc-id", "Values": [vpc.ref]}]))["NetworkAcls"]
    (group,) = (await api("describe_security_groups", Filters=[{"Name": "vpc-id", "Values": [vpc.ref]}]))[
        "SecurityGroups"
    ]
    assert vpc.work.attributes == {
        "VpcId": vpc.ref,
        "CidrBlock": "10.0.0.0/16",
        "CidrBlockAssociations": [shown["CidrBlockAssociationSet"][0]["AssociationId"]],
        "DefaultNetworkAcl": acl["NetworkAclId"],
        "DefaultSecurityGroup": group["GroupId"],
        "Ipv6CidrBlocks": [],
    }


async def test_a_vpc_changes_and_goes_back(api: Api, stack: Stack) -> None:
    before = {"CidrBlock": "10.0.0.0/16", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}]}
    vpc = await stack.make("Vpc", "EC2::VPC", **before)
    await api("create_tags", Resources=[vpc.ref], Tags=[{"Key": "by-hand", "Value": "yes"}])
    after = {**before, "EnableDnsHostnames": True, "Tags": [{"Key": "a", "Value": "2"}, {"Key": "c", "Value": "1"}]}
    await stack.change(vpc, **after)
    (shown,) = (await api("describe_vpcs", VpcIds=[vpc.ref]))["Vpcs"]
    assert tags_of(shown) == {"a": "2", "c": "1", "by-hand": "yes"}
    hostnames = await api("describe_vpc_attribute", VpcId=vpc.ref, Attribute="enableDnsHostnames")
    assert hostnames["EnableDnsHostnames"]["Value"] is True
    await stack.change(vpc, **before)
    (shown,) = (await api("describe_vpcs", VpcIds=[vpc.ref]))["Vpcs"]
    assert tags_of(shown) == {"a": "1", "b": "1", "by-hand": "yes"}
    hostnames = await api("describe_vpc_attribute", VpcId=vpc.ref, Attribute="enableDnsHostnames")
    assert hostnames["EnableDnsHostnames"]["Value"] is False


async def test_only_dedicated_tenancy_ends_in_place(api: Api, stack: Stack) -> None:
    vpc = await stack.make("Vpc", "EC2::VPC", CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated")
    await stack.change(vpc, CidrBlock="10.0.0.0/16")
    (shown,) = (await api("describe_vpcs", VpcIds=[vpc.ref]))["Vpcs"]
    assert shown["InstanceTenancy"] == "default"
    with pytest.raises(NeedsReplacement):
        await stack.change(vpc, CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated")


async def test_tags_of_aws_are_for_its_services_only(api: Api, vpc: Resource) -> None:
    key = "aws:cloudformation:stack-id"
    for operation in ("create_tags", "delete_tags"):
        error = await api.error(operation, Resources=[vpc.ref], Tags=[{"Key": key, "Value": STACK_ID}])
        assert error.code == "InvalidParameterValue" and "reserved for internal use" in error.message


async def test_an_interrupted_vpc_is_made_once(api: Api, stack: Stack) -> None:
    count = len((await api("describe_vpcs"))["Vpcs"])
    api.killed_after = "create_vpc"
    vpc = await stack.make("Vpc", "EC2::VPC", CidrBlock="10.0.0.0/16", EnableDnsHostnames=True)
    assert len((await api("describe_vpcs"))["Vpcs"]) == count + 1
    hostnames = await api("describe_vpc_attribute", VpcId=vpc.ref, Attribute="enableDnsHostnames")
    assert hostnames["EnableDnsHostnames"]["Value"] is True
    api.killed_after = "create_vpc"
    other = await stack.make("Vpc", "EC2::VPC", CidrBlock="10.9.0.0/16", replaces=vpc.ref)
    assert other["CidrBlock"] == "10.9.0.0/16", "what is to be replaced is not taken for the new one"


async def test_a_vpc_is_deleted_once_it_is_empty(api: Api, stack: Stack, vpc: Resource) -> None:
    subnet = (await api("create_subnet", VpcId=vpc.ref, CidrBlock="10.0.0.0/24"))["Subnet"]["SubnetId"]
    api.cloud.clock.call_later(30, lambda: api.cloud.clock.spawn(api("delete_subnet", SubnetId=subnet), "delete"))
    assert 29 <= await stack.delete(vpc) <= 32
    assert vpc.ref not in [each["VpcId"] for each in (await api("describe_vpcs"))["Vpcs"]]
    assert await stack.delete(vpc) == 0, "that it is gone already is no error"


async def test_patience_has_an_end(api: Api, stack: Stack, vpc: Resource) -> None:
    await api("create_subnet", VpcId=vpc.ref, CidrBlock="10.0.0.0/24")
    began = api.cloud.clock.now()
    with pytest.raises(AwsError) as caught:
        await stack.delete(vpc)
    assert caught.value.code == "DependencyViolation"
    assert PATIENCE <= api.cloud.clock.now() - began <= PATIENCE + 2


async def test_more_blocks(api: Api, stack: Stack, vpc: Resource) -> None:
    api.killed_after = "associate_vpc_cidr_block"
    block = await stack.make("Block", "EC2::VPCCidrBlock", VpcId=vpc.ref, CidrBlock="10.1.0.0/16")
    (shown,) = (await api("describe_vpcs", VpcIds=[vpc.ref]))["Vpcs"]
    second = shown["CidrBlockAssociationSet"][1]
    assert (block.ref, block["Id"]) == (f"{second['AssociationId']}|{vpc.ref}", second["AssociationId"])
    await stack.delete(block)
    (shown,) = (await api("describe_vpcs", VpcIds=[vpc.ref]))["Vpcs"]
    assert len(shown["CidrBlockAssociationSet"]) == 1


async def test_a_subnet_and_its_attributes(api: Api, stack: Stack, vpc: Resource) -> None:
    given = {"VpcId": vpc.ref, "CidrBlock": "10.0.0.0/24", "AvailabilityZone": "us-east-1b"}
    api.killed_after = "create_subnet"
    subnet = await stack.make(
        "Subnet",
        "EC2::Subnet",
        **given,
        MapPublicIpOnLaunch=True,
        PrivateDnsNameOptionsOnLaunch={"HostnameType": "resource-name", "EnableResourceNameDnsARecord": True},
    )
    (shown,) = (await api("describe_subnets", SubnetIds=[subnet.ref]))["Subnets"]
    assert (shown["MapPublicIpOnLaunch"], shown["AvailabilityZone"]) == (True, "us-east-1b")
    options = shown["PrivateDnsNameOptionsOnLaunch"]
    assert (options["HostnameType"], options["EnableResourceNameDnsARecord"]) == ("resource-name", True)
    (acl,) = (await api("describe_network_acls", Filters=[{"Name": "vpc-id", "Values": [vpc.ref]}]))["NetworkAcls"]
    assert subnet["NetworkAclAssociationId"] == acl["Associations"][0]["NetworkAclAssociationId"]
    assert (subnet["SubnetId"], subnet["AvailabilityZoneId"]) == (subnet.ref, shown["AvailabilityZoneId"])
    await stack.change(subnet, **given)
    (shown,) = (await api("describe_subnets", SubnetIds=[subnet.ref]))["Subnets"]
    options = shown["PrivateDnsNameOptionsOnLaunch"]
    assert shown["MapPublicIpOnLaunch"] is False
    assert (options["HostnameType"], options["EnableResourceNameDnsARecord"]) == ("ip-name", False)
    with pytest.raises(NotThere, match="AssignIpv6AddressOnCreation"):
        await stack.change(subnet, **given, AssignIpv6AddressOnCreation=True)
    await stack.delete(subnet)
    assert (await api("describe_subnets", Filters=[{"Name": "vpc-id", "Values": [vpc.ref]}]))["Subnets"] == []


async def test_dhcp_options_and_their_association(api: Api, stack: Stack, vpc: Resource) -> None:
    options = await stack.make(
        "Options",
        "EC2::DHCPOptions",
        DomainName="shop.internal",
        DomainNameServers=["AmazonProvidedDNS", "10.0.0.5"],
        NetbiosNodeType=2,
    )
    (shown,) = (await api("describe_dhcp_options", DhcpOptionsIds=[options.ref]))["DhcpOptions"]
    assert {each["Key"]: [v["Value"] for v in each["Values"]] for each in shown["DhcpConfigurations"]} == {
        "domain-name": ["shop.internal"],
        "domain-name-servers": ["AmazonProvidedDNS", "10.0.0.5"],
        "netbios-node-type": ["2"],
    }
    association = await stack.make(
        "Association", "EC2::VPCDHCPOptionsAssociation", VpcId=vpc.ref, DhcpOptionsId=options.ref
    )
    assert association.ref == f"{options.ref}|{vpc.ref}"

    async def in_force() -> str:
        return str((await api("describe_vpcs", VpcIds=[vpc.ref]))["Vpcs"][0]["DhcpOptionsId"])

    assert await in_force() == options.ref
    others = await stack.make("Others", "EC2::DHCPOptions", DomainName="other.internal")
    successor = await stack.make(
        "Association", "EC2::VPCDHCPOptionsAssociation", VpcId=vpc.ref, DhcpOptionsId=others.ref
    )
    await stack.delete(association)
    assert await in_force() == others.ref, "what was replaced takes nothing away from its successor"
    await stack.delete(successor)
    assert await in_force() == "default"
    await stack.delete(options)
    await stack.delete(others)
