"""Load balancers and service registries of a service: they exist, and fit the task definition.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.resources import TaskDefinition

MOST = 5
_REGISTRY = re.compile(r"arn:aws[a-z-]*:servicediscovery:[a-z0-9-]+:\d{12}:service/(srv-[a-z0-9]+)")


async def check(
    ctx: Context, given: Sequence[Mapping[str, Any]] | None, definition: TaskDefinition
) -> tuple[dict[str, Any], ...]:
    """The load balancers of a service or task set."""
    if not given:
        return ()
    if len(given) > MOST:
        raise invalid(f"load balancers can have at most {MOST} items.")
    for each in given:
        if each.get("loadBalancerName"):
            raise NotThere("loadBalancerName (Classic Load Balancers)")
        if each.get("advancedConfiguration"):
            raise NotThere("loadBalancers.advancedConfiguration (blue/green deployments)")
        if not each.get("targetGroupArn"):
            raise invalid("Either a loadBalancerName or a targetGroupArn must be specified.")
        _container(each, definition)
    wanted = list(dict.fromkeys(each["targetGroupArn"] for each in given))
    try:
        found = (await ctx.aws.elbv2.describe_target_groups(TargetGroupArns=wanted))["TargetGroups"]
    except AwsError as error:
        if error.code in ("TargetGroupNotFound", "ValidationError"):
            raise invalid(f"The target group with targetGroupArn {wanted[0]} does not exist.") from error
        raise
    for group in found:
        _group(group, definition)
    return tuple(dict(each) for each in given)


def _container(each: Mapping[str, Any], definition: TaskDefinition) -> None:
    name, port = each.get("containerName"), each.get("containerPort")
    if not name or port is None:
        raise invalid("A containerName and a containerPort must be specified for each load balancer.")
    container = next((one for one in definition.containers if one["name"] == name), None)
    if container is None:
        raise invalid(f"The container {name} does not exist in the task definition.")
    if not any(mapping["containerPort"] == port for mapping in container.get("portMappings") or ()):
        raise invalid(f"The container {name} did not have a container port {port} defined.")


def _group(group: Mapping[str, Any], definition: TaskDefinition) -> None:
    arn, kind, mode = group["TargetGroupArn"], group["TargetType"], definition.network_mode
    if (kind == "ip") != (mode == "awsvpc"):
        raise invalid(
            f"The provided target group {arn} has target type {kind}, which is incompatible with the {mode} network "
            "mode specified in the task definition."
        )
    if not group.get("LoadBalancerArns"):
        raise invalid(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")


async def registries(
    ctx: Context, given: Sequence[Mapping[str, Any]] | None, definition: TaskDefinition
) -> tuple[dict[str, Any], ...]:
    """The Cloud Map registry of a service or task set."""
    if not given:
        return ()
    if len(given) > 1:
        raise invalid("service registries can have at most 1 items.")
    each = given[0]
    arn = each.get("registryArn") or ""
    parsed = _REGISTRY.fullmatch(arn)
    if parsed is None:
        raise invalid(f"The service registry ARN is invalid: {arn[:256]}")
    try:
        await ctx.aws.servicediscovery.get_service(Id=parsed[1])
    except AwsError as error:
        if error.code == "ServiceNotFound":
            raise invalid(f"The service registry with registryArn {arn} does not exist.") from error
        raise
    if (each.get("containerName") is None) != (each.get("containerPort") is None):
        raise invalid("A containerName and a containerPort must be specified together for a service registry.")
    if each.get("containerName") is not None:
        if each.get("port") is not None:
            raise invalid("A service registry can have either a port or a containerName and containerPort.")
        _container(each, definition)
    elif definition.network_mode in ("bridge", "host"):
        raise invalid(
            "When specifying 'host' or 'bridge' for networkMode, values for 'containerName' and 'containerPort' must "
            "be specified from the task definition."
        )
    return (dict(each),)
