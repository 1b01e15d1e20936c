from __future__ import annotations

from typing import Any

import pytest

from .conftest import Ec2


@pytest.fixture
def vpc_id(ec2: Ec2) -> str:
    return ec2.vpc()


@pytest.fixture
def table(ec2: Ec2, vpc_id: str) -> str:
    return str(ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"])


def routes(ec2: Ec2, table: str) -> dict[str, Any]:
    (found,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    return {r.get("DestinationCidrBlock") or r["DestinationPrefixListId"]: r for r in found["Routes"]}


def test_a_route_to_the_internet(ec2: Ec2, vpc_id: str, table: str) -> None:
    gateway = ec2.gateway(vpc_id)
    assert ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway) == {"Return": True}
    assert routes(ec2, table)["0.0.0.0/0"] == {
        "DestinationCidrBlock": "0.0.0.0/0",
        "GatewayId": gateway,
        "Origin": "CreateRoute",
        "State": "active",
    }
    ec2.fails(
        "create_route",
        "RouteAlreadyExists",
        "The route identified by 0.0.0.0/0 already exists.",
        RouteTableId=table,
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=gateway,
    )
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    assert routes(ec2, table)["0.0.0.0/0"]["State"] == "blackhole"
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    ec2.fails(
        "delete_route",
        "InvalidRoute.NotFound",
        f"no route with destination-cidr-block 0.0.0.0/0 in route table {table}",
        RouteTableId=table,
        DestinationCidrBlock="0.0.0.0/0",
    )


def test_targets_must_belong(ec2: Ec2, vpc_id: str, table: str) -> None:
    stray = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]

    def refused(code: str, **target: str) -> None:
        ec2.fails("create_route", code, RouteTableId=table, DestinationCidrBlock="8.8.8.0/24", **target)

    refused("InvalidParameterValue", GatewayId=stray)
    refused("InvalidGatewayID.NotFound", GatewayId="vgw-0123456789abcdef0")
    refused("InvalidGatewayID.NotFound", GatewayId="igw-0123456789abcdef0")
    refused("InvalidNatGatewayID.NotFound", NatGatewayId="nat-0123456789abcdef0")
    refused("InvalidInstanceID.NotFound", InstanceId="i-0123456789abcdef0")
    refused("InvalidNetworkInterfaceID.NotFound", NetworkInterfaceId="eni-0123456789abcdef0")
    refused("NotImplemented", TransitGatewayId="tgw-0123456789abcdef0")
    refused("InvalidParameterCombination")
    refused("InvalidParameterCombination", GatewayId=stray, NatGatewayId="nat-0123456789abcdef0")


def test_inside_the_vpc_only_interfaces_are_targets(ec2: Ec2, vpc_id: str, table: str) -> None:
    gateway = ec2.gateway(vpc_id)
    error = ec2.fails(
        "create_route",
        "InvalidParameterValue",
        RouteTableId=table,
        DestinationCidrBlock="10.0.5.0/24",
        GatewayId=gateway,
    )
    assert "can target only an interface or an instance" in error.message
    interface = ec2.interface(ec2.subnet(vpc_id))
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.0.5.0/24", NetworkInterfaceId=interface)
    assert routes(ec2, table)["10.0.5.0/24"]["NetworkInterfaceId"] == interface


def test_replacing(ec2: Ec2, vpc_id: str, table: str) -> None:
    gateway = ec2.gateway(vpc_id)
    interface = ec2.interface(ec2.subnet(vpc_id))
    ec2.fails(
        "replace_route",
        "InvalidRoute.NotFound",
        RouteTableId=table,
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=gateway,
    )
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=interface)
    assert routes(ec2, table)["0.0.0.0/0"]["NetworkInterfaceId"] == interface
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="10.0.0.0/16", NetworkInterfaceId=interface)
    assert routes(ec2, table)["10.0.0.0/16"]["NetworkInterfaceId"] == interface
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="10.0.0.0/16", LocalTarget=True)
    assert routes(ec2, table)["10.0.0.0/16"]["GatewayId"] == "local"
    ec2.fails("delete_route", "InvalidParameterValue", RouteTableId=table, DestinationCidrBlock="10.0.0.0/16")


