"""From records to the network: specifications, attachments, names."""

from __future__ import annotations

from typing import Any

import pytest

from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ec2.dns import Names
from cloudarium.services.ec2.network import build
from cloudarium.services.ec2.resources import Vpc
from cloudarium.services.ec2.whereabouts import Whereabouts
from cloudarium.substrate.net import spec
from cloudarium.substrate.net.validation import validate

from .conftest import Ec2


def built(ec2: Ec2, vpc_id: str) -> spec.VpcSpec:
    found = build(ec2.cloud.store, ec2.scope, vpc_id)
    assert found is not None
    validate(found)
    return found


def test_the_default_vpc_makes_a_valid_specification(ec2: Ec2) -> None:
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    found = built(ec2, vpc["VpcId"])
    assert found.cidrs == ("172.31.0.0/16",)
    assert len(found.subnets) == 6
    assert found.internet_gateway_id is not None
    (table,) = found.route_tables
    assert table.routes == (
        spec.Route("172.31.0.0/16", "local"),
        spec.Route("0.0.0.0/0", "igw", found.internet_gateway_id),
    )
    (group,) = found.security_groups
    assert group.ingress == (spec.SecurityRule("-1", group_id=group.id),)
    assert group.egress == (spec.SecurityRule("-1", cidr="0.0.0.0/0"),)
    assert found.dns == spec.DnsSpec(True, "ec2.internal", ())
    assert found.nacls[0].entries[0] == spec.NaclEntry(100, True, "-1", -1, -1, "0.0.0.0/0", True)
    assert build(ec2.cloud.store, ec2.scope, "vpc-0123456789abcdef0") is None


def test_dhcp_options(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    for values, told in (
        (["10.0.0.53", "AmazonProvidedDNS"], ("10.0.0.53", "10.0.0.2")),
        (["AmazonProvidedDNS"], ()),
    ):
        configurations = [
            {"Key": "domain-name-servers", "Values": values},
            {"Key": "domain-name", "Values": ["corp.example"]},
        ]
        options = ec2.create_dhcp_options(DhcpConfigurations=configurations)["DhcpOptions"]["DhcpOptionsId"]
        ec2.associate_dhcp_options(VpcId=vpc_id, DhcpOptionsId=options)
        assert built(ec2, vpc_id).dns == spec.DnsSpec(True, "corp.example", told)
    ec2.associate_dhcp_options(VpcId=vpc_id, DhcpOptionsId="default")
    assert built(ec2, vpc_id).dns == spec.DnsSpec(True, "ec2.internal", ())


def test_a_whole_vpc(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    ec2.gateway(vpc_id)
    public, private = ec2.subnet(vpc_id, "10.0.0.0/24"), ec2.subnet(vpc_id, "10.0.1.0/24")
    table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=private)
    allocation = ec2.allocate_address()
    nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=allocation["AllocationId"])["NatGateway"]["NatGatewayId"]
    offices = ec2.create_managed_prefix_list(
        PrefixListName="offices",
        MaxEntries=5,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "192.0.2.0/24"}, {"Cidr": "198.51.100.0/24"}],
    )["PrefixList"]["PrefixListId"]
    empty = ec2.create_managed_prefix_list(PrefixListName="e", MaxEntries=5, AddressFamily="IPv4")["PrefixList"]
    ec2.create_route(RouteTableId=table, DestinationPrefixListId=offices, NatGatewayId=nat)
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table])[
        "VpcEndpoint"
    ]["VpcEndpointId"]
    group = ec2.group(vpc_id)
    peers = [{"PrefixListId": offices}, {"PrefixListId": empty["PrefixListId"]}, {"PrefixListId": "pl-63a5400a"}]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90, "PrefixListIds": peers},
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        ],
    )
    interface = ec2.interface(private, Groups=[group], PrivateIpAddress="10.0.1.9", SecondaryPrivateIpAddressCount=1)
    own = ec2.allocate_address()
    ec2.associate_address(AllocationId=own["AllocationId"], NetworkInterfaceId=interface)
    (shown,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    secondary = shown["PrivateIpAddresses"][1]["PrivateIpAddress"]
    more = ec2.allocate_address()
    ec2.associate_address(AllocationId=more["AllocationId"], NetworkInterfaceId=interface, PrivateIpAddress=secondary)
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, SourceDestCheck={"Value": False})

    found = built(ec2, vpc_id)
    tables = {each.id: each.routes for each in found.route_tables}
    assert {each.id: each.route_table_id for each in found.subnets}[private] == table
    assert tables[table] == (
        spec.Route("10.0.0.0/16", "local"),
        spec.Route("192.0.2.0/24", "nat", nat),
        spec.Route("198.51.100.0/24", "nat", nat),
        spec.Route("pl-63a5400a", "gateway-endpoint", endpoint),
    )
    (gateway,) = found.nat_gateways
    assert (gateway.id, gateway.subnet_id, gateway.public_ip) == (nat, public, allocation["PublicIp"])
    enis = {each.id: each for each in found.enis}
    assert enis[gateway.eni_id].kind == "nat_gateway"
    assert enis[interface].private_ips[0] == "10.0.1.9"
    assert len(enis[interface].private_ips) == 2
    assert enis[interface].public_ip == own["PublicIp"]
    assert enis[interface].more_public_ips == ((secondary, more["PublicIp"]),)
    assert enis[interface].source_dest_check is False
    assert enis[interface].security_group_ids == (group,)
    (rules,) = (each.ingress for each in found.security_groups if each.id == group)
    assert rules == (
        spec.SecurityRule("tcp", 80, 90, prefix_list=("192.0.2.0/24", "198.51.100.0/24")),
        spec.SecurityRule("tcp", 80, 90, prefix_list=("198.19.0.0/24",)),
        spec.SecurityRule("icmp", 8, -1, cidr="::/0"),
    )
    assert found.gateway_endpoints == (spec.GatewayEndpoint(endpoint, ("198.19.0.0/24",)),)
    without = build(ec2.cloud.store, ec2.scope, vpc_id, gateways=False)
    assert without is not None and not without.nat_gateways and not without.gateway_endpoints


