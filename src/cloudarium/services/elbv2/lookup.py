"""Records by the ARN a request gives, or the error AWS answers."""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.services.elbv2 import arns
from cloudarium.services.elbv2.errors import (
    listener_not_found,
    load_balancer_not_found,
    rule_not_found,
    target_group_not_found,
)
from cloudarium.services.elbv2.resources import Listener, LoadBalancer, Rule, TargetGroup


def balancer_of(ctx: Context, arn: str) -> LoadBalancer:
    """The load balancer with an ARN."""
    found = ctx.table(LoadBalancer).get(ctx.scope, arn)
    if found is None:
        raise load_balancer_not_found(arns.check("load balancer", arn))
    return found


def listener_of(ctx: Context, arn: str) -> Listener:
    """The listener with an ARN."""
    found = ctx.table(Listener).get(ctx.scope, arn)
    if found is None:
        raise listener_not_found(arns.check("listener", arn))
    return found


def rule_of(ctx: Context, arn: str) -> Rule:
    """The rule with an ARN."""
    found = ctx.table(Rule).get(ctx.scope, arn)
    if found is None:
        raise rule_not_found(arns.check("listener rule", arn))
    return found


def group_of(ctx: Context, arn: str) -> TargetGroup:
    """The target group with an ARN."""
    found = ctx.table(TargetGroup).get(ctx.scope, arn)
    if found is None:
        arns.check("target group", arn)
        raise target_group_not_found()
    return found
