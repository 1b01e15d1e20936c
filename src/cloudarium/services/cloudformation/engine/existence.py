"""Whether what parameters name is there: types such as ``AWS::EC2::Subnet::Id`` promise it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
"""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.engine.failures import passes
from cloudarium.services.cloudformation.resources import Settings
from cloudarium.services.cloudformation.template import Template

_EC2 = {
    "AWS::EC2::AvailabilityZone::Name": ("describe_availability_zones", "zone-name", "AvailabilityZones", "ZoneName"),
    "AWS::EC2::SecurityGroup::GroupName": ("describe_security_groups", "group-name", "SecurityGroups", "GroupName"),
    "AWS::EC2::SecurityGroup::Id": ("describe_security_groups", "group-id", "SecurityGroups", "GroupId"),
    "AWS::EC2::Subnet::Id": ("describe_subnets", "subnet-id", "Subnets", "SubnetId"),
    "AWS::EC2::VPC::Id": ("describe_vpcs", "vpc-id", "Vpcs", "VpcId"),
}
"""By type: the operation that lists them, the filter for names, and where the answer has them."""


async def absent(ctx: Context, template: Template, settings: Settings) -> str:
    """The first parameter whose value does not exist, as a status reason of the stack; empty when all do."""
    for name, declared in template.parameters.items():
        # What SSM has was found when the operation began; whether it names something that is there, AWS does not say.
        if declared.from_ssm or name not in settings.parameters:
            continue
        text = settings.parameters[name]
        values = [each.strip() for each in text.split(",")] if declared.type.startswith("List<") else [text]
        try:
            missing = await _missing(ctx, declared.item_type, list(dict.fromkeys(values)))
        except AwsError as error:
            if passes(error):
                raise
            return f"Parameter validation failed for parameter name {name}: {error.message}"
        if missing:
            said = f"[{', '.join(missing)}]" if declared.type.startswith("List<") else missing[0]
            return f"Parameter validation failed: parameter value {said} for parameter name {name} does not exist."
    return ""


async def _missing(ctx: Context, type_: str, values: list[str]) -> list[str]:
    if type_ == "AWS::SSM::Parameter::Name":
        return [each for each in values if not await _has_parameter(ctx, each)]
    if type_ not in _EC2:
        return []
    operation, named, members, member = _EC2[type_]
    request: dict[str, Any] = {"Filters": [{"Name": named, "Values": values}]}
    found = (await getattr(ctx.aws.ec2, operation)(**request))[members]
    there = {each[member] for each in found}
    return [each for each in values if each not in there]


async def _has_parameter(ctx: Context, name: str) -> bool:
    try:
        await ctx.aws.ssm.get_parameter(Name=name)
    except AwsError as error:
        if error.code not in ("ParameterNotFound", "ParameterVersionNotFound", "ValidationException"):
            raise
        return False
    return True
