"""Records in the shape of the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.services.elbv2.resources import DEFAULT_PRIORITY, Listener, LoadBalancer, Rule, TargetGroup, Zone
from cloudarium.services.elbv2.zones import hosted_zone_id


def load_balancer(balancer: LoadBalancer, region: str) -> dict[str, Any]:
    """A load balancer."""
    state = {"Code": balancer.state}
    if balancer.state_reason:
        state["Reason"] = balancer.state_reason
    return {
        "LoadBalancerArn": balancer.arn,
        "DNSName": balancer.dns_name,
        "CanonicalHostedZoneId": hosted_zone_id(region),
        "CreatedTime": datetime.fromtimestamp(balancer.created, UTC),
        "LoadBalancerName": balancer.name,
        "Scheme": balancer.scheme,
        "VpcId": balancer.vpc_id,
        "State": state,
        "Type": "application",
        "AvailabilityZones": [zone(each) for each in balancer.zones],
        "SecurityGroups": list(balancer.security_groups),
        "IpAddressType": balancer.ip_address_type,
    }


def zone(each: Zone) -> dict[str, Any]:
    """An enabled Availability Zone."""
    return {"ZoneName": each.name, "SubnetId": each.subnet_id, "LoadBalancerAddresses": []}


def listener(ctx: Context, each: Listener) -> dict[str, Any]:
    """A listener with its default actions."""
    default = ctx.table(Rule).get(ctx.scope, each.default_rule_arn)
    return {
        "ListenerArn": each.arn,
        "LoadBalancerArn": each.load_balancer_arn,
        "Port": each.port,
        "Protocol": each.protocol,
        "DefaultActions": list(default.actions) if default is not None else [],
    }


def rule(each: Rule) -> dict[str, Any]:
    """A rule."""
    default = each.priority == DEFAULT_PRIORITY
    return {
        "RuleArn": each.arn,
        "Priority": "default" if default else str(each.priority),
        "Conditions": list(each.conditions),
        "Actions": list(each.actions),
        "IsDefault": default,
        "Transforms": list(each.transforms),
    }


def target_group(ctx: Context, group: TargetGroup) -> dict[str, Any]:
    """A target group."""
    check = group.health_check
    users = ctx.table(Rule).find(ctx.scope, "target_groups", group.arn)
    grpc = group.protocol_version == "GRPC"
    return {
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "Port": group.port,
        "VpcId": group.vpc_id,
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
        "HealthCheckPath": check.path,
        "Matcher": {"GrpcCode" if grpc else "HttpCode": check.matcher},
        "LoadBalancerArns": list(dict.fromkeys(user.load_balancer_arn for user in users)),
        "TargetType": group.target_type,
        "ProtocolVersion": group.protocol_version,
        "IpAddressType": group.ip_address_type,
    }
