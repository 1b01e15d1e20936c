from __future__ import annotations

import pytest

from .conftest import Ec2


def test_a_new_vpc_has_its_default_parts(ec2: Ec2) -> None:
    answer = ec2.create_vpc(
        CidrBlock="10.1.2.3/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "main"}]}],
    )["Vpc"]
    assert answer["State"] == "pending"
    assert answer["CidrBlock"] == "10.1.0.0/16"
    vpc_id = answer["VpcId"]
    (vpc,) = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"]
    assert vpc["State"] == "available"
    assert vpc["Tags"] == [{"Key": "Name", "Value": "main"}]
    assert vpc["CidrBlockAssociationSet"][0]["CidrBlockState"] == {"State": "associated"}
    of_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]
    table = ec2.main_table(vpc_id)
    assert table["Routes"] == [
        {
            "DestinationCidrBlock": "10.1.0.0/16",
            "GatewayId": "local",
            "Origin": "CreateRouteTable",
            "State": "active",
        }
    ]
    (acl,) = ec2.describe_network_acls(Filters=[*of_vpc, {"Name": "default", "Values": ["true"]}])["NetworkAcls"]
    assert [(e["Egress"], e["RuleNumber"], e["RuleAction"]) for e in acl["Entries"]] == [
        (True, 100, "allow"),
        (True, 32767, "deny"),
        (False, 100, "allow"),
        (False, 32767, "deny"),
    ]
    (group,) = ec2.describe_security_groups(Filters=[*of_vpc, {"Name": "group-name", "Values": ["default"]}])[
        "SecurityGroups"
    ]
    assert group["IpPermissions"][0]["UserIdGroupPairs"] == [{"UserId": ec2.scope.account, "GroupId": group["GroupId"]}]
    assert group["IpPermissionsEgress"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]


