"""RegisterTargets, DeregisterTargets, DescribeTargetHealth.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-register-targets.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.elbv2.actions import check_target_counts
from cloudarium.services.elbv2.attributes import target_group as attributes
from cloudarium.services.elbv2.errors import invalid
from cloudarium.services.elbv2.health.board import board_of
from cloudarium.services.elbv2.lookup import group_of
from cloudarium.services.elbv2.quotas import TARGETS_PER_TARGET_GROUP
from cloudarium.services.elbv2.registration import new_targets
from cloudarium.services.elbv2.resources import Rule, Target, TargetGroup, target_key

if TYPE_CHECKING:
    from types_boto3_elbv2.type_defs import (
        DeregisterTargetsInputTypeDef,
        DescribeTargetHealthInputTypeDef,
        RegisterTargetsInputTypeDef,
        TargetDescriptionTypeDef,
    )


@operation()
async def register_targets(ctx: Context, request: RegisterTargetsInputTypeDef) -> Answer:
    """Register targets, or register again those that drain."""
    group = group_of(ctx, request["TargetGroupArn"])
    targets = await new_targets(ctx, group, request["Targets"])
    group = group_of(ctx, request["TargetGroupArn"])  # it may have gone while EC2 was asked
    table = ctx.table(Target)
    fresh = []
    for target in targets:
        there = table.get(ctx.scope, target.key)
        if there is None or there.draining_until is not None:
            fresh.append(target)
    _check_counts(ctx, group, [t for t in fresh if table.get(ctx.scope, t.key) is None])
    for target in fresh:
        table.put(ctx.scope, target)
    return {}


def _check_counts(ctx: Context, group: TargetGroup, added: list[Target]) -> None:
    if not added:
        return
    table = ctx.table(Target)
    if len(table.find(ctx.scope, "target_group_arn", group.arn)) + len(added) > TARGETS_PER_TARGET_GROUP:
        raise AwsError(
            "TooManyTargets", f"The maximum number of targets in the target group '{group.arn}' has been reached"
        )
    for balancer in {user.load_balancer_arn for user in ctx.table(Rule).find(ctx.scope, "target_groups", group.arn)}:
        rules = ctx.table(Rule).find(ctx.scope, "load_balancer_arn", balancer)
        check_target_counts(ctx, balancer, {arn for rule in rules for arn in rule.target_groups}, added)


@operation()
def deregister_targets(ctx: Context, request: DeregisterTargetsInputTypeDef) -> Answer:
    """Start to drain targets; a group that no load balancer uses lets go of them at once."""
    group = group_of(ctx, request["TargetGroupArn"])
    table = ctx.table(Target)
    delay = float(attributes.TABLE.effective(group.attributes)["deregistration_delay.timeout_seconds"])
    in_use = bool(ctx.table(Rule).find(ctx.scope, "target_groups", group.arn))
    for description in request["Targets"]:
        key = target_key(group.arn, description["Id"], description.get("Port", group.port))
        target = table.get(ctx.scope, key)
        if target is None or target.draining_until is not None:
            continue
        if in_use and delay > 0:
            table.put(ctx.scope, target.replace(draining_until=ctx.clock.now() + delay))
        else:
            table.delete(ctx.scope, key)
    return {}


@operation()
def describe_target_health(ctx: Context, request: DescribeTargetHealthInputTypeDef) -> Answer:
    """Health of all targets of a group, or of some; ``Include`` adds what anomaly detection thinks of each."""
    group = group_of(ctx, request["TargetGroupArn"])
    board = board_of(ctx.cloud)
    if not (wanted := request.get("Targets")) and not request.get("Include"):
        return board.answer(ctx.scope, group)
    table = ctx.table(Target)
    found = []
    for target_id, port in _asked_for(ctx, group, wanted or ()):
        description = board.description(ctx.scope, group, target_id, port)
        key = target_key(group.arn, target_id, port)
        if request.get("Include") and table.get(ctx.scope, key) is not None:
            description["AnomalyDetection"] = board.anomaly(ctx.scope, group, key)
        found.append(description)
    return {"TargetHealthDescriptions": found}


def _asked_for(
    ctx: Context, group: TargetGroup, wanted: Sequence[TargetDescriptionTypeDef]
) -> Iterator[tuple[str, int]]:
    """Id and port of each target of a request that names some, or of all."""
    if not wanted:
        for target in ctx.table(Target).find(ctx.scope, "target_group_arn", group.arn):
            yield target.id, target.port
    for description in wanted:
        port = description.get("Port")
        if port is not None and not 1 <= port <= 65535:
            raise invalid(f"Target port '{port}' must be between '1-65535' inclusive")
        yield description["Id"], port or group.port