def test_associations(ec2: Ec2, vpc_id: str, table: str) -> None:
    subnet = ec2.subnet(vpc_id)
    other = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    answer = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    assert answer["AssociationState"] == {"State": "associated"}
    ec2.fails(
        "associate_route_table",
        "Resource.AlreadyAssociated",
        f"the specified association for route table {other} conflicts with an existing association",
        RouteTableId=other,
        SubnetId=subnet,
    )
    ec2.fails("delete_route_table", "DependencyViolation", RouteTableId=table)
    moved = ec2.replace_route_table_association(AssociationId=answer["AssociationId"], RouteTableId=other)
    found = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["RouteTables"]
    assert [each["RouteTableId"] for each in found] == [other]
    ec2.disassociate_route_table(AssociationId=moved["NewAssociationId"])
    ec2.fails(
        "disassociate_route_table",
        "InvalidAssociationID.NotFound",
        f"The association ID '{moved['NewAssociationId']}' does not exist",
        AssociationId=moved["NewAssociationId"],
    )
    ec2.delete_route_table(RouteTableId=table)
    elsewhere = ec2.subnet(ec2.vpc("10.8.0.0/16"), "10.8.0.0/24")
    ec2.fails("associate_route_table", "InvalidParameterValue", RouteTableId=other, SubnetId=elsewhere)


def test_the_main_table_can_be_replaced(ec2: Ec2, vpc_id: str, table: str) -> None:
    old = ec2.main_table(vpc_id)
    main = old["Associations"][0]["RouteTableAssociationId"]
    ec2.fails("disassociate_route_table", "InvalidParameterValue", AssociationId=main)
    ec2.fails("delete_route_table", "DependencyViolation", RouteTableId=old["RouteTableId"])
    ec2.replace_route_table_association(AssociationId=main, RouteTableId=table)
    assert ec2.main_table(vpc_id)["RouteTableId"] == table
    ec2.delete_route_table(RouteTableId=old["RouteTableId"])


def test_internet_gateways(ec2: Ec2, vpc_id: str) -> None:
    gateway = ec2.gateway(vpc_id)
    other = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.fails(
        "attach_internet_gateway",
        "Resource.AlreadyAssociated",
        f"resource {gateway} is already attached to network {vpc_id}",
        InternetGatewayId=gateway,
        VpcId=vpc_id,
    )
    ec2.fails(
        "attach_internet_gateway",
        "InvalidParameterValue",
        f"Network {vpc_id} already has an internet gateway attached",
        InternetGatewayId=other,
        VpcId=vpc_id,
    )
    ec2.fails(
        "detach_internet_gateway",
        "Gateway.NotAttached",
        f"resource {other} is not attached to network {vpc_id}",
        InternetGatewayId=other,
        VpcId=vpc_id,
    )
    ec2.fails(
        "delete_internet_gateway",
        "DependencyViolation",
        f"The internetGateway '{gateway}' has dependencies and cannot be deleted.",
        InternetGatewayId=gateway,
    )
    interface = ec2.interface(ec2.subnet(vpc_id))
    address = ec2.allocate_address()["AllocationId"]
    ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)
    error = ec2.fails("detach_internet_gateway", "DependencyViolation", InternetGatewayId=gateway, VpcId=vpc_id)
    assert "has some mapped public address(es)" in error.message


def test_no_route_leads_to_what_each_workload_finds_where_it_is(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    gateway = ec2.gateway(vpc_id)
    table = ec2.main_table(vpc_id)["RouteTableId"]
    for block in ("169.254.169.254/32", "169.254.168.0/22"):
        ec2.fails(
            "create_route", "InvalidParameterValue", RouteTableId=table, DestinationCidrBlock=block, GatewayId=gateway
        )
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="169.254.0.0/16", GatewayId=gateway)
