"""States that move by themselves, on the cloud's clock."""

from __future__ import annotations

from typing import Any

import pytest

from cloudarium.services.ec2 import SERVICE

from .conftest import Ec2


class Fabric:
    """A network that does as it is told, or fails as long as it is told to."""

    class capabilities:
        complete = True
        reason = "the kernel says no"

    def __init__(self) -> None:
        self.vpcs: dict[str, Any] = {}
        self.broken = False

    async def apply(self, spec: Any) -> None:
        if self.broken:
            raise RuntimeError("no network today")
        self.vpcs[spec.id] = spec

    async def remove(self, vpc_id: str) -> None:
        self.vpcs.pop(vpc_id, None)


@pytest.fixture
def fabric(ec2: Ec2) -> Fabric:
    ec2.cloud.fabric = Fabric()
    return ec2.cloud.fabric


async def settle(ec2: Ec2) -> None:
    await ec2.cloud.ensure_started(SERVICE)
    await ec2.cloud.clock.settle()


def public_subnet(ec2: Ec2) -> tuple[str, str]:
    vpc_id = ec2.vpc()
    ec2.gateway(vpc_id)
    return vpc_id, ec2.subnet(vpc_id)


def nat_gateway(ec2: Ec2, subnet: str, **more: Any) -> dict[str, Any]:
    allocation = ec2.allocate_address()["AllocationId"]
    return dict(ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation, **more)["NatGateway"])


def nat_state(ec2: Ec2, nat_id: str) -> str:
    return str(ec2.describe_nat_gateways(NatGatewayIds=[nat_id])["NatGateways"][0]["State"])


async def test_a_nat_gateway_is_available_when_the_network_has_it(ec2: Ec2, fabric: Fabric) -> None:
    vpc_id, subnet = public_subnet(ec2)
    made = nat_gateway(ec2, subnet)
    nat_id = made["NatGatewayId"]
    assert made["State"] == "pending"
    assert "PublicIp" not in made["NatGatewayAddresses"][0]
    fabric.broken = True
    await settle(ec2)
    assert nat_state(ec2, nat_id) == "pending"
    fabric.broken = False
    await ec2.cloud.clock.advance(60)
    (nat,) = ec2.describe_nat_gateways(NatGatewayIds=[nat_id])["NatGateways"]
    assert nat["State"] == "available"
    (address,) = nat["NatGatewayAddresses"]
    assert address["IsPrimary"] is True
    assert fabric.vpcs[vpc_id].nat_gateways[0].public_ip == address["PublicIp"]
    (interface,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[address["NetworkInterfaceId"]])[
        "NetworkInterfaces"
    ]
    assert interface["InterfaceType"] == "nat_gateway"
    assert interface["Description"] == f"Interface for NAT Gateway {nat_id}"
    ec2.fails("delete_subnet", "DependencyViolation", SubnetId=subnet)
    ec2.fails("disassociate_address", "AuthFailure", AssociationId=address["AssociationId"])


