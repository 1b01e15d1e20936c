"""What the service asks EC2: the subnets and security groups of an ``awsvpcConfiguration``, checked with ECS's errors.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.resources import Task

MOST_SUBNETS = 16
MOST_GROUPS = 5


class Subnet(NamedTuple):
    """A subnet and where it is."""

    id: str
    zone: str
    vpc: str


class Network(NamedTuple):
    """A checked configuration (with its defaults) and its subnets; both empty outside the awsvpc network mode."""

    configuration: dict[str, Any]
    subnets: tuple[Subnet, ...]


NONE = Network({}, ())


async def check(ctx: Context, given: Mapping[str, Any] | None, mode: str, launch_type: str) -> Network:
    """The network of a task or service; ``given`` is the request's ``networkConfiguration``."""
    wanted = (given or {}).get("awsvpcConfiguration")
    if mode != "awsvpc":
        if wanted:
            raise invalid("Network Configuration is not valid for the given networkMode of this task definition.")
        return NONE
    if not wanted:
        raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    subnet_ids, group_ids = wanted.get("subnets") or [], wanted.get("securityGroups") or []
    if not subnet_ids:
        raise invalid("subnets can not be empty.")
    if len(subnet_ids) > MOST_SUBNETS:
        raise invalid(f"subnets can have at most {MOST_SUBNETS} items.")
    if len(group_ids) > MOST_GROUPS:
        raise invalid(f"securityGroups can have at most {MOST_GROUPS} items.")
    public = wanted.get("assignPublicIp") or "DISABLED"
    if public == "ENABLED" and launch_type != "FARGATE":
        raise invalid("Assign public IP is not supported for this launch type.")
    subnets = await _subnets(ctx, subnet_ids)
    if len({each.vpc for each in subnets}) > 1:
        raise invalid("All subnets must be in the same VPC.")
    await _groups(ctx, group_ids, subnets[0].vpc)
    configuration = {"subnets": list(subnet_ids), "securityGroups": list(group_ids), "assignPublicIp": public}
    return Network(configuration, tuple(subnets))


async def _subnets(ctx: Context, ids: Sequence[str]) -> list[Subnet]:
    try:
        answer = await ctx.aws.ec2.describe_subnets(SubnetIds=list(dict.fromkeys(ids)))
    except AwsError as error:
        if error.code.startswith("InvalidSubnet"):
            raise invalid(_retrieving("subnet", ids, error)) from error
        raise
    found = [Subnet(each["SubnetId"], each["AvailabilityZone"], each["VpcId"]) for each in answer["Subnets"]]
    by_id = {each.id: each for each in found}
    return [by_id[each] for each in dict.fromkeys(ids)]


async def _groups(ctx: Context, ids: Sequence[str], vpc: str) -> None:
    if not ids:
        return
    try:
        answer = await ctx.aws.ec2.describe_security_groups(GroupIds=list(dict.fromkeys(ids)))
    except AwsError as error:
        if error.code.startswith("InvalidGroup"):
            raise invalid(_retrieving("security group", ids, error)) from error
        raise
    for each in answer["SecurityGroups"]:
        if each["VpcId"] != vpc:
            raise invalid(f"Security group {each['GroupId']} does not appear to belong to the same VPC as the subnets.")


def _retrieving(what: str, ids: Sequence[str], error: AwsError) -> str:
    message = error.message.rstrip(".")
    return f"Error retrieving {what} information for [{', '.join(ids)}]: {message} (ErrorCode: {error.code})"


def pick(subnets: Sequence[Subnet], there: Sequence[Task]) -> Subnet:
    """The subnet for one more task: in the zone, and there in the subnet, with the fewest of ``there``."""
    zones = Counter(task.availability_zone for task in there)
    used = Counter(subnet_of(task) for task in there)
    return min(subnets, key=lambda each: (zones[each.zone], used[each.id], subnets.index(each)))


def subnet_of(task: Task) -> str:
    """The subnet a task's interface is in; empty when it has none."""
    for attachment in task.attachments:
        for detail in attachment.get("details") or ():
            if detail.get("name") == "subnetId":
                return str(detail["value"])
    return ""
