from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from .conftest import Ec2


@pytest.fixture
def vpc_id(ec2: Ec2) -> str:
    return ec2.vpc()


@pytest.fixture
def subnet(ec2: Ec2, vpc_id: str) -> str:
    return ec2.subnet(vpc_id)


def shown(ec2: Ec2, interface: str) -> dict[str, Any]:
    return dict(ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0])


def test_an_interface(ec2: Ec2, vpc_id: str, subnet: str) -> None:
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    answer = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.0.0.5", Description="mine")
    made = answer["NetworkInterface"]
    assert made["Status"] == "pending"
    found = shown(ec2, made["NetworkInterfaceId"])
    assert found["Status"] == "available"
    assert found["MacAddress"].startswith("02:")
    assert found["PrivateDnsName"] == "ip-10-0-0-5.ec2.internal"
    assert found["PrivateIpAddresses"] == [
        {"Primary": True, "PrivateIpAddress": "10.0.0.5", "PrivateDnsName": "ip-10-0-0-5.ec2.internal"}
    ]
    assert [group["GroupName"] for group in found["Groups"]] == ["default"]
    assert found["SourceDestCheck"] is True
    assert found["RequesterManaged"] is False


@pytest.mark.parametrize(
    ("ip", "code", "message"),
    [
        ("10.0.1.5", "InvalidParameterValue", "Address does not fall within the subnet's address range"),
        ("10.0.0.3", "InvalidParameterValue", "Address is in subnet's reserved address range"),
        ("10.0.0.255", "InvalidParameterValue", "Address is in subnet's reserved address range"),
        ("10.0.0.9", "InvalidIPAddress.InUse", "Address 10.0.0.9 is in use."),
    ],
)
def test_addresses_that_cannot_be_had(ec2: Ec2, subnet: str, ip: str, code: str, message: str) -> None:
    ec2.interface(subnet, PrivateIpAddress="10.0.0.9")
    ec2.fails("create_network_interface", code, message, SubnetId=subnet, PrivateIpAddress=ip)


def test_secondary_addresses(ec2: Ec2, subnet: str) -> None:
    interface = ec2.interface(subnet, PrivateIpAddress="10.0.0.10", SecondaryPrivateIpAddressCount=2)
    assert len(shown(ec2, interface)["PrivateIpAddresses"]) == 3
    answer = ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=["10.0.0.200"])
    assert answer["AssignedPrivateIpAddresses"] == [{"PrivateIpAddress": "10.0.0.200"}]
    ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1)
    other = ec2.interface(subnet)
    for count, code in ((-1, "InvalidParameterValue"), (2**31 - 1, "PrivateIpAddressLimitExceeded")):
        ec2.fails("create_network_interface", code, SubnetId=subnet, SecondaryPrivateIpAddressCount=count)
        ec2.fails("assign_private_ip_addresses", code, NetworkInterfaceId=other, SecondaryPrivateIpAddressCount=count)
    ec2.fails("create_network_interface", "MissingParameter", SubnetId=subnet, PrivateIpAddresses=[{"Primary": False}])
    ec2.fails(
        "assign_private_ip_addresses",
        "InvalidIPAddress.InUse",
        NetworkInterfaceId=other,
        PrivateIpAddresses=["10.0.0.200"],
    )
    ec2.assign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["10.0.0.200"], AllowReassignment=True)
    ips = {each["PrivateIpAddress"] for each in shown(ec2, interface)["PrivateIpAddresses"]}
    assert "10.0.0.200" not in ips
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["10.0.0.200"])
    assert len(shown(ec2, other)["PrivateIpAddresses"]) == 1
    ec2.fails(
        "unassign_private_ip_addresses",
        "InvalidParameterValue",
        NetworkInterfaceId=interface,
        PrivateIpAddresses=["10.0.0.10"],
    )


def test_changing_an_interface(ec2: Ec2, vpc_id: str, subnet: str) -> None:
    interface, group = ec2.interface(subnet), ec2.group(vpc_id)
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[group])
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, SourceDestCheck={"Value": False})
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Description={"Value": "new"})
    found = shown(ec2, interface)
    assert found["Groups"] == [{"GroupId": group, "GroupName": "web"}]
    assert (found["SourceDestCheck"], found["Description"]) == (False, "new")
    ec2.reset_network_interface_attribute(NetworkInterfaceId=interface, SourceDestCheck="true")
    answer = ec2.describe_network_interface_attribute(NetworkInterfaceId=interface, Attribute="sourceDestCheck")
    assert answer["SourceDestCheck"] == {"Value": True}
    stranger = ec2.group(ec2.vpc("10.7.0.0/16"), "stranger")
    ec2.fails(
        "modify_network_interface_attribute",
        "InvalidParameter",
        f"Security group {stranger} and subnet {subnet} belong to different networks.",
        NetworkInterfaceId=interface,
        Groups=[stranger],
    )
    many = [ec2.group(vpc_id, f"g{n}") for n in range(6)]
    ec2.fails(
        "modify_network_interface_attribute",
        "SecurityGroupsPerInterfaceLimitExceeded",
        NetworkInterfaceId=interface,
        Groups=many,
    )


