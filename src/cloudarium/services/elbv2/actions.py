"""Actions of a rule: checked against AWS's rules, kept in the shape in which the API shows them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.elbv2 import arns
from cloudarium.services.elbv2.errors import invalid, invalid_configuration, target_group_not_found
from cloudarium.services.elbv2.quotas import (
    REGISTRATIONS_PER_TARGET_ID,
    RULES_PER_LOAD_BALANCER,
    TARGET_GROUPS_PER_ACTION,
    TARGET_GROUPS_PER_LOAD_BALANCER,
    TARGETS_PER_LOAD_BALANCER,
)
from cloudarium.services.elbv2.resources import LoadBalancer, Rule, Target, TargetGroup

_CONFIGS = {
    "forward": ("TargetGroupArn", "ForwardConfig"),
    "redirect": ("RedirectConfig",),
    "fixed-response": ("FixedResponseConfig",),
}
_CONTENT_TYPES = ("text/html", "application/json", "application/javascript", "text/css", "text/plain")
_REDIRECT_DEFAULTS = {
    "Protocol": "#{protocol}",
    "Port": "#{port}",
    "Host": "#{host}",
    "Path": "/#{path}",
    "Query": "#{query}",
}
_KEYWORDS = {
    "Port": ("port",),
    "Host": ("host",),
    "Path": ("host", "path", "port"),
    "Query": ("protocol", "host", "port", "path", "query"),
}
_WEEK = 604_800


def parse(actions: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The request's actions, checked on their own (not yet whether the target groups they name may be used)."""
    if not actions:
        raise invalid("An action must be specified")
    for action in actions:
        if action["Type"] not in _CONFIGS:
            raise NotThere(f"The action type '{action['Type']}' (it needs an HTTPS listener)")
    if len(actions) > 1:
        if any("Order" not in action for action in actions):
            raise AwsError("InvalidLoadBalancerAction", "An action order must be specified with multiple actions")
        raise AwsError(
            "InvalidLoadBalancerAction",
            "A rule must have exactly one of the actions forward, redirect and fixed-response, as its last action",
        )
    return tuple(_parse_one(action) for action in actions)


