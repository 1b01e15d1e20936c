"""VPC endpoints, prefix lists, DHCP options."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Ec2

S3 = "com.amazonaws.us-east-1.s3"
SSM = "com.amazonaws.us-east-1.ssm"


async def test_a_gateway_endpoint_puts_routes_into_tables(running: Ec2) -> None:
    ec2 = running
    vpc_id = ec2.vpc()
    table = ec2.main_table(vpc_id)["RouteTableId"]
    made = ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName=S3, RouteTableIds=[table])["VpcEndpoint"]
    endpoint = made["VpcEndpointId"]
    assert (made["State"], made["VpcEndpointType"]) == ("pending", "Gateway")
    assert json.loads(made["PolicyDocument"])["Statement"][0]["Effect"] == "Allow"
    (prefix_list,) = ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [S3]}])["PrefixLists"]
    assert prefix_list["PrefixListId"] == "pl-63a5400a"
    route = ec2.main_table(vpc_id)["Routes"][1]
    assert route == {
        "DestinationPrefixListId": "pl-63a5400a",
        "GatewayId": endpoint,
        "Origin": "CreateRoute",
        "State": "active",
    }
    ec2.fails("delete_route", "InvalidParameterValue", RouteTableId=table, DestinationPrefixListId="pl-63a5400a")
    ec2.fails("create_vpc_endpoint", "RouteAlreadyExists", VpcId=vpc_id, ServiceName=S3, RouteTableIds=[table])
    await ec2.cloud.clock.settle()
    assert ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"] == "available"
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveRouteTableIds=[table])
    assert len(ec2.main_table(vpc_id)["Routes"]) == 1
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[table])
    assert len(ec2.main_table(vpc_id)["Routes"]) == 2
    ec2.fails("delete_vpc", "DependencyViolation", VpcId=vpc_id)
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint]) == {"Unsuccessful": []}
    await ec2.cloud.clock.settle()
    ec2.fails(
        "describe_vpc_endpoints",
        "InvalidVpcEndpointId.NotFound",
        f"The Vpc Endpoint Id '{endpoint}' does not exist",
        VpcEndpointIds=[endpoint],
    )
    assert len(ec2.main_table(vpc_id)["Routes"]) == 1
    (item,) = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"]
    assert item["Error"]["Code"] == "InvalidVpcEndpointId.NotFound"


async def test_an_interface_endpoint_has_interfaces(running: Ec2) -> None:
    ec2 = running
    vpc_id = ec2.vpc()
    first = ec2.subnet(vpc_id, "10.0.0.0/24", AvailabilityZone="us-east-1a")
    second = ec2.subnet(vpc_id, "10.0.1.0/24", AvailabilityZone="us-east-1b")
    same_zone = ec2.subnet(vpc_id, "10.0.2.0/24", AvailabilityZone="us-east-1a")
    group = ec2.group(vpc_id)
    wanted: dict[str, Any] = {"VpcId": vpc_id, "ServiceName": SSM, "VpcEndpointType": "Interface"}
    ec2.fails("create_vpc_endpoint", "InvalidParameter", PrivateDnsEnabled=True, **wanted)
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    ec2.fails("create_vpc_endpoint", "DuplicateSubnetsInSameZone", SubnetIds=[first, same_zone], **wanted)
    made = ec2.create_vpc_endpoint(SubnetIds=[first], SecurityGroupIds=[group], PrivateDnsEnabled=True, **wanted)[
        "VpcEndpoint"
    ]
    endpoint = made["VpcEndpointId"]
    assert made["Groups"] == [{"GroupId": group, "GroupName": "web"}]
    names = [entry["DnsName"] for entry in made["DnsEntries"]]
    assert names[0].startswith(endpoint) and names[0].endswith(".ssm.us-east-1.vpce.amazonaws.com")
    assert names[-1] == "ssm.us-east-1.amazonaws.com"
    ec2.fails("create_vpc_endpoint", "InvalidParameter", PrivateDnsEnabled=True, **wanted)
    plain = ec2.create_vpc_endpoint(PrivateDnsEnabled=False, **wanted)["VpcEndpoint"]["VpcEndpointId"]
    ec2.fails("modify_vpc_endpoint", "InvalidParameter", VpcEndpointId=plain, PrivateDnsEnabled=True)
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=True)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[plain])
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": False})
    ec2.fails("modify_vpc_endpoint", "InvalidParameter", VpcEndpointId=endpoint, PrivateDnsEnabled=True)
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": True})
    await ec2.cloud.clock.settle()
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=[second])
    found = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
    assert found["State"] == "available"
    assert found["SubnetIds"] == [first, second]
    interfaces = ec2.describe_network_interfaces(NetworkInterfaceIds=found["NetworkInterfaceIds"])["NetworkInterfaces"]
    assert {each["InterfaceType"] for each in interfaces} == {"vpc_endpoint"}
    assert {each["Groups"][0]["GroupId"] for each in interfaces} == {group}
    ec2.fails("delete_security_group", "DependencyViolation", GroupId=group)
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveSubnetIds=[first])
    ec2.delete_subnet(SubnetId=first)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    await ec2.cloud.clock.settle()
    ec2.delete_subnet(SubnetId=second)
    ec2.delete_security_group(GroupId=group)


def test_services_that_do_not_exist(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    ec2.fails(
        "create_vpc_endpoint",
        "InvalidServiceName",
        "The Vpc Endpoint Service 'com.amazonaws.us-east-1.nope' does not exist",
        VpcId=vpc_id,
        ServiceName="com.amazonaws.us-east-1.nope",
    )
    error = ec2.fails("create_vpc_endpoint", "InvalidParameter", VpcId=vpc_id, ServiceName=SSM)
    assert error.message == "Endpoint type (Gateway) does not match available service types ([Interface])."
    ec2.fails(
        "create_vpc_endpoint", "NotImplemented", VpcId=vpc_id, ServiceName=S3, VpcEndpointType="GatewayLoadBalancer"
    )
    types = ec2.describe_vpc_endpoint_services(ServiceNames=[S3])["ServiceDetails"]
    assert sorted(each["ServiceType"][0]["ServiceType"] for each in types) == ["Gateway", "Interface"]
    ec2.fails("describe_vpc_endpoint_services", "InvalidServiceName", ServiceNames=["nope"])


# -- prefix lists ------------------------------------------------------------------------------------------------------


def test_versions_of_a_prefix_list(ec2: Ec2) -> None:
    made = ec2.create_managed_prefix_list(
        PrefixListName="offices",
        MaxEntries=2,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "10.0.0.1/8", "Description": "head"}],
    )["PrefixList"]
    list_id = made["PrefixListId"]
    assert (made["State"], made["Version"]) == ("create-in-progress", 1)
    found = ec2.describe_managed_prefix_lists(PrefixListIds=[list_id])["PrefixLists"][0]
    assert found["State"] == "create-complete"
    assert found["PrefixListArn"] == f"arn:aws:ec2:us-east-1:{ec2.scope.account}:prefix-list/{list_id}"
    entries = ec2.get_managed_prefix_list_entries(PrefixListId=list_id)["Entries"]
    assert entries == [{"Cidr": "10.0.0.0/8", "Description": "head"}]
    changed = ec2.modify_managed_prefix_list(
        PrefixListId=list_id, CurrentVersion=1, AddEntries=[{"Cidr": "192.168.0.0/16"}]
    )["PrefixList"]
    assert (changed["State"], changed["Version"]) == ("modify-in-progress", 1)
    now = ec2.describe_managed_prefix_lists(PrefixListIds=[list_id])["PrefixLists"][0]
    assert (now["State"], now["Version"]) == ("modify-complete", 2)
    ec2.fails(
        "modify_managed_prefix_list",
        "InvalidParameterCombination",
        PrefixListId=list_id,
        CurrentVersion=2,
        MaxEntries=9,
        AddEntries=[{"Cidr": "172.16.0.0/12"}],
    )
    ec2.fails(
        "modify_managed_prefix_list",
        "InvalidParameterValue",
        "Request cannot contain Cidr 10.0.0.0/8 in both AddPrefixListEntries and RemovePrefixListEntries",
        PrefixListId=list_id,
        CurrentVersion=2,
        AddEntries=[{"Cidr": "10.0.0.0/8"}],
        RemoveEntries=[{"Cidr": "10.0.0.0/8"}],
    )
    ec2.fails(
        "modify_managed_prefix_list",
        "PrefixListVersionMismatch",
        PrefixListId=list_id,
        CurrentVersion=1,
        RemoveEntries=[{"Cidr": "10.0.0.0/8"}],
    )
    ec2.fails(
        "modify_managed_prefix_list",
        "PrefixListMaxEntriesExceeded",
        PrefixListId=list_id,
        CurrentVersion=2,
        AddEntries=[{"Cidr": "172.16.0.0/12"}],
    )
    old = ec2.get_managed_prefix_list_entries(PrefixListId=list_id, TargetVersion=1)["Entries"]
    assert len(old) == 1
    ec2.restore_managed_prefix_list_version(PrefixListId=list_id, PreviousVersion=1, CurrentVersion=2)
    assert ec2.get_managed_prefix_list_entries(PrefixListId=list_id)["Entries"] == entries
    ec2.modify_managed_prefix_list(PrefixListId=list_id, PrefixListName="homes", MaxEntries=5)
    found = ec2.describe_managed_prefix_lists(PrefixListIds=[list_id])["PrefixLists"][0]
    assert (found["PrefixListName"], found["MaxEntries"], found["Version"]) == ("homes", 5, 3)


def test_a_prefix_list_in_use_stays(ec2: Ec2) -> None:
    made = ec2.create_managed_prefix_list(PrefixListName="p", MaxEntries=2, AddressFamily="IPv4")["PrefixList"]
    list_id = made["PrefixListId"]
    group = ec2.group(ec2.vpc())
    permission = {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": list_id}]}
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission])
    users = ec2.get_managed_prefix_list_associations(PrefixListId=list_id)["PrefixListAssociations"]
    assert users == [{"ResourceId": group, "ResourceOwner": ec2.scope.account}]
    ec2.fails("delete_managed_prefix_list", "DependencyViolation", PrefixListId=list_id)
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[permission])
    ec2.delete_managed_prefix_list(PrefixListId=list_id)
    ec2.fails("describe_managed_prefix_lists", "InvalidPrefixListID.NotFound", PrefixListIds=[list_id])


def test_the_lists_of_aws(ec2: Ec2) -> None:
    named = {each["PrefixListName"]: each for each in ec2.describe_managed_prefix_lists()["PrefixLists"]}
    assert set(named) == {S3, "com.amazonaws.us-east-1.dynamodb"}
    assert named[S3]["OwnerId"] == "AWS"
    assert named[S3]["PrefixListArn"] == "arn:aws:ec2:us-east-1:aws:prefix-list/pl-63a5400a"
    ec2.fails("delete_managed_prefix_list", "UnauthorizedOperation", PrefixListId="pl-63a5400a")


# -- DHCP options ------------------------------------------------------------------------------------------------------


def test_dhcp_options(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    made = ec2.create_dhcp_options(
        DhcpConfigurations=[
            {"Key": "domain-name", "Values": ["corp.example"]},
            {"Key": "domain-name-servers", "Values": ["10.0.0.2, 10.0.0.3", "AmazonProvidedDNS"]},
        ]
    )["DhcpOptions"]
    options = made["DhcpOptionsId"]
    servers = [each["Value"] for each in made["DhcpConfigurations"][1]["Values"]]
    assert servers == ["10.0.0.2", "10.0.0.3", "AmazonProvidedDNS"]
    ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc_id)
    assert ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["DhcpOptionsId"] == options
    by_key = [{"Name": "key", "Values": ["domain-name"]}, {"Name": "value", "Values": ["corp*"]}]
    assert [each["DhcpOptionsId"] for each in ec2.describe_dhcp_options(Filters=by_key)["DhcpOptions"]] == [options]
    ec2.fails("delete_dhcp_options", "DependencyViolation", DhcpOptionsId=options)
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc_id)
    assert ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["DhcpOptionsId"] == "default"
    ec2.delete_dhcp_options(DhcpOptionsId=options)
    ec2.fails(
        "describe_dhcp_options",
        "InvalidDhcpOptionID.NotFound",
        f"The dhcpOption ID '{options}' does not exist",
        DhcpOptionsIds=[options],
    )


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("nonsense", ["x"]),
        ("ntp-servers", ["time.example"]),
        ("domain-name-servers", ["1.1.1.1"] * 5),
        ("netbios-node-type", ["3"]),
    ],
)
def test_options_that_aws_does_not_take(ec2: Ec2, key: str, values: list[str]) -> None:
    ec2.fails("create_dhcp_options", "InvalidParameterValue", DhcpConfigurations=[{"Key": key, "Values": values}])


def test_flow_logs_are_truthfully_absent(ec2: Ec2) -> None:
    assert ec2.describe_flow_logs() == {"FlowLogs": []}
    ec2.fails("describe_flow_logs", "InvalidFlowLogId.NotFound", FlowLogIds=["fl-0123456789abcdef0"])
    options = ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    assert options["InternetGatewayBlockMode"] == "off"
