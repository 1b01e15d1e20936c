"""Route tables, routes, gateways, addresses: the way in and out."""

from __future__ import annotations

from typing import Any

import pytest

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed, NeedsReplacement

from .conftest import Api, Resource, Stack


@pytest.fixture
async def subnet(stack: Stack, vpc: Resource) -> Resource:
    return await stack.make("Subnet", "EC2::Subnet", VpcId=vpc.ref, CidrBlock="10.0.0.0/24")


@pytest.fixture
async def gateway(stack: Stack, vpc: Resource) -> Resource:
    gateway = await stack.make("Gateway", "EC2::InternetGateway")
    await stack.make("Attachment", "EC2::VPCGatewayAttachment", VpcId=vpc.ref, InternetGatewayId=gateway.ref)
    return gateway


@pytest.fixture
async def table(stack: Stack, vpc: Resource) -> Resource:
    return await stack.make("Table", "EC2::RouteTable", VpcId=vpc.ref)


async def described(api: Api, table: Resource) -> dict[str, Any]:
    (found,) = (await api("describe_route_tables", RouteTableIds=[table.ref]))["RouteTables"]
    return dict(found)


async def routes(api: Api, table: Resource) -> dict[str, str]:
    """Targets by destination, without the local one."""
    names = ("GatewayId", "NatGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId")
    return {
        route.get("DestinationCidrBlock") or route["DestinationPrefixListId"]: next(
            route[name] for name in names if name in route
        )
        for route in (await described(api, table))["Routes"]
        if route.get("GatewayId") != "local"
    }


async def test_a_gateway_is_attached_and_detached(api: Api, stack: Stack, vpc: Resource) -> None:
    api.killed_after = "create_internet_gateway"
    gateway = await stack.make("Gateway", "EC2::InternetGateway", Tags=[{"Key": "Name", "Value": "way out"}])
    (shown,) = (await api("describe_internet_gateways"))["InternetGateways"][-1:]
    assert (shown["InternetGatewayId"], gateway["InternetGatewayId"]) == (gateway.ref, gateway.ref)
    api.killed_after = "attach_internet_gateway"
    given = {"VpcId": vpc.ref, "InternetGatewayId": gateway.ref}
    attachment = await stack.make("Attachment", "EC2::VPCGatewayAttachment", **given)
    assert (attachment.ref, attachment["AttachmentType"]) == (f"IGW|{vpc.ref}", "IGW")
    other = await stack.make("Other", "EC2::InternetGateway")
    await stack.change(attachment, VpcId=vpc.ref, InternetGatewayId=other.ref)
    assert await stack.delete(gateway) == 0, "it is not attached any more"
    await stack.delete(attachment)
    assert await stack.delete(other) == 0


async def test_a_gateway_moves_with_its_vpc(api: Api, stack: Stack, vpc: Resource, gateway: Resource) -> None:
    new = await stack.make("Vpc", "EC2::VPC", CidrBlock="10.9.0.0/16", replaces=vpc.ref)
    moved = await stack.make(
        "Attachment",
        "EC2::VPCGatewayAttachment",
        VpcId=new.ref,
        InternetGatewayId=gateway.ref,
        replaces=f"IGW|{vpc.ref}",
    )
    (shown,) = (await api("describe_internet_gateways", InternetGatewayIds=[gateway.ref]))["InternetGateways"]
    assert [each["VpcId"] for each in shown["Attachments"]] == [new.ref]
    assert moved.ref == f"IGW|{new.ref}"
    assert await stack.delete(vpc) == 0