def test_there_are_no_instances_to_attach_to(ec2: Ec2, subnet: str) -> None:
    ec2.fails(
        "attach_network_interface",
        "InvalidInstanceID.NotFound",
        NetworkInterfaceId=ec2.interface(subnet),
        InstanceId="i-0123456789abcdef0",
        DeviceIndex=1,
    )
    ec2.fails("detach_network_interface", "InvalidAttachmentID.NotFound", AttachmentId="eni-attach-1")
    assert ec2.describe_instances()["Reservations"] == []
    assert ec2.describe_instance_status()["InstanceStatuses"] == []
    ec2.fails("describe_instances", "InvalidInstanceID.NotFound", InstanceIds=["i-0123456789abcdef0"])


def test_an_interface_of_a_load_balancer(ec2: Ec2, vpc_id: str, subnet: str) -> None:
    ec2.gateway(vpc_id)
    group = ec2.group(vpc_id)
    elb = ec2.as_service("elasticloadbalancing")
    made = elb.create_network_interface(
        SubnetId=subnet, Groups=[group], Description="ELB app/web/0123456789abcdef", AssociatePublicIpAddress=True
    )["NetworkInterface"]
    interface = made["NetworkInterfaceId"]
    found = shown(ec2, interface)
    assert found["RequesterManaged"] is True
    assert found["RequesterId"] == "amazon-elb"
    assert found["Status"] == "in-use"
    assert found["Attachment"]["InstanceOwnerId"] == "amazon-elb"
    assert found["Association"]["IpOwnerId"] == "amazon-elb"
    assert "AllocationId" not in found["Association"]
    assert ipaddress.ip_address(found["Association"]["PublicIp"]) in ipaddress.ip_network("198.18.0.0/15")
    assert ec2.describe_addresses()["Addresses"] == []
    by_description = [{"Name": "description", "Values": ["ELB app/web/*"]}]
    assert len(ec2.describe_network_interfaces(Filters=by_description)["NetworkInterfaces"]) == 1
    ec2.fails(
        "delete_network_interface",
        "InvalidParameterValue",
        f"Network interface '{interface}' is currently in use.",
        NetworkInterfaceId=interface,
    )
    ec2.fails(
        "detach_network_interface",
        "OperationNotPermitted",
        "You are not allowed to manage 'ela-attach' attachments.",
        AttachmentId=found["Attachment"]["AttachmentId"],
    )
    ec2.fails(
        "modify_network_interface_attribute", "OperationNotPermitted", NetworkInterfaceId=interface, Groups=[group]
    )
    address = ec2.allocate_address()["AllocationId"]
    ec2.fails("associate_address", "OperationNotPermitted", AllocationId=address, NetworkInterfaceId=interface)
    other = ec2.group(vpc_id, "other")
    elb.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[other])
    assert shown(ec2, interface)["Groups"][0]["GroupId"] == other
    elb.delete_network_interface(NetworkInterfaceId=interface)
    ec2.fails("describe_network_interfaces", "InvalidNetworkInterfaceID.NotFound", NetworkInterfaceIds=[interface])


def test_users_do_not_get_public_addresses_that_way(ec2: Ec2, subnet: str) -> None:
    # boto3 would not send this; a hand-made request might.
    from cloudarium.kernel.errors import AwsError
    from cloudarium.services.ec2 import SERVICE

    create = SERVICE.operations()["create_network_interface"].function
    with pytest.raises(AwsError, match="AssociatePublicIpAddress"), ec2.cloud.store.begin():
        create(ec2.ctx, {"SubnetId": subnet, "AssociatePublicIpAddress": True})


# -- Elastic IP addresses ----------------------------------------------------------------------------------------------


