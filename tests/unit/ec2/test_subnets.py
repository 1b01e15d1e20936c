from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.ec2 import cidr

from .conftest import Ec2


def test_a_subnet_and_its_addresses(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    answer = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.1.7/28", AvailabilityZone="us-east-1c")["Subnet"]
    assert answer["CidrBlock"] == "10.0.1.0/28"
    assert answer["AvailabilityZoneId"] == "use1-az3"
    assert answer["AvailableIpAddressCount"] == 11
    assert answer["SubnetArn"] == f"arn:aws:ec2:us-east-1:{ec2.scope.account}:subnet/{answer['SubnetId']}"
    made = [ec2.create_network_interface(SubnetId=answer["SubnetId"])["NetworkInterface"] for _ in range(11)]
    ips = {int(each["PrivateIpAddress"].rpartition(".")[2]) for each in made}
    assert ips == set(range(4, 15))
    (subnet,) = ec2.describe_subnets(SubnetIds=[answer["SubnetId"]])["Subnets"]
    assert subnet["AvailableIpAddressCount"] == 0
    ec2.fails("create_network_interface", "InsufficientFreeAddressesInSubnet", SubnetId=answer["SubnetId"])


@pytest.mark.parametrize(
    ("block", "code", "message"),
    [
        ("10.1.0.0/24", "InvalidSubnet.Range", "The CIDR '10.1.0.0/24' is invalid."),
        ("10.0.0.0/29", "InvalidSubnet.Range", "The CIDR '10.0.0.0/29' is invalid."),
        ("10.0.0.0/15", "InvalidSubnet.Range", "The CIDR '10.0.0.0/15' is invalid."),
        ("10.0.0.128/25", "InvalidSubnet.Conflict", "The CIDR '10.0.0.128/25' conflicts with another subnet"),
    ],
)
def test_blocks_that_do_not_fit(ec2: Ec2, block: str, code: str, message: str) -> None:
    vpc_id = ec2.vpc()
    ec2.subnet(vpc_id, "10.0.0.0/24")
    ec2.fails("create_subnet", code, message, VpcId=vpc_id, CidrBlock=block)


def test_zones(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    error = ec2.fails(
        "create_subnet", "InvalidParameterValue", VpcId=vpc_id, CidrBlock="10.0.0.0/24", AvailabilityZone="eu-west-1a"
    )
    assert error.message.startswith("Value (eu-west-1a) for parameter availabilityZone is invalid.")
    by_id = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.0.0/24", AvailabilityZoneId="use1-az2")["Subnet"]
    assert by_id["AvailabilityZone"] == "us-east-1b"


def test_attributes(ec2: Ec2) -> None:
    subnet = ec2.subnet(ec2.vpc())

    def now() -> dict[str, object]:
        return dict(ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0])

    assert now()["MapPublicIpOnLaunch"] is False
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    assert now()["MapPublicIpOnLaunch"] is True
    ec2.modify_subnet_attribute(SubnetId=subnet, PrivateDnsHostnameTypeOnLaunch="resource-name")
    ec2.modify_subnet_attribute(SubnetId=subnet, EnableResourceNameDnsARecordOnLaunch={"Value": True})
    assert now()["PrivateDnsNameOptionsOnLaunch"] == {
        "HostnameType": "resource-name",
        "EnableResourceNameDnsARecord": True,
        "EnableResourceNameDnsAAAARecord": False,
    }
    ec2.modify_subnet_attribute(SubnetId=subnet, EnableDns64={"Value": False})
    ec2.fails("modify_subnet_attribute", "NotImplemented", SubnetId=subnet, EnableDns64={"Value": True})
    ec2.fails("modify_subnet_attribute", "MissingParameter", SubnetId=subnet)


def test_a_subnet_in_use_stays(ec2: Ec2) -> None:
    subnet = ec2.subnet(ec2.vpc())
    interface = ec2.interface(subnet)
    message = f"The subnet '{subnet}' has dependencies and cannot be deleted."
    ec2.fails("delete_subnet", "DependencyViolation", message, SubnetId=subnet)
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.fails(
        "describe_subnets",
        "InvalidSubnetID.NotFound",
        f"The subnet ID '{subnet}' does not exist",
        SubnetIds=[subnet],
    )


def test_filters_by_every_name_of_one_thing(ec2: Ec2) -> None:
    subnet = ec2.subnet(ec2.vpc(), "10.0.7.0/24")
    for name in ("cidr", "cidrBlock", "cidr-block"):
        found = ec2.describe_subnets(Filters=[{"Name": name, "Values": ["10.0.7.*"]}])["Subnets"]
        assert [each["SubnetId"] for each in found] == [subnet]
    few = ec2.describe_subnets(Filters=[{"Name": "available-ip-address-count", "Values": ["251"]}])["Subnets"]
    assert [each["SubnetId"] for each in few] == [subnet]


@given(st.integers(0, 2**32 - 1), st.integers(16, 28), st.sets(st.integers(0, 15)))
def test_free_addresses_are_free_and_not_reserved(base: int, prefix: int, used_offsets: set[int]) -> None:
    import ipaddress

    block = str(ipaddress.IPv4Network((base >> (32 - prefix) << (32 - prefix), prefix)))
    net = cidr.network(block)
    used = {str(net.network_address + offset) for offset in used_offsets}
    found = cidr.free_address(block, used)
    if found is None:
        assert prefix == 28
    else:
        assert found not in used
        ip = ipaddress.IPv4Address(found)
        assert ip in net
        assert not cidr.is_reserved(block, ip)