async def test_a_route_changes_its_target(
    api: Api, stack: Stack, subnet: Resource, gateway: Resource, table: Resource
) -> None:
    interface = await stack.make("Interface", "EC2::NetworkInterface", SubnetId=subnet.ref)
    where = {"RouteTableId": table.ref, "DestinationCidrBlock": "0.0.0.0/0"}
    api.killed_after = "create_route"
    route = await stack.make("Route", "EC2::Route", **where, GatewayId=gateway.ref)
    assert (route.ref, route["CidrBlock"]) == (f"{table.ref}|0.0.0.0/0", "0.0.0.0/0")
    await stack.change(route, **where, NetworkInterfaceId=interface.ref)
    assert await routes(api, table) == {"0.0.0.0/0": interface.ref}
    await stack.change(route, **where, GatewayId=gateway.ref)
    assert await routes(api, table) == {"0.0.0.0/0": gateway.ref}
    with pytest.raises(AwsError, match="RouteAlreadyExists"):
        await stack.make("Twin", "EC2::Route", **where, GatewayId=gateway.ref)
    await stack.delete(route)
    assert await routes(api, table) == {}
    await stack.delete(table)
    assert await stack.delete(route) == 0, "a route went with its table"


async def test_a_route_to_a_prefix_list(
    api: Api, stack: Stack, subnet: Resource, gateway: Resource, table: Resource
) -> None:
    entries = [{"Cidr": "192.0.2.0/24", "Description": "one"}, {"Cidr": "198.51.100.0/24"}]
    given = {"PrefixListName": "friends", "AddressFamily": "IPv4", "MaxEntries": 2, "Entries": entries}
    api.killed_after = "create_managed_prefix_list"
    friends = await stack.make("Friends", "EC2::PrefixList", **given)
    assert friends["Version"] == 1 and friends["Arn"].endswith(f"prefix-list/{friends.ref}")
    route = await stack.make(
        "Route",
        "EC2::Route",
        RouteTableId=table.ref,
        DestinationPrefixListId=friends.ref,
        GatewayId=gateway.ref,
    )
    assert await routes(api, table) == {friends.ref: gateway.ref}

    async def blocks() -> dict[str, str]:
        answer = await api("get_managed_prefix_list_entries", PrefixListId=friends.ref)
        return {each["Cidr"]: each.get("Description", "") for each in answer["Entries"]}

    more = [{"Cidr": "192.0.2.0/24", "Description": "uno"}, {"Cidr": "203.0.113.7/24"}, {"Cidr": "10.0.0.0/8"}]
    await stack.change(friends, **{**given, "PrefixListName": "all", "MaxEntries": 3, "Entries": more})
    assert await blocks() == {"192.0.2.0/24": "uno", "203.0.113.0/24": "", "10.0.0.0/8": ""}
    (shown,) = (await api("describe_managed_prefix_lists", PrefixListIds=[friends.ref]))["PrefixLists"]
    assert (shown["PrefixListName"], shown["MaxEntries"], friends["Version"]) == ("all", 3, 2)
    await stack.change(friends, **given)
    assert await blocks() == {"192.0.2.0/24": "one", "198.51.100.0/24": ""}
    with pytest.raises(NeedsReplacement):
        await stack.change(friends, **{**given, "AddressFamily": "IPv6", "Entries": []})
    await stack.delete(route)
    await stack.delete(friends)


async def test_a_subnet_follows_its_table(api: Api, stack: Stack, vpc: Resource, subnet: Resource) -> None:
    tables = [await stack.make(f"Table{n}", "EC2::RouteTable", VpcId=vpc.ref) for n in range(2)]
    type_ = "EC2::SubnetRouteTableAssociation"
    api.killed_after = "associate_route_table"
    old = await stack.make("Association", type_, SubnetId=subnet.ref, RouteTableId=tables[0].ref)
    (association,) = (await described(api, tables[0]))["Associations"]
    assert old.ref == old["Id"] == association["RouteTableAssociationId"]
    new = await stack.make("Association", type_, SubnetId=subnet.ref, RouteTableId=tables[1].ref, replaces=old.ref)
    assert (await described(api, tables[0]))["Associations"] == []
    await stack.delete(old)
    (association,) = (await described(api, tables[1]))["Associations"]
    assert association["SubnetId"] == subnet.ref
    await stack.delete(new)
    for table in tables:
        assert await stack.delete(table) == 0