def test_an_address_comes_and_goes(ec2: Ec2, vpc_id: str, subnet: str) -> None:
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    made = ec2.allocate_address(Domain="vpc")
    interface = ec2.interface(subnet)
    ec2.fails(
        "associate_address",
        "Gateway.NotAttached",
        f"Network {vpc_id} is not attached to any internet gateway",
        AllocationId=made["AllocationId"],
        NetworkInterfaceId=interface,
    )
    ec2.gateway(vpc_id)
    association = ec2.associate_address(AllocationId=made["AllocationId"], NetworkInterfaceId=interface)
    again = ec2.associate_address(AllocationId=made["AllocationId"], NetworkInterfaceId=interface)
    assert again == association
    (address,) = ec2.describe_addresses(PublicIps=[made["PublicIp"]])["Addresses"]
    assert address["AssociationId"] == association["AssociationId"]
    assert address["NetworkInterfaceId"] == interface
    seen = shown(ec2, interface)
    dashed = made["PublicIp"].replace(".", "-")
    assert seen["Association"] == {
        "AllocationId": made["AllocationId"],
        "AssociationId": association["AssociationId"],
        "IpOwnerId": ec2.scope.account,
        "PublicDnsName": f"ec2-{dashed}.compute-1.amazonaws.com",
        "PublicIp": made["PublicIp"],
    }
    ec2.fails(
        "release_address",
        "InvalidIPAddress.InUse",
        f"Address {made['PublicIp']} is in use.",
        AllocationId=made["AllocationId"],
    )
    ec2.disassociate_address(AssociationId=association["AssociationId"])
    assert "Association" not in shown(ec2, interface)
    ec2.fails(
        "disassociate_address",
        "InvalidAssociationID.NotFound",
        f"The association ID '{association['AssociationId']}' does not exist",
        AssociationId=association["AssociationId"],
    )
    ec2.release_address(AllocationId=made["AllocationId"])
    ec2.fails(
        "describe_addresses",
        "InvalidAllocationID.NotFound",
        f"The allocation ID '{made['AllocationId']}' does not exist",
        AllocationIds=[made["AllocationId"]],
    )
    ec2.fails("describe_addresses", "InvalidAddress.NotFound", PublicIps=[made["PublicIp"]])


def test_reassociation(ec2: Ec2, vpc_id: str, subnet: str) -> None:
    ec2.gateway(vpc_id)
    first, second = ec2.interface(subnet), ec2.interface(subnet)
    address = ec2.allocate_address()["AllocationId"]
    ec2.associate_address(AllocationId=address, NetworkInterfaceId=first)
    ec2.fails(
        "associate_address",
        "Resource.AlreadyAssociated",
        AllocationId=address,
        NetworkInterfaceId=second,
        AllowReassociation=False,
    )
    ec2.associate_address(AllocationId=address, NetworkInterfaceId=second)
    assert "Association" not in shown(ec2, first)
    other = ec2.allocate_address()["AllocationId"]
    ec2.fails(
        "associate_address",
        "Resource.AlreadyAssociated",
        AllocationId=other,
        NetworkInterfaceId=second,
        AllowReassociation=False,
    )
    ec2.associate_address(AllocationId=other, NetworkInterfaceId=second)
    assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    assert shown(ec2, second)["Association"]["AllocationId"] == other
    ec2.delete_network_interface(NetworkInterfaceId=second)
    ec2.release_address(AllocationId=other)
    ec2.release_address(AllocationId=address)


def test_an_address_on_a_secondary_private_one(ec2: Ec2, vpc_id: str, subnet: str) -> None:
    ec2.gateway(vpc_id)
    interface = ec2.interface(subnet, PrivateIpAddress="10.0.0.20")
    ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=["10.0.0.21"])
    address = ec2.allocate_address()
    ec2.associate_address(
        AllocationId=address["AllocationId"], NetworkInterfaceId=interface, PrivateIpAddress="10.0.0.21"
    )
    found = shown(ec2, interface)
    assert "Association" not in found
    assert found["PrivateIpAddresses"][1]["Association"]["PublicIp"] == address["PublicIp"]
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=["10.0.0.21"])
    (left,) = ec2.describe_addresses()["Addresses"]
    assert "AssociationId" not in left


def test_reverse_names(ec2: Ec2) -> None:
    allocation = ec2.allocate_address()["AllocationId"]
    ec2.modify_address_attribute(AllocationId=allocation, DomainName="www.example.com")
    found = ec2.describe_addresses_attribute(AllocationIds=[allocation], Attribute="domain-name")["Addresses"]
    assert found[0]["PtrRecord"] == "www.example.com."
    ec2.reset_address_attribute(AllocationId=allocation, Attribute="domain-name")
    assert "PtrRecord" not in ec2.describe_addresses_attribute(AllocationIds=[allocation])["Addresses"][0]


def test_two_accounts_never_share_a_public_address(ec2: Ec2) -> None:
    address = ec2.allocate_address()["PublicIp"]
    other = ec2.elsewhere(account="999988887777", region="eu-west-1")
    other.fails("allocate_address", "InvalidAddress.NotFound", Address=address)
    other.fails("describe_addresses", "InvalidAddress.NotFound", PublicIps=[address])
