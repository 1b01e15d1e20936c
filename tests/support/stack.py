"""The least that carries traffic: a VPC with two public subnets and a load balancer over both."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from tests.support.aws import Account
from tests.support.curl import Answer
from tests.support.programs import Program

_names = itertools.count(1)


class Stack:
    """A VPC, a security group for load balancers, one for targets, and whatever a test adds."""

    def __init__(self, account: Account, zones: tuple[str, ...] = ("a", "b")) -> None:
        self.account = account
        ec2 = account.ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["RouteTables"]
        ec2.create_route(RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        self.subnets = [
            ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.30.{index}.0/24", AvailabilityZone=f"{account.region}{zone}"
            )["Subnet"]["SubnetId"]
            for index, zone in enumerate(zones)
        ]
        self.front = self.security_group("front", [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        from_front = [
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": self.front}]}
        ]
        self.back = self.security_group("back", from_front)

    def security_group(self, name: str, ingress: list[dict[str, Any]]) -> str:
        """A security group with these inbound permissions."""
        group: str = self.account.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]
        if ingress:
            self.account.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ingress)
        return group

    def load_balancer(self, groups: list[str] | None = None) -> dict[str, Any]:
        """An internet-facing Application Load Balancer over all subnets, active."""
        elbv2 = self.account.elbv2
        made: dict[str, Any] = elbv2.create_load_balancer(
            Name=f"lb-{next(_names)}", Subnets=self.subnets, SecurityGroups=groups or [self.front]
        )["LoadBalancers"][0]
        self.account.cloud.advance("5m")
        found: dict[str, Any] = elbv2.describe_load_balancers(LoadBalancerArns=[made["LoadBalancerArn"]])[
            "LoadBalancers"
        ][0]
        assert found["State"]["Code"] == "active", found["State"]
        return found

    def target_group(self, attributes: dict[str, str] | None = None, **options: Any) -> str:
        """A target group of ip targets on port 80; health is checked at /health."""
        elbv2 = self.account.elbv2
        settings = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5}
        settings |= {"HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2} | options
        arn: str = elbv2.create_target_group(
            Name=f"tg-{next(_names)}", Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip", **settings
        )["TargetGroups"][0]["TargetGroupArn"]
        if attributes:
            self.set_attributes(arn, attributes)
        return arn

    def set_attributes(self, arn: str, attributes: dict[str, str]) -> None:
        """ModifyTargetGroupAttributes."""
        pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
        self.account.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=pairs)

    def listener(self, load_balancer: dict[str, Any], *actions: dict[str, Any] | str, port: int = 80) -> str:
        """A listener with these default actions; a string stands for forwarding to that target group."""
        arn: str = self.account.elbv2.create_listener(
            LoadBalancerArn=load_balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=port,
            DefaultActions=[forward(a) if isinstance(a, str) else a for a in actions],
        )["Listeners"][0]["ListenerArn"]
        return arn

    def register(self, group: str, *addresses: str) -> None:
        """RegisterTargets."""
        self.account.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": address} for address in addresses])

    def deregister(self, group: str, *addresses: str) -> None:
        """DeregisterTargets."""
        self.account.elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": a} for a in addresses])

    def join(self, group: str, *programs: Program, subnet: int = 0) -> list[str]:
        """Attach programs to a subnet and register them; returns their addresses."""
        addresses = [self.account.attach(each, self.subnets[subnet], self.back) for each in programs]
        self.register(group, *addresses)
        return addresses

    def health(self, group: str) -> dict[str, tuple[str, str, str]]:
        """Per target address its state, reason code and description, as DescribeTargetHealth tells them."""
        found = self.account.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {
            each["Target"]["Id"]: (
                each["TargetHealth"]["State"],
                each["TargetHealth"].get("Reason", ""),
                each["TargetHealth"].get("Description", ""),
            )
            for each in found
        }

    def healthy(self, group: str, *addresses: str) -> None:
        """Let time pass until these targets ought to be healthy, and see that they are."""
        self.account.cloud.advance("30s")
        states = self.health(group)
        assert {a: states[a][0] for a in addresses} == dict.fromkeys(addresses, "healthy"), states


def forward(*groups: str) -> dict[str, Any]:
    """A forward action; with several target groups all weigh the same."""
    if len(groups) == 1:
        return {"Type": "forward", "TargetGroupArn": groups[0]}
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": g, "Weight": 1} for g in groups]}}


def weighted(weights: dict[str, int], sticky_seconds: int = 0) -> dict[str, Any]:
    """A forward action to weighted target groups."""
    config: dict[str, Any] = {"TargetGroups": [{"TargetGroupArn": g, "Weight": w} for g, w in weights.items()]}
    if sticky_seconds:
        config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": sticky_seconds}
    return {"Type": "forward", "ForwardConfig": config}


def fixed(status: int, text: str = "", kind: str = "text/plain") -> dict[str, Any]:
    """A fixed-response action."""
    config = {"StatusCode": str(status), "MessageBody": text, "ContentType": kind}
    return {"Type": "fixed-response", "FixedResponseConfig": config}


def colours(answers: Iterable[Answer]) -> dict[str | None, int]:
    """How many answers came from each program."""
    counted: dict[str | None, int] = {}
    for answer in answers:
        counted[answer.colour] = counted.get(answer.colour, 0) + 1
    return counted
