"""Networks and load balancers by template: made, changed, taken back and deleted, and what flows through them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.programs import Program
from tests.support.stacks import Deployed

pytestmark = pytest.mark.timeout(300)

_HERE = Path(__file__).parent
SITE = (_HERE / "site.yaml").read_text()
SHOP: dict[str, Any] = json.loads((_HERE / "cdk_shop.template.json").read_text())
"""What CDK makes of a VPC with one NAT gateway and an S3 endpoint, and an Application Load Balancer in it."""


@pytest.fixture
def site(account: Account) -> Deployed:
    return Deployed(account, "site")


def left(account: Account) -> dict[str, int]:
    """How much an account has of what these stacks make."""
    ec2, elbv2 = account.ec2, account.elbv2
    nats = [each for each in ec2.describe_nat_gateways()["NatGateways"] if each["State"] != "deleted"]
    return {
        "vpcs": len(ec2.describe_vpcs()["Vpcs"]),
        "subnets": len(ec2.describe_subnets()["Subnets"]),
        "tables": len(ec2.describe_route_tables()["RouteTables"]),
        "groups": len(ec2.describe_security_groups()["SecurityGroups"]),
        "gateways": len(ec2.describe_internet_gateways()["InternetGateways"]),
        "addresses": len(ec2.describe_addresses()["Addresses"]),
        "interfaces": len(ec2.describe_network_interfaces()["NetworkInterfaces"]),
        "endpoints": len(ec2.describe_vpc_endpoints()["VpcEndpoints"]),
        "nats": len(nats),
        "balancers": len(elbv2.describe_load_balancers()["LoadBalancers"]),
        "target groups": len(elbv2.describe_target_groups()["TargetGroups"]),
    }


def test_what_cdk_makes_of_a_shop(account: Account) -> None:
    before = left(account)
    shop = Deployed(account, "shop")
    assert shop.create(json.dumps(SHOP)) == "CREATE_COMPLETE", shop.reasons()
    made = shop.physical()
    ec2, elbv2 = account.ec2, account.elbv2
    (private,) = ec2.describe_route_tables(RouteTableIds=[made["VpcPrivateSubnet1RouteTableB2C5B500"]])["RouteTables"]
    targets = {route.get("NatGatewayId") or route["GatewayId"]: route["State"] for route in private["Routes"]}
    assert targets == {
        "local": "active",
        made["VpcPublicSubnet1NATGateway4D7517AA"]: "active",
        made["VpcS3A5408339"]: "active",
    }
    assert [each["SubnetId"] for each in private["Associations"]] == [made["VpcPrivateSubnet1Subnet536B997A"]]
    (nat,) = ec2.describe_nat_gateways()["NatGateways"]
    assert nat["NatGatewayAddresses"][0]["PublicIp"] == made["VpcPublicSubnet1EIPD7E02669"]
    assert made["VpcVPCGWBF912B6E"] == f"IGW|{made['Vpc8378EB38']}"
    (group,) = ec2.describe_security_groups(GroupIds=[made["AlbSecurityGroup580F65A6"]])["SecurityGroups"]
    assert [each["IpRanges"][0]["CidrIp"] for each in group["IpPermissionsEgress"]] == ["255.255.255.255/32"]
    tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
    assert tags["aws:cloudformation:stack-id"] == shop.stack_id
    assert shop.outputs["Dns"] == elbv2.describe_load_balancers()["LoadBalancers"][0]["DNSName"]
    assert account.curl(shop.outputs["Dns"], "/").status == 404

    changed: dict[str, Any] = json.loads(json.dumps(SHOP).replace("/health1", "/health2").replace("128.101", "128.102"))
    resources = changed["Resources"]
    resources["AlbHttpShopRuleD76A57B6"]["Properties"]["Priority"] = 20
    for each in resources.values():
        for tag in each["Properties"].get("Tags", ()):
            tag["Value"] = "2" if tag["Key"] == "Step" else tag["Value"]
    assert shop.update(json.dumps(changed)) == "UPDATE_COMPLETE", shop.reasons()
    assert shop.physical() == made, "nothing was replaced"
    (vpc,) = ec2.describe_vpcs(VpcIds=[made["Vpc8378EB38"]])["Vpcs"]
    assert {"Key": "Step", "Value": "2"} in vpc["Tags"]
    health = elbv2.describe_target_health(TargetGroupArn=made["GroupC77FDACD"])["TargetHealthDescriptions"]
    serving = [each["Target"]["Id"] for each in health if each["TargetHealth"]["State"] != "draining"]
    assert serving == ["10.0.128.102"]

    assert shop.delete() == "DELETE_COMPLETE", shop.reasons()
    assert left(account) == before


def test_a_site_serves_and_changes(site: Deployed, program: Callable[[str], Program]) -> None:
    account = site.account
    before = left(account)
    assert site.create(SITE) == "CREATE_COMPLETE", site.reasons()
    made, out = site.physical(), site.outputs
    assert account.curl(out["Host"]).body == b"hello"
    assert account.curl(out["Host"], "/shop").status == 503, "nobody has joined"

    address = account.attach(program("red"), out["Subnet"], out["Back"])
    assert site.update(SITE, Target=address, Greeting="welcome") == "UPDATE_COMPLETE", site.reasons()
    account.cloud.advance("30s")
    assert account.curl(out["Host"]).body == b"welcome"
    assert account.curl(out["Host"], "/shop").status == 200
    assert site.physical() == made

    broken = {"Target": address, "Greeting": "never", "Priority": "30", "Second": "broken"}
    assert site.update(SITE, **broken) == "UPDATE_ROLLBACK_COMPLETE", site.reasons()
    assert any("Priority '30' is currently in use" in each for each in site.reasons())
    assert account.curl(out["Host"]).body == b"welcome"
    assert account.curl(out["Host"], "/shop").status == 200
    (listener,) = account.elbv2.describe_listeners(LoadBalancerArn=made["Balancer"])["Listeners"]
    rules = account.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    assert [rule["Priority"] for rule in rules] == ["10", "default"]

    account.detach(address)
    assert site.delete() == "DELETE_COMPLETE", site.reasons()
    assert left(account) == before


PLAIN = """
Parameters:
  Block: {Type: String, Default: '10.40'}
  Broken: {Type: String, Default: 'no'}
