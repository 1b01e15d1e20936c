"""The main job with nothing but the AWS CLI: a network, a load balancer, two programs, real traffic."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.aws import Account
from tests.support.programs import Program
from tests.support.stack import colours


def test_a_person_builds_it_with_the_cli(account: Account, program: Callable[[str], Program]) -> None:
    """From create-vpc to delete-vpc."""
    aws = account.cli
    vpc = aws("ec2", "create-vpc", "--cidr-block", "10.40.0.0/16")["Vpc"]["VpcId"]
    aws("ec2", "wait", "vpc-available", "--vpc-ids", vpc)
    subnets = [
        aws("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", cidr, "--availability-zone", zone)["Subnet"][
            "SubnetId"
        ]
        for cidr, zone in (("10.40.1.0/24", "us-east-1a"), ("10.40.2.0/24", "us-east-1b"))
    ]
    gateway = aws("ec2", "create-internet-gateway")["InternetGateway"]["InternetGatewayId"]
    aws("ec2", "attach-internet-gateway", "--internet-gateway-id", gateway, "--vpc-id", vpc)
    tables = aws("ec2", "describe-route-tables", "--filters", f"Name=vpc-id,Values={vpc}")["RouteTables"]
    route = ["--destination-cidr-block", "0.0.0.0/0", "--gateway-id", gateway]
    aws("ec2", "create-route", "--route-table-id", tables[0]["RouteTableId"], *route)
    groups = {}
    for name in ("front", "back"):
        made = aws("ec2", "create-security-group", "--group-name", name, "--description", name, "--vpc-id", vpc)
        groups[name] = made["GroupId"]
    permit = ["ec2", "authorize-security-group-ingress", "--protocol", "tcp", "--port", "80", "--group-id"]
    aws(*permit, groups["front"], "--cidr", "0.0.0.0/0")
    aws(*permit, groups["back"], "--source-group", groups["front"])

    made = aws(
        "elbv2", "create-load-balancer", "--name", "web", "--subnets", *subnets, "--security-groups", groups["front"]
    )
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    host = made["LoadBalancers"][0]["DNSName"]
    account.cloud.advance("5m")
    aws("elbv2", "wait", "load-balancer-available", "--load-balancer-arns", balancer)
    options = ["--protocol", "HTTP", "--port", "80", "--vpc-id", vpc, "--target-type", "ip"]
    options += ["--health-check-interval-seconds", "10", "--healthy-threshold-count", "2"]
    target_groups, addresses = {}, {}
    for colour in ("blue", "green"):
        created = aws("elbv2", "create-target-group", "--name", colour, *options)
        arn = target_groups[colour] = created["TargetGroups"][0]["TargetGroupArn"]
        addresses[colour] = account.attach(program(colour), subnets[0], groups["back"])
        aws("elbv2", "register-targets", "--target-group-arn", arn, "--targets", f"Id={addresses[colour]}")
    weights = [{"TargetGroupArn": arn, "Weight": 1} for arn in target_groups.values()]
    action = json.dumps([{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}])
    on = ["--load-balancer-arn", balancer, "--protocol", "HTTP", "--port", "80", "--default-actions", action]
    listener = aws("elbv2", "create-listener", *on)["Listeners"][0]["ListenerArn"]
    condition = "Field=path-pattern,PathPatternConfig={Values=[/green/*]}"
    only_green = f"Type=forward,TargetGroupArn={target_groups['green']}"
    rule = ["--listener-arn", listener, "--priority", "10", "--conditions", condition, "--actions", only_green]
    rule_arn = aws("elbv2", "create-rule", *rule)["Rules"][0]["RuleArn"]

    account.cloud.advance("30s")
    for colour, arn in target_groups.items():
        aws("elbv2", "wait", "target-in-service", "--target-group-arn", arn, "--targets", f"Id={addresses[colour]}")
    assert set(colours(account.curl(host) for _ in range(24))) == {"blue", "green"}
    assert colours(account.curl(host, "/green/x") for _ in range(6)) == {"green": 6}
    assert account.curl("web.elb.localhost").status == 200, "the short name"

    aws("elbv2", "delete-rule", "--rule-arn", rule_arn)
    aws("elbv2", "delete-load-balancer", "--load-balancer-arn", balancer)
    aws("elbv2", "wait", "load-balancers-deleted", "--load-balancer-arns", balancer)
    for colour, arn in target_groups.items():
        aws("elbv2", "delete-target-group", "--target-group-arn", arn)
        account.detach(addresses[colour])
    account.cloud.advance("5m")
    for name in ("back", "front"):
        aws("ec2", "delete-security-group", "--group-id", groups[name])
    aws("ec2", "detach-internet-gateway", "--internet-gateway-id", gateway, "--vpc-id", vpc)
    aws("ec2", "delete-internet-gateway", "--internet-gateway-id", gateway)
    for subnet in subnets:
        aws("ec2", "delete-subnet", "--subnet-id", subnet)
    aws("ec2", "delete-vpc", "--vpc-id", vpc)
    assert not [v for v in aws("ec2", "describe-vpcs")["Vpcs"] if not v["IsDefault"]]