@pytest.mark.parametrize(
    ("block", "code", "message"),
    [
        ("10.0.0.0/8", "InvalidVpc.Range", "The CIDR '10.0.0.0/8' is invalid."),
        ("10.0.0.0/29", "InvalidVpc.Range", "The CIDR '10.0.0.0/29' is invalid."),
        ("169.254.0.0/16", "InvalidVpc.Range", "The CIDR '169.254.0.0/16' is invalid."),
        (
            "10.0.0.0",
            "InvalidParameterValue",
            "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        ),
        (
            "10.0.0.256/16",
            "InvalidParameterValue",
            "Value (10.0.0.256/16) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        ),
    ],
)
def test_bad_blocks(ec2: Ec2, block: str, code: str, message: str) -> None:
    ec2.fails("create_vpc", code, message, CidrBlock=block)


def test_ids_that_name_nothing(ec2: Ec2) -> None:
    missing = "vpc-0123456789abcdef0"
    ec2.fails("describe_vpcs", "InvalidVpcID.NotFound", f"The vpc ID '{missing}' does not exist", VpcIds=[missing])
    ec2.fails("delete_vpc", "InvalidVpcID.NotFound", VpcId=missing)
    ec2.fails(
        "describe_vpcs",
        "InvalidVpcID.NotFound",
        f"The vpc IDs '{missing}, vpc-11111111' do not exist",
        VpcIds=[missing, "vpc-11111111"],
    )
    ec2.fails("delete_vpc", "InvalidVpcID.Malformed", 'Invalid id: "main" (expecting "vpc-...")', VpcId="main")
    ec2.fails("delete_vpc", "InvalidVpcID.Malformed", 'Invalid id: "vpc-xyz"', VpcId="vpc-xyz")


def test_attributes(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()

    def attribute(name: str, member: str) -> bool:
        return bool(ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)[member]["Value"])

    assert attribute("enableDnsSupport", "EnableDnsSupport") is True
    assert attribute("enableDnsHostnames", "EnableDnsHostnames") is False
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": False})
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableNetworkAddressUsageMetrics={"Value": True})
    assert attribute("enableDnsSupport", "EnableDnsSupport") is False
    assert attribute("enableDnsHostnames", "EnableDnsHostnames") is True
    assert attribute("enableNetworkAddressUsageMetrics", "EnableNetworkAddressUsageMetrics") is True
    ec2.fails(
        "modify_vpc_attribute",
        "InvalidParameterCombination",
        VpcId=vpc_id,
        EnableDnsHostnames={"Value": True},
        EnableDnsSupport={"Value": True},
    )


def test_a_vpc_with_anything_in_it_stays(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    message = f"The vpc '{vpc_id}' has dependencies and cannot be deleted."
    subnet = ec2.subnet(vpc_id)
    ec2.fails("delete_vpc", "DependencyViolation", message, VpcId=vpc_id)
    ec2.delete_subnet(SubnetId=subnet)
    gateway = ec2.gateway(vpc_id)
    ec2.fails("delete_vpc", "DependencyViolation", message, VpcId=vpc_id)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    group = ec2.group(vpc_id)
    ec2.fails("delete_vpc", "DependencyViolation", message, VpcId=vpc_id)
    ec2.delete_security_group(GroupId=group)
    table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.fails("delete_vpc", "DependencyViolation", message, VpcId=vpc_id)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_vpc(VpcId=vpc_id)
    ec2.fails("describe_vpcs", "InvalidVpcID.NotFound", VpcIds=[vpc_id])
    of_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]
    for what, member in (
        ("describe_route_tables", "RouteTables"),
        ("describe_network_acls", "NetworkAcls"),
        ("describe_security_groups", "SecurityGroups"),
    ):
        assert getattr(ec2, what)(Filters=of_vpc)[member] == []


def test_secondary_blocks(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    answer = ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.1.0.0/16")["CidrBlockAssociation"]
    assert answer["CidrBlockState"] == {"State": "associating"}
    routes = ec2.main_table(vpc_id)["Routes"]
    assert {route["DestinationCidrBlock"] for route in routes} == {"10.0.0.0/16", "10.1.0.0/16"}
    ec2.fails("associate_vpc_cidr_block", "InvalidVpc.Range", VpcId=vpc_id, CidrBlock="10.1.128.0/20")
    ec2.fails("associate_vpc_cidr_block", "InvalidVpc.Range", VpcId=vpc_id, CidrBlock="192.168.0.0/16")
    ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="100.64.0.0/16")
    subnet = ec2.subnet(vpc_id, "10.1.5.0/24")
    ec2.fails("disassociate_vpc_cidr_block", "InvalidCidr.InUse", AssociationId=answer["AssociationId"])
    ec2.delete_subnet(SubnetId=subnet)
    ec2.disassociate_vpc_cidr_block(AssociationId=answer["AssociationId"])
    routes = ec2.main_table(vpc_id)["Routes"]
    assert {route["DestinationCidrBlock"] for route in routes} == {"10.0.0.0/16", "100.64.0.0/16"}
    primary = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["CidrBlockAssociationSet"][0]["AssociationId"]
    ec2.fails("disassociate_vpc_cidr_block", "OperationNotPermitted", AssociationId=primary)
    ec2.fails("disassociate_vpc_cidr_block", "InvalidVpcCidrBlockAssociationID.NotFound", AssociationId="none")


def test_ipv6_is_refused_by_name(ec2: Ec2) -> None:
    error = ec2.fails("create_vpc", "NotImplemented", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)
    assert "AmazonProvidedIpv6CidrBlock" in error.message
    # Saying no is as good as saying nothing.
    ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=False)


def test_a_dry_run_changes_nothing(ec2: Ec2) -> None:
    before = len(ec2.describe_vpcs()["Vpcs"])
    error = ec2.fails(
        "create_vpc",
        "DryRunOperation",
        "Request would have succeeded, but DryRun flag is set.",
        CidrBlock="10.0.0.0/16",
        DryRun=True,
    )
    assert error.status == 412
    assert len(ec2.describe_vpcs()["Vpcs"]) == before
    ec2.fails("create_vpc", "InvalidVpc.Range", CidrBlock="10.0.0.0/8", DryRun=True)


def test_an_answer_changes_with_the_record(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    first = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
    assert ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0] is first
    ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "a", "Value": "b"}])
    assert ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["Tags"] == [{"Key": "a", "Value": "b"}]
    assert "Tags" not in first
