"""What the service asks EC2: subnets, security groups, VPCs, instances. Checked here with this service's errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.elbv2.errors import invalid, invalid_configuration
from cloudarium.services.elbv2.quotas import SECURITY_GROUPS_PER_LOAD_BALANCER
from cloudarium.services.elbv2.resources import Zone

_FREE_ADDRESSES = 8


async def subnets(ctx: Context, subnet_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The subnets, in the order asked for."""
    if len(set(subnet_ids)) != len(subnet_ids):
        raise invalid_configuration("A subnet cannot be specified more than once")
    try:
        answer = await ctx.aws.ec2.describe_subnets(SubnetIds=list(subnet_ids))
    except AwsError as error:
        if error.code.startswith("InvalidSubnet"):
            raise AwsError(
                "SubnetNotFound", f"The subnet ID '{_first_missing(error, subnet_ids)}' does not exist"
            ) from (error)
        raise
    by_id = {subnet["SubnetId"]: subnet for subnet in answer["Subnets"]}
    return [by_id[subnet_id] for subnet_id in subnet_ids]


def _first_missing(error: AwsError, ids: Sequence[str]) -> str:
    return next((each for each in ids if each in error.message), ids[0])


async def placement(
    ctx: Context, subnet_ids: Sequence[str], scheme: str, enabled: Sequence[Zone] = ()
) -> tuple[str, tuple[Zone, ...]]:
    """The VPC and the zones of a load balancer in these subnets; ``enabled`` ones need no free addresses any more.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-subnets.html
    """
    found = await subnets(ctx, subnet_ids)
    if len({subnet["VpcId"] for subnet in found}) > 1:
        raise invalid_configuration("All subnets must belong to the same VPC")
    zones = [subnet["AvailabilityZone"] for subnet in found]
    if len(set(zones)) < len(zones):
        raise invalid_configuration(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        )
    if len(zones) < 2:
        raise invalid("At least two subnets in two different Availability Zones must be specified")
    already = {zone.subnet_id for zone in enabled}
    for subnet in found:
        if subnet["SubnetId"] not in already and subnet["AvailableIpAddressCount"] < _FREE_ADDRESSES:
            raise AwsError(
                "InvalidSubnet",
                f"Not enough IP space available in {subnet['SubnetId']}. ELB requires at least {_FREE_ADDRESSES} free "
                "IP addresses in each subnet.",
            )
    vpc_id: str = found[0]["VpcId"]
    if scheme == "internet-facing":
        await _internet_gateway(ctx, vpc_id)
    return vpc_id, tuple(
        Zone(zone, subnet["SubnetId"]) for zone, subnet in sorted(zip(zones, found, strict=True), key=lambda p: p[0])
    )


async def _internet_gateway(ctx: Context, vpc_id: str) -> None:
    gateways = await ctx.aws.ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc_id]}])
    if not gateways["InternetGateways"]:
        raise AwsError("InvalidSubnet", f"VPC {vpc_id} has no internet gateway")


async def security_groups(ctx: Context, vpc_id: str, group_ids: Sequence[str]) -> tuple[str, ...]:
    """The security groups of a load balancer, checked; the VPC's default one when none is given."""
    if not group_ids:
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
        answer = await ctx.aws.ec2.describe_security_groups(Filters=filters)
        return tuple(group["GroupId"] for group in answer["SecurityGroups"])
    if len(set(group_ids)) > SECURITY_GROUPS_PER_LOAD_BALANCER:
        raise invalid_configuration(
            f"You can assign at most {SECURITY_GROUPS_PER_LOAD_BALANCER} security groups to a load balancer"
        )
    try:
        answer = await ctx.aws.ec2.describe_security_groups(GroupIds=list(dict.fromkeys(group_ids)))
    except AwsError as error:
        if error.code.startswith("InvalidGroup"):
            missing = _first_missing(error, group_ids)
            raise AwsError("InvalidSecurityGroup", f"Security group '{missing}' does not exist") from error
        raise
    if any(group["VpcId"] != vpc_id for group in answer["SecurityGroups"]):
        raise invalid_configuration("One or more security groups are invalid")
    return tuple(dict.fromkeys(group_ids))


async def vpc_exists(ctx: Context, vpc_id: str) -> None:
    """Refuse a VPC that is not there."""
    try:
        await ctx.aws.ec2.describe_vpcs(VpcIds=[vpc_id])
    except AwsError as error:
        if error.code.startswith("InvalidVpc"):
            raise invalid(f"The VPC ID '{vpc_id}' is not found") from error
        raise


async def subnets_of_vpc(ctx: Context, vpc_id: str) -> list[dict[str, Any]]:
    """Every subnet of a VPC."""
    answer = await ctx.aws.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
    found: list[dict[str, Any]] = answer["Subnets"]
    return found


async def instances(ctx: Context, instance_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """EC2 instances by id; ids that EC2 does not know raise InvalidTarget."""
    try:
        answer = await ctx.aws.ec2.describe_instances(InstanceIds=list(instance_ids))
    except AwsError as error:
        if error.code.startswith("InvalidInstanceID"):
            missing = [each for each in instance_ids if each in error.message] or list(instance_ids)
            listed = ", ".join(f"'{each}'" for each in missing)
            raise AwsError("InvalidTarget", f"The following targets do not exist: {listed}") from error
        raise
    return {
        instance["InstanceId"]: instance
        for reservation in answer["Reservations"]
        for instance in reservation["Instances"]
    }