async def test_a_deleted_nat_gateway_fades(ec2: Ec2, fabric: Fabric) -> None:
    vpc_id, subnet = public_subnet(ec2)
    nat_id = nat_gateway(ec2, subnet)["NatGatewayId"]
    table = ec2.main_table(vpc_id)["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat_id)
    await settle(ec2)
    assert ec2.delete_nat_gateway(NatGatewayId=nat_id) == {"NatGatewayId": nat_id}
    assert nat_state(ec2, nat_id) == "deleting"
    await ec2.cloud.clock.settle()
    assert nat_state(ec2, nat_id) == "deleted"
    assert ec2.main_table(vpc_id)["Routes"][1]["State"] == "blackhole"
    (address,) = ec2.describe_addresses()["Addresses"]
    assert "AssociationId" not in address
    assert vpc_id not in fabric.vpcs
    ec2.delete_subnet(SubnetId=subnet)
    await ec2.cloud.clock.advance(3599)
    assert nat_state(ec2, nat_id) == "deleted"
    await ec2.cloud.clock.advance(2)
    ec2.fails(
        "describe_nat_gateways",
        "NatGatewayNotFound",
        f"The Nat Gateway {nat_id} was not found",
        NatGatewayIds=[nat_id],
    )


async def test_a_private_nat_gateway_and_its_addresses(running: Ec2) -> None:
    ec2 = running
    subnet = ec2.subnet(ec2.vpc())
    nat_id = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    ec2.fails("assign_private_nat_gateway_address", "InvalidState", NatGatewayId=nat_id, PrivateIpAddressCount=1)
    await ec2.cloud.clock.settle()
    answer = ec2.assign_private_nat_gateway_address(NatGatewayId=nat_id, PrivateIpAddressCount=2)
    ips = [each["PrivateIp"] for each in answer["NatGatewayAddresses"]]
    assert len(ips) == 2
    ec2.unassign_private_nat_gateway_address(NatGatewayId=nat_id, PrivateIpAddresses=ips[:1])
    (nat,) = ec2.describe_nat_gateways(NatGatewayIds=[nat_id])["NatGateways"]
    assert [each.get("IsPrimary") for each in nat["NatGatewayAddresses"]] == [True, False]
    assert {each["Status"] for each in nat["NatGatewayAddresses"]} == {"succeeded"}


async def test_secondary_addresses_of_a_public_one(running: Ec2) -> None:
    ec2 = running
    _, subnet = public_subnet(ec2)
    more = ec2.allocate_address()["AllocationId"]
    nat_id = nat_gateway(ec2, subnet, SecondaryAllocationIds=[more])["NatGatewayId"]
    await ec2.cloud.clock.settle()
    third = ec2.allocate_address()["AllocationId"]
    ec2.associate_nat_gateway_address(NatGatewayId=nat_id, AllocationIds=[third])
    (nat,) = ec2.describe_nat_gateways(NatGatewayIds=[nat_id])["NatGateways"]
    assert [each["AllocationId"] for each in nat["NatGatewayAddresses"]][1:] == [more, third]
    ec2.fails("associate_nat_gateway_address", "Resource.AlreadyAssociated", NatGatewayId=nat_id, AllocationIds=[more])
    association = nat["NatGatewayAddresses"][1]["AssociationId"]
    ec2.disassociate_nat_gateway_address(NatGatewayId=nat_id, AssociationIds=[association])
    ec2.release_address(AllocationId=more)


def test_what_a_nat_gateway_needs(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    subnet = ec2.subnet(vpc_id)
    allocation = ec2.allocate_address()["AllocationId"]
    ec2.fails("create_nat_gateway", "MissingParameter", SubnetId=subnet)
    ec2.fails("create_nat_gateway", "InvalidAllocationID.NotFound", SubnetId=subnet, AllocationId="eipalloc-12345678")
    ec2.fails(
        "create_nat_gateway",
        "InvalidParameterCombination",
        SubnetId=subnet,
        AllocationId=allocation,
        ConnectivityType="private",
    )


async def test_a_nat_gateway_that_cannot_be_made_fails(running: Ec2) -> None:
    ec2 = running
    vpc_id = ec2.vpc()
    subnet = ec2.subnet(vpc_id)
    allocation = ec2.allocate_address()["AllocationId"]

    async def failure(**parameters: Any) -> tuple[str, str]:
        made = ec2.create_nat_gateway(SubnetId=subnet, **parameters)["NatGateway"]
        assert made["State"] == "pending" and "FailureCode" not in made
        await ec2.cloud.clock.settle()
        (nat,) = ec2.describe_nat_gateways(NatGatewayIds=[made["NatGatewayId"]])["NatGateways"]
        assert nat["State"] == "failed" and nat["DeleteTime"] and "PrivateIp" not in nat["NatGatewayAddresses"][0]
        return nat["FailureCode"], nat["FailureMessage"]

    missing = ("Gateway.NotAttached", f"Network {vpc_id} has no Internet gateway attached")
    assert await failure(AllocationId=allocation) == missing
    gateway = ec2.gateway(vpc_id)
    ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=ec2.interface(subnet))
    taken = ("Resource.AlreadyAssociated", f"Elastic IP address {allocation} is already associated")
    assert await failure(AllocationId=allocation) == taken
    small = ec2.subnet(vpc_id, "10.0.9.0/28")
    ec2.interface(small, SecondaryPrivateIpAddressCount=9)
    nat_id = ec2.create_nat_gateway(SubnetId=small, ConnectivityType="private", SecondaryPrivateIpAddressCount=1)[
        "NatGateway"
    ]["NatGatewayId"]
    await ec2.cloud.clock.settle()
    assert nat_state(ec2, nat_id) == "failed"
    for each in ec2.describe_network_interfaces()["NetworkInterfaces"]:
        ec2.delete_network_interface(NetworkInterfaceId=each["NetworkInterfaceId"])
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    ec2.delete_subnet(SubnetId=small)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc_id)
    await ec2.cloud.clock.advance(3601)
    assert ec2.describe_nat_gateways()["NatGateways"] == []