async def test_an_address_and_its_association(api: Api, stack: Stack, subnet: Resource, gateway: Resource) -> None:
    api.killed_after = "allocate_address"
    address = await stack.make("Address", "EC2::EIP", Domain="vpc", Tags=[{"Key": "a", "Value": "1"}])
    (shown,) = (await api("describe_addresses"))["Addresses"]
    assert (address.ref, address["AllocationId"]) == (shown["PublicIp"], shown["AllocationId"])
    await stack.change(address, Tags=[{"Key": "a", "Value": "2"}])
    with pytest.raises(NeedsReplacement):
        await stack.change(address, Domain="standard")
    interface = await stack.make("Interface", "EC2::NetworkInterface", SubnetId=subnet.ref)
    association = await stack.make(
        "Association", "EC2::EIPAssociation", AllocationId=address["AllocationId"], NetworkInterfaceId=interface.ref
    )
    (shown,) = (await api("describe_addresses"))["Addresses"]
    assert (shown["AssociationId"], shown["NetworkInterfaceId"]) == (association.ref, interface.ref)
    assert {"Key": "a", "Value": "2"} in shown["Tags"]
    await stack.delete(association)
    await stack.delete(address)
    assert (await api("describe_addresses"))["Addresses"] == []


async def test_a_nat_gateway(api: Api, stack: Stack, subnet: Resource, gateway: Resource) -> None:
    addresses = [await stack.make(f"Address{n}", "EC2::EIP") for n in range(3)]
    first, second, third = (address["AllocationId"] for address in addresses)
    given = {"SubnetId": subnet.ref, "AllocationId": first}
    api.killed_after = "create_nat_gateway"
    nat = await stack.make("Nat", "EC2::NatGateway", **given, SecondaryAllocationIds=[second])
    (shown,) = (await api("describe_nat_gateways"))["NatGateways"]
    assert (shown["State"], shown["NatGatewayId"]) == ("available", nat.ref)
    assert nat["EniId"] == shown["NatGatewayAddresses"][0]["NetworkInterfaceId"]
    await stack.change(nat, **given, SecondaryAllocationIds=[third])

    async def allocations() -> list[str]:
        (shown,) = (await api("describe_nat_gateways"))["NatGateways"]
        return [each["AllocationId"] for each in shown["NatGatewayAddresses"]]

    assert await allocations() == [first, third]
    await stack.change(nat, **given)
    assert await allocations() == [first]
    await stack.delete(nat)
    for address in addresses:
        assert await stack.delete(address) == 0
    assert await stack.delete(subnet) == 0


async def test_a_private_nat_gateway(api: Api, stack: Stack, subnet: Resource) -> None:
    given = {"SubnetId": subnet.ref, "ConnectivityType": "private"}
    nat = await stack.make("Nat", "EC2::NatGateway", **given, SecondaryPrivateIpAddressCount=1)

    async def secondary() -> list[str]:
        (shown,) = (await api("describe_nat_gateways"))["NatGateways"]
        return [each["PrivateIp"] for each in shown["NatGatewayAddresses"] if not each["IsPrimary"]]

    assert len(await secondary()) == 1
    await stack.change(nat, **given, SecondaryPrivateIpAddressCount=3)
    assert len(await secondary()) == 3
    await stack.change(nat, **given, SecondaryPrivateIpAddresses=["10.0.0.77"])
    assert await secondary() == ["10.0.0.77"]
    await stack.change(nat, **given)
    assert await secondary() == []


async def test_a_nat_gateway_without_a_way_out_says_why(stack: Stack, vpc: Resource, subnet: Resource) -> None:
    address = await stack.make("Address", "EC2::EIP")
    with pytest.raises(Failed, match=rf"failed to stabilize.*Network {vpc.ref} has no Internet gateway attached"):
        await stack.make("Nat", "EC2::NatGateway", SubnetId=subnet.ref, AllocationId=address["AllocationId"])