def target_groups(actions: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """ARNs of the target groups that actions forward to."""
    return tuple(
        each["TargetGroupArn"] for action in actions for each in action.get("ForwardConfig", {}).get("TargetGroups", ())
    )


def _parse_one(action: Mapping[str, Any]) -> dict[str, Any]:
    kind = action["Type"]
    for other, members in _CONFIGS.items():
        for member in members:
            if other != kind and member in action:
                raise AwsError(
                    "InvalidLoadBalancerAction", f"You cannot specify '{member}' with an action of type '{kind}'"
                )
    parsed: dict[str, Any] = {"Type": kind}
    if "Order" in action:
        parsed["Order"] = action["Order"]
    parsed.update(_PARSERS[kind](action))
    return parsed


def _forward(action: Mapping[str, Any]) -> dict[str, Any]:
    single, config = action.get("TargetGroupArn"), action.get("ForwardConfig")
    if single is None and config is None:
        raise invalid("A target group ARN must be specified")
    groups: list[Any] = [{"TargetGroupArn": single}] if config is None else list(config.get("TargetGroups", ()))
    if not groups:
        raise invalid("A target group ARN must be specified")
    if single is not None and [group.get("TargetGroupArn") for group in groups] != [single]:
        raise invalid("You can only specify the target group of 'TargetGroupArn' in 'ForwardConfig'")
    if len(groups) > TARGET_GROUPS_PER_ACTION:
        raise AwsError("TooManyTargetGroups", f"A forward action can have at most {TARGET_GROUPS_PER_ACTION} groups")
    seen: set[str] = set()
    weighted = []
    for group in groups:
        arn = arns.check("target group", group.get("TargetGroupArn", ""))
        if arn in seen:
            raise invalid(f"Target group '{arn}' was specified more than once")
        seen.add(arn)
        weight = group.get("Weight", 1)
        if not 0 <= weight <= 999:
            raise invalid(f"Target group weight '{weight}' must be between '0-999' inclusive")
        weighted.append({"TargetGroupArn": arn, "Weight": weight})
    sticky = _group_stickiness((config or {}).get("TargetGroupStickinessConfig", {}))
    forward = {"ForwardConfig": {"TargetGroups": weighted, "TargetGroupStickinessConfig": sticky}}
    return forward if len(weighted) > 1 else {"TargetGroupArn": weighted[0]["TargetGroupArn"], **forward}


def _group_stickiness(config: Mapping[str, Any]) -> dict[str, Any]:
    enabled, duration = config.get("Enabled", False), config.get("DurationSeconds")
    if enabled and duration is None:
        raise invalid("The target group stickiness duration must be specified when stickiness is enabled")
    if duration is not None and not 1 <= duration <= _WEEK:
        raise invalid(f"Target group stickiness duration '{duration}' must be between '1-{_WEEK}' inclusive")
    return {"Enabled": enabled} if duration is None else {"Enabled": enabled, "DurationSeconds": duration}


def _redirect(action: Mapping[str, Any]) -> dict[str, Any]:
    given = action.get("RedirectConfig")
    if given is None:
        raise invalid("A 'RedirectConfig' must be specified with an action of type 'redirect'")
    config = {**_REDIRECT_DEFAULTS, **given}
    for part, allowed in _KEYWORDS.items():
        for keyword in re.findall(r"#\{([^}]*)\}", config[part]):
            if keyword not in allowed:
                raise invalid(f"The redirect {part.lower()} cannot contain '#{{{keyword}}}'")
    port = config["Port"]
    if port != "#{port}" and not (re.fullmatch(r"\d{1,5}", port) and 1 <= int(port) <= 65535):
        raise invalid(f"The redirect port '{port}' must be between '1-65535' inclusive or '#{{port}}'")
    if not config["Path"].startswith("/"):
        raise invalid("The redirect path must begin with '/'")
    if all(config[part] == _REDIRECT_DEFAULTS[part] for part in ("Protocol", "Port", "Host", "Path")):
        raise AwsError(
            "InvalidLoadBalancerAction",
            "At least one of the following redirect fields must be modified: protocol, hostname, port, path",
        )
    return {"RedirectConfig": config}


def _fixed_response(action: Mapping[str, Any]) -> dict[str, Any]:
    given = action.get("FixedResponseConfig")
    if given is None:
        raise invalid("A 'FixedResponseConfig' must be specified with an action of type 'fixed-response'")
    if given.get("ContentType") and given["ContentType"] not in _CONTENT_TYPES:
        names = ", ".join(f"'{name}'" for name in _CONTENT_TYPES)
        raise AwsError("InvalidLoadBalancerAction", f"The ContentType must be one of:{names}")
    return {"FixedResponseConfig": dict(given)}


_PARSERS = {"forward": _forward, "redirect": _redirect, "fixed-response": _fixed_response}


def check_target_groups(
    ctx: Context, balancer: LoadBalancer, protocol: str, groups: Sequence[str], replaced: Rule | None = None
) -> None:
    """Refuse target groups that a rule of this load balancer may not forward to.

    ``replaced`` is the rule whose actions these would become: its own use of a group does not count.
    """
    rules = ctx.table(Rule)
    for arn in groups:
        group = ctx.table(TargetGroup).get(ctx.scope, arn)
        if group is None:
            raise target_group_not_found(arn)
        if group.vpc_id != balancer.vpc_id:
            raise invalid_configuration(
                f"The following target groups are in a different VPC than load balancer '{balancer.arn}': '{arn}'"
            )
        if group.protocol_version != "HTTP1" and protocol == "HTTP":
            raise invalid_configuration(
                "Listener protocol 'HTTP' is not supported with a target group with the protocol-version "
                f"'{group.protocol_version}'"
            )
        if any(user.load_balancer_arn != balancer.arn for user in rules.find(ctx.scope, "target_groups", arn)):
            raise AwsError(
                "TargetGroupAssociationLimit",
                f"The following target groups cannot be associated with more than one load balancer: {arn}",
            )
    others = [rule for rule in rules.find(ctx.scope, "load_balancer_arn", balancer.arn) if rule != replaced]
    used = {arn for rule in others for arn in rule.target_groups}
    if len(used | set(groups)) > TARGET_GROUPS_PER_LOAD_BALANCER:
        raise AwsError(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            "You've reached the limit on the number of unique target groups per load balancer across all listeners",
        )
    if set(groups) - used:
        check_target_counts(ctx, balancer.arn, used | set(groups))


def check_target_counts(
    ctx: Context, balancer_arn: str, groups: Collection[str], added: Collection[Target] = ()
) -> None:
    """Refuse target groups, with targets about to be added to one of them, that hold too many for a load balancer."""
    table = ctx.table(Target)
    per_group = [table.find(ctx.scope, "target_group_arn", arn) for arn in groups]
    if sum(map(len, per_group)) + len(added) > TARGETS_PER_LOAD_BALANCER:
        raise AwsError("TooManyTargets", f"The maximum number of targets for '{balancer_arn}' has been reached")
    if added:
        ids = [
            t.id for new in added for t in (new, *table.find(ctx.scope, "id", new.id)) if t.target_group_arn in groups
        ]
    else:
        ids = [target.id for targets in per_group for target in targets]
    for target_id, times in Counter(ids).items():
        if times > REGISTRATIONS_PER_TARGET_ID:
            raise AwsError(
                "TooManyRegistrationsForTargetId",
                f"The target '{target_id}' has been registered as often as it can be with '{balancer_arn}'",
            )


def check_rule_count(ctx: Context, balancer_arn: str) -> None:
    """Refuse one more rule where a load balancer has as many as it may (default rules do not count)."""
    rules = ctx.table(Rule).find(ctx.scope, "load_balancer_arn", balancer_arn)
    if sum(rule.priority > 0 for rule in rules) >= RULES_PER_LOAD_BALANCER:
        raise AwsError("TooManyRules", "The maximum number of rules on the load balancer has been reached")