# -- attachments -------------------------------------------------------------------------------------------------------


async def test_a_process_joins_and_leaves(running: Ec2) -> None:
    ec2 = running
    vpc_id = ec2.vpc()
    subnet, group = ec2.subnet(vpc_id), ec2.group(vpc_id)
    attach, detach = ec2.cloud.extensions["attach"], ec2.cloud.extensions["detach"]
    fields: dict[str, Any] = {"subnet": subnet, "security_groups": [group], "port": 80, "to": "127.0.0.1:8080"}
    answer = await attach(ec2.scope, fields)
    interface = answer["NetworkInterfaceId"]
    (shown,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    assert shown["PrivateIpAddress"] == answer["PrivateIpAddress"]
    assert shown["Status"] == "in-use"
    assert shown["Groups"][0]["GroupId"] == group
    (eni,) = built(ec2, vpc_id).enis
    assert eni.attachment == spec.HostAttachment(80, "127.0.0.1", 8080)
    ec2.fails(
        "delete_network_interface",
        "InvalidParameterValue",
        f"Network interface '{interface}' is currently in use.",
        NetworkInterfaceId=interface,
    )
    ec2.fails("detach_network_interface", "OperationNotPermitted", AttachmentId=shown["Attachment"]["AttachmentId"])
    assert (await detach(ec2.scope, {"id": answer["PrivateIpAddress"]}))["NetworkInterfaceId"] == interface
    ec2.delete_subnet(SubnetId=subnet)
    with pytest.raises(AwsError, match="Nothing is attached"):
        await detach(ec2.scope, {"id": interface})


async def test_a_public_subnet_gives_a_public_address(running: Ec2) -> None:
    subnet = running.describe_subnets()["Subnets"][0]["SubnetId"]
    answer = await running.cloud.extensions["attach"](running.scope, {"subnet": subnet, "port": 1, "to": "[::1]:9"})
    (shown,) = running.describe_network_interfaces()["NetworkInterfaces"]
    assert shown["Association"]["PublicIp"] == answer["PublicIp"]
    assert shown["Association"]["IpOwnerId"] == "amazon"


@pytest.mark.parametrize("to", ["example.com:80", "10.0.0.1:80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", ""])
async def test_only_the_loopback_of_the_host(running: Ec2, to: str) -> None:
    subnet = running.subnet(running.vpc())
    with pytest.raises(AwsError) as caught:
        await running.cloud.extensions["attach"](running.scope, {"subnet": subnet, "port": 80, "to": to})
    assert caught.value.code == "InvalidParameterValue"
    assert running.describe_network_interfaces()["NetworkInterfaces"] == []


async def test_a_network_that_fails_takes_nobody_in(running: Ec2) -> None:
    class Broken:
        class capabilities:
            complete = True

        async def apply(self, _: object) -> None:
            raise RuntimeError("no network today")

        async def remove(self, _: str) -> None:
            pass

    subnet = running.subnet(running.vpc())
    running.cloud.fabric = Broken()
    with pytest.raises(AwsError, match="no network today"):
        await running.cloud.extensions["attach"](running.scope, {"subnet": subnet, "port": 80, "to": "127.0.0.1:80"})
    assert running.describe_network_interfaces()["NetworkInterfaces"] == []


# -- names -------------------------------------------------------------------------------------------------------------


async def test_names_inside_a_vpc(running: Ec2) -> None:
    ec2 = running
    vpc_id = ec2.vpc()
    ec2.gateway(vpc_id)
    interface = ec2.interface(ec2.subnet(vpc_id), PrivateIpAddress="10.0.0.9")
    address = ec2.allocate_address()
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface)
    other = ec2.vpc("10.1.0.0/16")
    names = Names(ec2.cloud.store, Whereabouts(ec2.cloud.store))
    public = f"ec2-{address['PublicIp'].replace('.', '-')}.compute-1.amazonaws.com"
    assert names(vpc_id, "ip-10-0-0-9.ec2.internal", "A") == ["10.0.0.9"]
    assert names(vpc_id, "ip-10-0-0-9.ec2.internal", "AAAA") == []
    assert names(vpc_id, "ip-10-0-0-300.ec2.internal", "A") is None
    assert names(vpc_id, "9.0.0.10.in-addr.arpa", "PTR") == ["ip-10-0-0-9.ec2.internal."]
    assert names(other, "9.0.0.10.in-addr.arpa", "PTR") is None
    assert names(vpc_id, public, "A") == ["10.0.0.9"]
    assert names(other, public, "A") == [address["PublicIp"]]
    assert names(vpc_id, "www.example.com", "A") is None
    backward = f"{'.'.join(reversed(address['PublicIp'].split('.')))}.in-addr.arpa"
    assert names(other, backward, "PTR") == [f"{public}."]
    ec2.modify_address_attribute(AllocationId=address["AllocationId"], DomainName="www.example.com")
    assert names(other, backward, "PTR") == ["www.example.com."]
    assert names(other, backward, "A") == []
    peering = ec2.create_vpc_peering_connection(VpcId=other, PeerVpcId=vpc_id)["VpcPeeringConnection"]
    peering_id = peering["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    await ec2.cloud.clock.settle()
    for each in (vpc_id, other):
        ec2.modify_vpc_attribute(VpcId=each, EnableDnsHostnames={"Value": True})
    ec2.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=peering_id, AccepterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True}
    )
    assert names(other, public, "A") == ["10.0.0.9"]


def test_where_a_vpc_is() -> None:
    store, here, there = Store(None), Scope("1" * 12, "us-east-1"), Scope("2" * 12, "eu-west-1")
    table = store.table(Vpc)
    table.put(here, Vpc(vpc_id="vpc-1", cidrs=(), dhcp_options_id="default"))
    where = Whereabouts(store)
    table.put(there, Vpc(vpc_id="vpc-2", cidrs=(), dhcp_options_id="default"))
    assert (where.scope("vpc-1"), where.scope("vpc-2"), where.scope("vpc-3")) == (here, there, None)
    table.delete(here, "vpc-1")
    assert where.scope("vpc-1") is None and where.scope("vpc-2") == there
