"""AWS::ElasticLoadBalancingV2::TargetGroup, with the targets that are written in it."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.elbv2.base import ElbKind
from cloudarium.services.cloudformation.kinds.kind import Work

_SAID_ONCE = ("IpAddressType", "Port", "Protocol", "ProtocolVersion", "TargetControlPort", "TargetType", "VpcId")
_HEALTH_CHECK: dict[str, Any] = {
    "HealthCheckEnabled": True,
    "HealthCheckIntervalSeconds": 30,
    "HealthCheckPath": "/",
    "HealthCheckPort": "traffic-port",
    "HealthCheckProtocol": "HTTP",
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 5,
    "Matcher": {"HttpCode": "200"},
    "UnhealthyThresholdCount": 2,
}
_GRPC = {"HealthCheckPath": "/AWS.ALB/healthcheck", "Matcher": {"GrpcCode": "12"}}
_NAME = 32


class TargetGroup(ElbKind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-targetgroup.html.

    Targets that others have registered, such as the tasks of a service, are left alone.
    """

    type = "AWS::ElasticLoadBalancingV2::TargetGroup"
    arn_name, listed, operation = "TargetGroupArn", "TargetGroups", "target_group"
    defaults = {  # noqa: RUF012
        "deregistration_delay.timeout_seconds": "300",
        "load_balancing.algorithm.anomaly_mitigation": "off",
        "load_balancing.algorithm.type": "round_robin",
        "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
        "slow_start.duration_seconds": "0",
        "stickiness.app_cookie.duration_seconds": "86400",
        "stickiness.enabled": "false",
        "stickiness.lb_cookie.duration_seconds": "86400",
        "stickiness.type": "lb_cookie",
        "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
        "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
    }

    async def create(self, work: Work) -> str:
        """ELBv2 knows a repeated attempt by its name, settings and tags; anybody else's group has other tags."""
        name = work.properties.get("Name") or work.short_name(_NAME)
        given = picked(work.properties, (*_SAID_ONCE, *_HEALTH_CHECK))
        answer = await work.ctx.aws.elbv2.create_target_group(Name=name, **given, **self.labels(work))
        return str(answer["TargetGroups"][0]["TargetGroupArn"])

    async def update(self, work: Work) -> None:
        """The health check; targets and attributes are settled afterwards."""
        defaults = _HEALTH_CHECK
        if str(work.properties.get("ProtocolVersion")).upper() == "GRPC":
            defaults = {**_HEALTH_CHECK, **_GRPC}
        changes = {
            name: work.properties.get(name, default)
            for name, default in defaults.items()
            if work.properties.get(name) != work.before.get(name)
        }
        if work.properties.get("TargetControlPort") != work.before.get("TargetControlPort"):
            changes["TargetControlPort"] = work.properties.get("TargetControlPort")
        if changes:
            await work.ctx.aws.elbv2.modify_target_group(TargetGroupArn=work.physical_id, **changes)

    async def settle(self, work: Work) -> None:
        """Targets are taken away before others come, and nothing waits until they have drained."""
        await super().settle(work)
        elbv2, arn = work.ctx.aws.elbv2, work.physical_id
        wanted, had = work.properties.get("Targets") or [], work.before.get("Targets") or []
        places = [(each["Id"], each.get("Port")) for each in wanted]
        if gone := [each for each in had if (each["Id"], each.get("Port")) not in places]:
            targets = [picked(each, ("Id", "Port")) for each in gone]
            await elbv2.deregister_targets(TargetGroupArn=arn, Targets=targets)
        if new := [each for each in wanted if each not in had]:
            await elbv2.register_targets(TargetGroupArn=arn, Targets=new)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """As ELBv2 describes it; the full name is how metrics call it."""
        group = await self.shown(work)
        return {
            "LoadBalancerArns": group["LoadBalancerArns"],
            "TargetGroupArn": work.physical_id,
            "TargetGroupFullName": work.physical_id.rpartition(":")[2],
            "TargetGroupName": group["TargetGroupName"],
        }

    async def remove(self, work: Work) -> None:
        """Once no rule forwards to it."""
        await work.ctx.aws.elbv2.delete_target_group(TargetGroupArn=work.physical_id)