Conditions:
  Broken: !Equals [!Ref Broken, 'yes']
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Sub '${Block}.0.0/16'}}
  Gateway: {Type: AWS::EC2::InternetGateway}
  Attachment:
    Type: AWS::EC2::VPCGatewayAttachment
    Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  Out:
    Type: AWS::EC2::Route
    DependsOn: Attachment
    Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: !Sub '${Block}.0.0/24'}}
  InTable:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {SubnetId: !Ref Subnet, RouteTableId: !Ref Table}
  Acl: {Type: AWS::EC2::NetworkAcl, Properties: {VpcId: !Ref Vpc}}
  Entry:
    Type: AWS::EC2::NetworkAclEntry
    Properties: {NetworkAclId: !Ref Acl, RuleNumber: 7, Protocol: -1, RuleAction: allow, CidrBlock: 0.0.0.0/0}
  InAcl:
    Type: AWS::EC2::SubnetNetworkAclAssociation
    Properties: {SubnetId: !Ref Subnet, NetworkAclId: !Ref Acl}
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties: {VpcId: !Ref Vpc, GroupDescription: web}
  FromWeb:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref Web, IpProtocol: '-1', SourceSecurityGroupId: !Ref Web}
  Nothing:
    Type: AWS::EC2::Subnet
    Condition: Broken
    DependsOn: [Out, InTable, InAcl, FromWeb, Entry]
    Properties: {VpcId: !Ref Vpc, CidrBlock: 192.0.2.0/24}
