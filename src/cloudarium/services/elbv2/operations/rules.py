"""CreateRule, DescribeRules, ModifyRule, DeleteRule, SetRulePriorities.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.elbv2 import actions, arns, conditions, tagging, transforms, views
from cloudarium.services.elbv2.errors import invalid, rule_not_found
from cloudarium.services.elbv2.lookup import balancer_of, listener_of, rule_of
from cloudarium.services.elbv2.paging import page
from cloudarium.services.elbv2.resources import DEFAULT_PRIORITY, Rule

if TYPE_CHECKING:
    from types_boto3_elbv2.type_defs import (
        CreateRuleInputTypeDef,
        DeleteRuleInputTypeDef,
        DescribeRulesInputTypeDef,
        ModifyRuleInputTypeDef,
        SetRulePrioritiesInputTypeDef,
    )

_MOST_PRIORITIES = 100


@operation(partial="no authentication actions")
def create_rule(ctx: Context, request: CreateRuleInputTypeDef) -> Answer:
    """Store a rule; the nodes take it over with their next snapshot."""
    listener = listener_of(ctx, request["ListenerArn"])
    balancer = balancer_of(ctx, listener.load_balancer_arn)
    parsed_conditions = conditions.parse(request["Conditions"])
    parsed_actions = actions.parse(request["Actions"])
    parsed_transforms = transforms.parse(request.get("Transforms", ()))
    tags = tagging.from_request(ctx, request.get("Tags"))
    priority = request["Priority"]
    table = ctx.table(Rule)
    if any(rule.priority == priority for rule in table.find(ctx.scope, "listener_arn", listener.arn)):
        raise _in_use(priority)
    actions.check_rule_count(ctx, balancer.arn)
    groups = actions.target_groups(parsed_actions)
    actions.check_target_groups(ctx, balancer, listener.protocol, groups)
    rule = Rule(
        arn=arns.rule(listener.arn),
        listener_arn=listener.arn,
        load_balancer_arn=balancer.arn,
        priority=priority,
        conditions=parsed_conditions,
        actions=parsed_actions,
        transforms=parsed_transforms,
        target_groups=groups,
        tags=tags,
    )
    table.put(ctx.scope, rule)
    return {"Rules": [views.rule(rule)]}


def _in_use(priority: int) -> AwsError:
    return AwsError("PriorityInUse", f"Priority '{priority}' is currently in use")


def _order(rule: Rule) -> tuple[bool, int]:
    return rule.priority == DEFAULT_PRIORITY, rule.priority


@operation()
def describe_rules(ctx: Context, request: DescribeRulesInputTypeDef) -> Answer:
    """Rules of a listener in the order in which they are evaluated, or rules by ARN."""
    wanted, listener_arn = request.get("RuleArns"), request.get("ListenerArn")
    if not wanted and not listener_arn:
        raise invalid("You must specify either listener rule ARNs or a listener ARN")
    if wanted and listener_arn:
        raise invalid("Listener rule ARNs and a listener ARN cannot be specified at the same time")
    table = ctx.table(Rule)
    if listener_arn:
        found = sorted(table.find(ctx.scope, "listener_arn", listener_of(ctx, listener_arn).arn), key=_order)
    else:
        found = []
        for arn in dict.fromkeys(wanted or ()):
            rule = table.get(ctx.scope, arns.check("listener rule", arn))
            if rule is None:
                raise rule_not_found()
            found.append(rule)
    some, marker = page(found, request, lambda rule: rule.arn)
    answer: Answer = {"Rules": [views.rule(rule) for rule in some]}
    return {**answer, "NextMarker": marker} if marker else answer


@operation(partial="no authentication actions")
def modify_rule(ctx: Context, request: ModifyRuleInputTypeDef) -> Answer:
    """Replace conditions, actions or transforms of a rule."""
    rule = rule_of(ctx, request["RuleArn"])
    if rule.priority == DEFAULT_PRIORITY:
        raise AwsError("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be modified")
    reset = request.get("ResetTransforms", False)
    if not reset and not any(member in request for member in ("Conditions", "Actions", "Transforms")):
        raise invalid("Either conditions or actions must be specified")
    if reset and request.get("Transforms"):
        raise invalid("You cannot specify both 'Transforms' and 'ResetTransforms'")
    if "Conditions" in request:
        rule = rule.replace(conditions=conditions.parse(request["Conditions"]))
    if "Transforms" in request or reset:
        rule = rule.replace(transforms=transforms.parse(request.get("Transforms", ())))
    if "Actions" in request:
        parsed = actions.parse(request["Actions"])
        groups = actions.target_groups(parsed)
        listener = listener_of(ctx, rule.listener_arn)
        stored = rule_of(ctx, rule.arn)
        balancer = balancer_of(ctx, rule.load_balancer_arn)
        actions.check_target_groups(ctx, balancer, listener.protocol, groups, replaced=stored)
        rule = rule.replace(actions=parsed, target_groups=groups)
    ctx.table(Rule).put(ctx.scope, rule)
    return {"Rules": [views.rule(rule)]}


@operation()
def delete_rule(ctx: Context, request: DeleteRuleInputTypeDef) -> Answer:
    """Delete a rule other than the default one."""
    rule = rule_of(ctx, request["RuleArn"])
    if rule.priority == DEFAULT_PRIORITY:
        raise AwsError("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be deleted")
    ctx.table(Rule).delete(ctx.scope, rule.arn)
    return {}


@operation()
def set_rule_priorities(ctx: Context, request: SetRulePrioritiesInputTypeDef) -> Answer:
    """Reorder rules, all or none; rules may swap places."""
    pairs = request["RulePriorities"]
    if not 1 <= len(pairs) <= _MOST_PRIORITIES:
        raise invalid(f"Between 1 and {_MOST_PRIORITIES} rule priorities must be specified")
    changed: dict[str, Rule] = {}
    for pair in pairs:
        if "RuleArn" not in pair or "Priority" not in pair:
            raise invalid("A rule ARN and a priority must be specified")
        rule = rule_of(ctx, pair["RuleArn"])
        if rule.priority == DEFAULT_PRIORITY:
            raise AwsError("OperationNotPermitted", f"The priority of default rule '{rule.arn}' cannot be modified")
        if rule.arn in changed:
            raise invalid(f"Rule '{rule.arn}' was specified more than once")
        changed[rule.arn] = rule.replace(priority=pair["Priority"])
    for listener_arn in {rule.listener_arn for rule in changed.values()}:
        rules = ctx.table(Rule).find(ctx.scope, "listener_arn", listener_arn)
        taken = [changed.get(rule.arn, rule).priority for rule in rules]
        for priority in taken:
            if taken.count(priority) > 1:
                raise _in_use(priority)
    for rule in changed.values():
        ctx.table(Rule).put(ctx.scope, rule)
    return {"Rules": [views.rule(rule) for rule in changed.values()]}
