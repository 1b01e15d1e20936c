"""CreateTargetGroup, DescribeTargetGroups, ModifyTargetGroup, DeleteTargetGroup and their attributes.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.elbv2 import arns, network, tagging, views
from cloudarium.services.elbv2.attributes import target_group as attributes
from cloudarium.services.elbv2.attributes import to_response
from cloudarium.services.elbv2.errors import (
    invalid,
    load_balancer_not_found,
    names_not_found,
    target_group_not_found,
)
from cloudarium.services.elbv2.health import settings
from cloudarium.services.elbv2.lookup import group_of
from cloudarium.services.elbv2.paging import page
from cloudarium.services.elbv2.quotas import TARGET_GROUPS
from cloudarium.services.elbv2.resources import LoadBalancer, Rule, Target, TargetGroup

if TYPE_CHECKING:
    from types_boto3_elbv2.type_defs import (
        CreateTargetGroupInputTypeDef,
        DeleteTargetGroupInputTypeDef,
        DescribeTargetGroupAttributesInputTypeDef,
        DescribeTargetGroupsInputTypeDef,
        ModifyTargetGroupAttributesInputTypeDef,
        ModifyTargetGroupInputTypeDef,
    )

_NAME = re.compile(r"[A-Za-z0-9-]+")
_VERSIONS = ("HTTP1", "HTTP2", "GRPC")


@operation(partial="targets ip and instance over HTTP; no lambda, alb, HTTPS, IPv6, target optimizer")
async def create_target_group(ctx: Context, request: CreateTargetGroupInputTypeDef) -> Answer:
    """Store a target group."""
    name = _check_name(request["Name"])
    target_type = request.get("TargetType", "instance")
    if target_type not in ("instance", "ip"):
        raise NotThere(f"The target type '{target_type}'")
    _refuse_what_is_not_there(request)
    for member, what in (("Protocol", "protocol"), ("Port", "port"), ("VpcId", "VPC ID")):
        if member not in request:
            raise invalid(f"A {what} must be specified")
    version = (request.get("ProtocolVersion") or "HTTP1").upper()
    if version not in _VERSIONS:
        raise invalid(f"Protocol version '{version}' must be one of '[{', '.join(_VERSIONS)}]'")
    health_check = settings.create(request, version)
    tags = tagging.from_request(ctx, request.get("Tags"))
    await network.vpc_exists(ctx, request["VpcId"])

    table = ctx.table(TargetGroup)
    there = table.find(ctx.scope, "name", name)
    group = TargetGroup(
        arn=there[0].arn if there else arns.target_group(ctx, name),
        name=name,
        protocol=request["Protocol"],
        protocol_version=version,
        port=request["Port"],
        vpc_id=request["VpcId"],
        target_type=target_type,
        ip_address_type="ipv4",
        health_check=health_check,
        created=there[0].created if there else ctx.clock.now(),
        attributes=there[0].attributes if there else {},
        tags=tags or (there[0].tags if there else {}),
    )
    if there and there[0] != group:
        raise AwsError(
            "DuplicateTargetGroupName",
            f"A target group with the same name '{name}' exists, but with different settings",
        )
    if not there:
        if table.count(ctx.scope) >= TARGET_GROUPS:
            raise AwsError("TooManyTargetGroups", "The maximum number of target groups has been reached")
        table.put(ctx.scope, group)
    return {"TargetGroups": [views.target_group(ctx, group)]}


def _refuse_what_is_not_there(request: Any) -> None:
    protocol = request.get("Protocol", "HTTP")
    if protocol not in ("HTTP", "HTTPS"):
        raise NotThere(f"The target group protocol '{protocol}' (of network and gateway load balancers)")
    if protocol == "HTTPS":
        raise NotThere("The target group protocol 'HTTPS'")
    if request.get("IpAddressType", "ipv4") != "ipv4":
        raise NotThere(f"The target group IP address type '{request['IpAddressType']}'")
    if "TargetControlPort" in request:
        raise NotThere("TargetControlPort (the target optimizer)")


def _check_name(name: str) -> str:
    if not name:
        raise invalid("The target group name cannot be empty")
    if len(name) > 32:
        raise invalid(f"Target group name '{name}' cannot be longer than '32' characters")
    if not _NAME.fullmatch(name):
        raise invalid(
            f"Target group name '{name}' can only contain characters that are alphanumeric characters or hyphens(-)"
        )
    if name.startswith("-") or name.endswith("-"):
        raise invalid(f"Target group name '{name}' cannot begin or end with '-'")
    return name


@operation()
def describe_target_groups(ctx: Context, request: DescribeTargetGroupsInputTypeDef) -> Answer:
    """Target groups by ARN, by name, by load balancer, or all."""
    balancer, wanted, names = request.get("LoadBalancerArn"), request.get("TargetGroupArns"), request.get("Names")
    if sum(bool(each) for each in (balancer, wanted, names)) > 1:
        raise invalid(
            "Target group names, target group ARNs, and a load balancer ARN cannot be specified at the same time"
        )
    table = ctx.table(TargetGroup)
    if balancer:
        if ctx.table(LoadBalancer).get(ctx.scope, balancer) is None:
            raise load_balancer_not_found(arns.check("load balancer", balancer))
        rules = ctx.table(Rule).find(ctx.scope, "load_balancer_arn", balancer)
        used = dict.fromkeys(arn for rule in rules for arn in rule.target_groups)
        found = [group for arn in used if (group := table.get(ctx.scope, arn)) is not None]
    elif wanted:
        found = []
        for arn in dict.fromkeys(wanted):
            group = table.get(ctx.scope, arns.check("target group", arn))
            if group is None:
                raise target_group_not_found()
            found.append(group)
    elif names:
        found = [group for name in dict.fromkeys(names) for group in table.find(ctx.scope, "name", name)]
        if missing := set(names) - {group.name for group in found}:
            raise names_not_found("TargetGroupNotFound", "Target groups", sorted(missing))
    else:
        found = sorted(table.all(ctx.scope), key=lambda group: group.name)
    some, marker = page(found, request, lambda group: group.arn)
    answer: Answer = {"TargetGroups": [views.target_group(ctx, group) for group in some]}
    return {**answer, "NextMarker": marker} if marker else answer


@operation()
def modify_target_group(ctx: Context, request: ModifyTargetGroupInputTypeDef) -> Answer:
    """Change the health check."""
    group = group_of(ctx, request["TargetGroupArn"])
    changed = group.replace(health_check=settings.modify(group.health_check, request, group.protocol_version))
    ctx.table(TargetGroup).put(ctx.scope, changed)
    return {"TargetGroups": [views.target_group(ctx, changed)]}


@operation()
def delete_target_group(ctx: Context, request: DeleteTargetGroupInputTypeDef) -> Answer:
    """Delete a target group that no rule forwards to; succeeds when it is gone already."""
    arn = arns.check("target group", request["TargetGroupArn"])
    if ctx.table(Rule).find(ctx.scope, "target_groups", arn):
        raise AwsError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    for target in ctx.table(Target).find(ctx.scope, "target_group_arn", arn):
        ctx.table(Target).delete(ctx.scope, target.key)
    ctx.table(TargetGroup).delete(ctx.scope, arn)
    return {}


@operation()
def describe_target_group_attributes(ctx: Context, request: DescribeTargetGroupAttributesInputTypeDef) -> Answer:
    """Every attribute of a target group with the value in force."""
    group = group_of(ctx, request["TargetGroupArn"])
    return {"Attributes": to_response(attributes.TABLE.effective(group.attributes))}


@operation()
def modify_target_group_attributes(ctx: Context, request: ModifyTargetGroupAttributesInputTypeDef) -> Answer:
    """Set attributes."""
    group = group_of(ctx, request["TargetGroupArn"])
    stored = {**group.attributes, **attributes.TABLE.parse(request["Attributes"])}
    effective = attributes.TABLE.effective(stored)
    attributes.check(effective)
    ctx.table(TargetGroup).put(ctx.scope, group.replace(attributes=stored))
    return {"Attributes": to_response(effective)}
