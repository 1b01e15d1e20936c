from __future__ import annotations

from .conftest import Ec2

MISSING = "vpc-0123456789abcdef0"


def test_pages_follow_each_other(ec2: Ec2) -> None:
    every = [ec2.describe_vpcs()["Vpcs"][0]["VpcId"]] + [ec2.vpc(f"10.{n}.0.0/16") for n in range(11)]
    seen = []
    token: dict[str, str] = {}
    while True:
        page = ec2.describe_vpcs(MaxResults=5, **token)
        seen += [vpc["VpcId"] for vpc in page["Vpcs"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert seen == every


def test_a_token_belongs_to_its_call(ec2: Ec2) -> None:
    token = ec2.describe_subnets(MaxResults=5)["NextToken"]
    assert len(ec2.describe_subnets(MaxResults=5, NextToken=token)["Subnets"]) == 1
    ec2.fails("describe_vpcs", "InvalidNextToken", NextToken=token)
    ec2.fails("describe_vpcs", "InvalidNextToken", NextToken="!!")
    ec2.fails("describe_vpcs", "InvalidNextToken", NextToken="aGVsbG8=")


def test_pages_and_ids_exclude_each_other_where_aws_says_so(ec2: Ec2) -> None:
    interface = ec2.interface(ec2.subnet(ec2.vpc()))
    ec2.fails(
        "describe_network_interfaces",
        "InvalidParameterCombination",
        "The parameter networkInterfaceIds cannot be used with the parameter maxResults",
        NetworkInterfaceIds=[interface],
        MaxResults=5,
    )


def test_pages_of_no_size_are_refused(ec2: Ec2) -> None:
    ec2.create_tags(Resources=[ec2.vpc()], Tags=[{"Key": str(n), "Value": "x"} for n in range(9)])
    few = "Value ( {} ) for parameter maxResults is invalid. Expecting a value greater than {}."
    ec2.fails("describe_tags", "InvalidParameterValue", few.format(-3, 5), MaxResults=-3)
    ec2.fails("describe_tags", "InvalidParameterValue", few.format(4, 5), MaxResults=4)
    ec2.fails("describe_vpc_endpoint_services", "InvalidParameterValue", few.format(0, 1), MaxResults=0)
    assert len(ec2.describe_tags(MaxResults=5)["Tags"]) == 5
    assert len(ec2.describe_vpc_endpoint_services(MaxResults=5000)["ServiceDetails"]) > 5


def test_tags_of_many_kinds(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    subnet = ec2.subnet(vpc_id)
    group = ec2.group(vpc_id)
    rule = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"][0]
    resources = [vpc_id, subnet, group, rule["SecurityGroupRuleId"], ec2.gateway(vpc_id), ec2.interface(subnet)]
    resources += [ec2.allocate_address()["AllocationId"]]
    ec2.create_tags(Resources=resources, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "a", "Value": "3"}])
    found = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["a"]}])["Tags"]
    assert {tag["ResourceId"] for tag in found} == set(resources)
    assert {tag["ResourceType"] for tag in found} == {
        "vpc",
        "subnet",
        "security-group",
        "security-group-rule",
        "internet-gateway",
        "network-interface",
        "elastic-ip",
    }
    both = [{"Name": "resource-id", "Values": [vpc_id]}, {"Name": "tag:a", "Values": ["3"]}]
    assert ec2.describe_tags(Filters=both)["Tags"] == [
        {"Key": "a", "ResourceId": vpc_id, "ResourceType": "vpc", "Value": "3"}
    ]
    assert ec2.describe_tags(Filters=[{"Name": "tag:b", "Values": ["3"]}])["Tags"] == []
    ec2.delete_tags(Resources=[vpc_id], Tags=[{"Key": "a", "Value": "wrong"}, {"Key": "b"}])
    assert ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["Tags"] == [{"Key": "a", "Value": "3"}]
    ec2.delete_tags(Resources=[vpc_id])
    assert "Tags" not in ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]


def test_tags_that_aws_forbids(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()

    def refused(code: str, *tags: tuple[str, str]) -> None:
        ec2.fails("create_tags", code, Resources=[vpc_id], Tags=[{"Key": k, "Value": v} for k, v in tags])

    refused("InvalidParameterValue", ("aws:x", "1"))
    refused("InvalidParameterValue", ("x", "1"), ("x", "2"))
    refused("InvalidParameterValue", ("k" * 128, "1"))
    refused("InvalidParameterValue", ("k", "v" * 256))
    refused("TagLimitExceeded", *((str(n), "") for n in range(51)))
    ec2.fails("create_tags", "InvalidVpcID.NotFound", Resources=[vpc_id, MISSING], Tags=[{"Key": "a", "Value": "b"}])
    assert "Tags" not in ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
    ec2.fails("create_tags", "InvalidID", Resources=["what"], Tags=[{"Key": "a", "Value": "b"}])
    wrong = [{"ResourceType": "subnet", "Tags": [{"Key": "a", "Value": "b"}]}]
    ec2.fails("create_vpc", "InvalidParameterValue", CidrBlock="10.0.0.0/16", TagSpecifications=wrong)
    for message, specification in (
        ("Tag specification must have at least one tag", {"ResourceType": "vpc", "Tags": []}),
        ("Tag specification resource type must have a value", {"Tags": [{"Key": "a", "Value": "b"}]}),
    ):
        ec2.fails(
            "create_vpc", "InvalidParameterValue", message, CidrBlock="10.0.0.0/16", TagSpecifications=[specification]
        )


def test_a_client_token_makes_one_thing(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    first = ec2.create_route_table(VpcId=vpc_id, ClientToken="t1")
    again = ec2.create_route_table(VpcId=vpc_id, ClientToken="t1")
    assert again["RouteTable"]["RouteTableId"] == first["RouteTable"]["RouteTableId"]
    assert first["ClientToken"] == "t1"
    other = ec2.vpc("10.9.0.0/16")
    ec2.fails("create_route_table", "IdempotentParameterMismatch", VpcId=other, ClientToken="t1")
    second = ec2.create_route_table(VpcId=vpc_id, ClientToken="t2")
    assert second["RouteTable"]["RouteTableId"] != first["RouteTable"]["RouteTableId"]


async def test_a_client_token_is_forgotten_after_a_day(ec2: Ec2) -> None:
    vpc_id = ec2.vpc()
    first = ec2.create_route_table(VpcId=vpc_id, ClientToken="t1")["RouteTable"]["RouteTableId"]
    await ec2.cloud.clock.advance(86_401)
    assert ec2.create_route_table(VpcId=vpc_id, ClientToken="t1")["RouteTable"]["RouteTableId"] != first