def test_machines_without_namespaces_refuse_by_name(ec2: Ec2, fabric: Fabric) -> None:
    _, subnet = public_subnet(ec2)
    allocation = ec2.allocate_address()["AllocationId"]
    fabric.capabilities.complete = False
    try:
        error = ec2.fails("create_nat_gateway", "UnsupportedOperation", SubnetId=subnet, AllocationId=allocation)
    finally:
        fabric.capabilities.complete = True
    assert "A NAT gateway is not possible on this machine: the kernel says no" in error.message


# -- peering -----------------------------------------------------------------------------------------------------------


def request_peering(ec2: Ec2, **more: Any) -> str:
    vpc_id, peer = ec2.vpc(), ec2.vpc("10.1.0.0/16")
    answer = ec2.create_vpc_peering_connection(VpcId=vpc_id, **{"PeerVpcId": peer, **more})["VpcPeeringConnection"]
    assert answer["Status"]["Code"] == "initiating-request"
    return str(answer["VpcPeeringConnectionId"])


def peering(ec2: Ec2, peering_id: str) -> dict[str, Any]:
    found = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering_id])["VpcPeeringConnections"]
    return dict(found[0])


async def test_a_peering_from_request_to_end(running: Ec2) -> None:
    ec2 = running
    peering_id = request_peering(ec2)
    assert peering(ec2, peering_id)["Status"]["Code"] == "pending-acceptance"
    accepted = ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)["VpcPeeringConnection"]
    assert accepted["Status"]["Code"] == "provisioning"
    await ec2.cloud.clock.settle()
    found = peering(ec2, peering_id)
    assert found["Status"] == {"Code": "active", "Message": "Active"}
    assert found["AccepterVpcInfo"]["CidrBlockSet"] == [{"CidrBlock": "10.1.0.0/16"}]
    vpc_id = found["RequesterVpcInfo"]["VpcId"]
    table = ec2.main_table(vpc_id)["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering_id)
    ec2.fails("delete_vpc", "DependencyViolation", VpcId=vpc_id)
    wanted = {"AccepterPeeringConnectionOptions": {"AllowDnsResolutionFromRemoteVpc": True}}
    for side in (vpc_id, found["AccepterVpcInfo"]["VpcId"]):
        ec2.fails(
            "modify_vpc_peering_connection_options",
            "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled",
            VpcPeeringConnectionId=peering_id,
            **wanted,
        )
        ec2.modify_vpc_attribute(VpcId=side, EnableDnsHostnames={"Value": True})
    options = ec2.modify_vpc_peering_connection_options(VpcPeeringConnectionId=peering_id, **wanted)
    assert options["AccepterPeeringConnectionOptions"]["AllowDnsResolutionFromRemoteVpc"] is True
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    await ec2.cloud.clock.settle()
    assert peering(ec2, peering_id)["Status"]["Code"] == "deleted"
    assert ec2.main_table(vpc_id)["Routes"][1]["State"] == "blackhole"
    await ec2.cloud.clock.advance(7201)
    ec2.fails(
        "describe_vpc_peering_connections",
        "InvalidVpcPeeringConnectionID.NotFound",
        VpcPeeringConnectionIds=[peering_id],
    )


async def test_blocks_of_peered_vpcs_never_overlap(running: Ec2) -> None:
    ec2 = running
    peering_id = request_peering(ec2)
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    await ec2.cloud.clock.settle()
    sides = peering(ec2, peering_id)
    requester, accepter = (sides[f"{side}VpcInfo"]["VpcId"] for side in ("Requester", "Accepter"))
    ec2.fails("associate_vpc_cidr_block", "InvalidVpc.Range", VpcId=requester, CidrBlock="10.1.128.0/20")
    ec2.fails("associate_vpc_cidr_block", "InvalidVpc.Range", VpcId=accepter, CidrBlock="10.0.0.0/16")
    ec2.associate_vpc_cidr_block(VpcId=accepter, CidrBlock="10.7.0.0/16")
    assert peering(ec2, peering_id)["AccepterVpcInfo"]["CidrBlockSet"] == [
        {"CidrBlock": "10.1.0.0/16"},
        {"CidrBlock": "10.7.0.0/16"},
    ]
    other = ec2.vpc("10.8.0.0/16")
    pending = ec2.create_vpc_peering_connection(VpcId=accepter, PeerVpcId=other)["VpcPeeringConnection"]
    ec2.associate_vpc_cidr_block(VpcId=other, CidrBlock="10.7.128.0/20")
    answer = ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=pending["VpcPeeringConnectionId"])
    assert answer["VpcPeeringConnection"]["Status"]["Code"] == "failed"