"""


def plain(account: Account) -> dict[str, Any]:
    """Which VPC the gateway of an account is attached to, and where subnets lead."""
    ec2 = account.ec2
    (gateway,) = ec2.describe_internet_gateways(Filters=[{"Name": "tag-key", "Values": ["aws:*:stack-id"]}])[
        "InternetGateways"
    ]
    vpc_id = gateway["Attachments"][0]["VpcId"]
    of_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]
    (table,) = ec2.describe_route_tables(Filters=[*of_vpc, {"Name": "association.main", "Values": ["false"]}])[
        "RouteTables"
    ]
    (acl,) = ec2.describe_network_acls(Filters=[*of_vpc, {"Name": "default", "Values": ["false"]}])["NetworkAcls"]
    (subnet,) = ec2.describe_subnets(Filters=of_vpc)["Subnets"]
    return {
        "vpc": ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["CidrBlock"],
        "routes": {route["DestinationCidrBlock"]: route["State"] for route in table["Routes"]},
        "in table": [each["SubnetId"] for each in table["Associations"]] == [subnet["SubnetId"]],
        "in acl": [each["SubnetId"] for each in acl["Associations"]] == [subnet["SubnetId"]],
    }


def test_a_replaced_network_takes_everything_along(account: Account) -> None:
    before = left(account)
    stack = Deployed(account, "plain")
    assert stack.create(PLAIN) == "CREATE_COMPLETE", stack.reasons()
    made, whole = stack.physical(), left(account)
    fine = {"routes": {"10.40.0.0/16": "active", "0.0.0.0/0": "active"}, "in table": True, "in acl": True}
    assert plain(account) == {"vpc": "10.40.0.0/16"} | fine
    assert stack.update(PLAIN, Block="10.41") == "UPDATE_COMPLETE", stack.reasons()
    now = stack.physical()
    assert {name for name in made if made[name] == now[name]} == {"Gateway"}
    fine["routes"] = {"10.41.0.0/16": "active", "0.0.0.0/0": "active"}
    assert plain(account) == {"vpc": "10.41.0.0/16"} | fine
    assert left(account) == whole
    assert stack.update(PLAIN, Block="10.42", Broken="yes") == "UPDATE_ROLLBACK_COMPLETE", stack.reasons()
    assert plain(account) == {"vpc": "10.41.0.0/16"} | fine
    assert left(account) == whole
    elsewhere = PLAIN.replace("RouteTableId: !Ref Table}\n  Acl", "RouteTableId: !Ref Other}\n  Acl")
    elsewhere += "  Other: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}\n"
    assert "!Ref Other}" in elsewhere
    assert stack.update(elsewhere, Block="10.41", Broken="yes") == "UPDATE_ROLLBACK_COMPLETE", stack.reasons()
    assert plain(account) == {"vpc": "10.41.0.0/16"} | fine, "what took the place of another has given it back"
    assert left(account) == whole
    assert stack.delete() == "DELETE_COMPLETE", stack.reasons()
    assert left(account) == before


def test_a_cloud_that_is_killed_goes_on(own_cloud: RunningCloud) -> None:
    account = Account(own_cloud, fresh_number())
    before = left(account)
    site = Deployed(account, "site")

    def kill() -> None:
        pid = next(each["pid"] for each in own_cloud.json("status")["processes"] if each["name"] == "cloud")
        os.kill(pid, signal.SIGKILL)
        until(lambda: _is_back(own_cloud, pid), "it is back", 30)

    answer = account.cloudformation.create_stack(StackName="site", TemplateBody=SITE)
    site.stack_id = answer["StackId"]
    for _ in range(3):
        kill()
    assert site.settled() == "CREATE_COMPLETE", site.reasons()
    counted = left(account)
    assert (counted["vpcs"], counted["balancers"], counted["gateways"]) == (
        before["vpcs"] + 1,
        before["balancers"] + 1,
        before["gateways"] + 1,
    )
    account.cloudformation.delete_stack(StackName="site")
    kill()
    assert site.settled() == "DELETE_COMPLETE", site.reasons()
    assert left(account) == before


def _is_back(cloud: RunningCloud, killed: int) -> bool:
    pids = [each["pid"] for each in cloud.json("status")["processes"] if each["name"] == "cloud"]
    return bool(pids) and pids != [killed]