async def test_a_request_expires_after_seven_days(running: Ec2) -> None:
    peering_id = request_peering(running)
    await running.cloud.clock.advance(7 * 86_400 - 10)
    assert peering(running, peering_id)["Status"]["Code"] == "pending-acceptance"
    await running.cloud.clock.advance(20)
    assert peering(running, peering_id)["Status"]["Code"] == "expired"
    running.fails("accept_vpc_peering_connection", "InvalidStateTransition", VpcPeeringConnectionId=peering_id)


def test_rejecting(ec2: Ec2) -> None:
    peering_id = request_peering(ec2)
    ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    assert peering(ec2, peering_id)["Status"]["Code"] == "rejected"
    ec2.fails("accept_vpc_peering_connection", "InvalidStateTransition", VpcPeeringConnectionId=peering_id)


def test_overlapping_blocks_fail(ec2: Ec2) -> None:
    one, two = ec2.vpc(), ec2.vpc()
    answer = ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=two)["VpcPeeringConnection"]
    assert answer["Status"]["Code"] == "failed"


async def test_across_accounts_only_the_accepter_accepts(running: Ec2) -> None:
    ec2 = running
    other = ec2.elsewhere(account="444455556666", region="eu-west-1")
    theirs = other.vpc("10.1.0.0/16")
    answer = ec2.create_vpc_peering_connection(
        VpcId=ec2.vpc(),
        PeerVpcId=theirs,
        PeerOwnerId="444455556666",
        PeerRegion="eu-west-1",
        TagSpecifications=[{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "Side", "Value": "ours"}]}],
    )
    peering_id = answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.fails("accept_vpc_peering_connection", "OperationNotPermitted", VpcPeeringConnectionId=peering_id)
    stranger = ec2.elsewhere(account="777788889999")
    stranger.fails(
        "accept_vpc_peering_connection",
        "InvalidVpcPeeringConnectionID.NotFound",
        VpcPeeringConnectionId=peering_id,
    )
    other.create_tags(Resources=[peering_id], Tags=[{"Key": "Side", "Value": "theirs"}])
    other.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    await ec2.cloud.clock.settle()
    assert peering(ec2, peering_id)["Status"]["Code"] == "active"
    assert peering(ec2, peering_id)["Tags"] == [{"Key": "Side", "Value": "ours"}]
    assert peering(other, peering_id)["Tags"] == [{"Key": "Side", "Value": "theirs"}]


async def test_groups_across_a_peering(running: Ec2) -> None:
    ec2 = running
    peering_id = request_peering(ec2)
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    await ec2.cloud.clock.settle()
    found = peering(ec2, peering_id)
    mine = ec2.group(found["RequesterVpcInfo"]["VpcId"])
    peer_vpc = found["AccepterVpcInfo"]["VpcId"]
    theirs = ec2.group(peer_vpc, "theirs")
    permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": theirs}]}
    (rule,) = ec2.authorize_security_group_ingress(GroupId=mine, IpPermissions=[permission])["SecurityGroupRules"]
    assert rule["ReferencedGroupInfo"] == {
        "GroupId": theirs,
        "UserId": ec2.scope.account,
        "VpcId": peer_vpc,
        "VpcPeeringConnectionId": peering_id,
        "PeeringStatus": "active",
    }
    (reference,) = ec2.describe_security_group_references(GroupId=[theirs])["SecurityGroupReferenceSet"]
    assert reference["VpcPeeringConnectionId"] == peering_id
    ec2.delete_security_group(GroupId=theirs)
    stale = ec2.describe_stale_security_groups(VpcId=found["RequesterVpcInfo"]["VpcId"])["StaleSecurityGroupSet"]
    assert stale[0]["StaleIpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == theirs
