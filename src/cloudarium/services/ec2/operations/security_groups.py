"""Security groups: create, read, delete, and who refers to whom."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import building, defaults, limits, tags
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import invalid, missing
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import find, find_all, not_found, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import (
    PEERINGS,
    NetworkInterface,
    PeeringConnection,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VpcEndpoint,
)
from cloudarium.services.ec2.views.security import group_view, peering_status, permissions_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        CreateSecurityGroupRequestTypeDef,
        DeleteSecurityGroupRequestTypeDef,
        DescribeSecurityGroupReferencesRequestTypeDef,
        DescribeSecurityGroupsRequestTypeDef,
        DescribeSecurityGroupVpcAssociationsRequestTypeDef,
        DescribeStaleSecurityGroupsRequestTypeDef,
        GetSecurityGroupsForVpcRequestTypeDef,
    )


def _permission_filters(prefix: str, member: str, names: str) -> dict[str, str]:
    return {
        f"{prefix}.cidr": f"{member}[].IpRanges[].CidrIp",
        f"{prefix}.from-port": f"{member}[].FromPort",
        f"{prefix}.group-id": f"{member}[].UserIdGroupPairs[].GroupId",
        f"{prefix}.group-name": f"{names}[]",
        f"{prefix}.ipv6-cidr": f"{member}[].Ipv6Ranges[].CidrIpv6",
        f"{prefix}.prefix-list-id": f"{member}[].PrefixListIds[].PrefixListId",
        f"{prefix}.protocol": f"{member}[].IpProtocol",
        f"{prefix}.to-port": f"{member}[].ToPort",
        f"{prefix}.user-id": f"{member}[].UserIdGroupPairs[].UserId",
    }


_NAMES_IN, _NAMES_OUT = "_IngressNames", "_EgressNames"
"""Names of the groups that rules refer to: only the filters see them."""

FILTERS = FilterSet(
    {
        "description": "Description",
        "group-id": "GroupId",
        "group-name": "GroupName",
        "owner-id": "OwnerId",
        "vpc-id": "VpcId",
        **_permission_filters("ip-permission", "IpPermissions", _NAMES_IN),
        **_permission_filters("egress.ip-permission", "IpPermissionsEgress", _NAMES_OUT),
    }
)
FOR_VPC_FILTERS = FilterSet(
    {
        "description": "Description",
        "group-id": "GroupId",
        "group-name": "GroupName",
        "owner-id": "OwnerId",
        "primary-vpc-id": "PrimaryVpcId",
    }
)
ASSOCIATION_FILTERS = FilterSet(
    {
        "group-id": "GroupId",
        "group-owner-id": "GroupOwnerId",
        "state": "State",
        "vpc-id": "VpcId",
        "vpc-owner-id": "VpcOwnerId",
    },
    tags="",
)

_TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")


@api
def create_security_group(ctx: Context, request: CreateSecurityGroupRequestTypeDef) -> Answer:
    """A new group lets everything out and nothing in.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
    """
    labels = tags.specified(ctx, request, "security-group")
    name, description = request["GroupName"], request["Description"]
    _check_description(description)
    if not _TEXT.fullmatch(name) or name != name.strip():
        raise invalid(
            f"Value ({name}) for parameter GroupName is invalid. Character sets beyond ASCII are not supported."
        )
    if name.lower().startswith("sg-"):
        raise invalid(f"Invalid security group name '{name}'. Group names may not be in the format sg-*.")
    if name == "default":
        raise AwsError("InvalidGroup.Reserved", "The security group 'default' is reserved")
    vpc = find(ctx, Vpc, request["VpcId"]) if request.get("VpcId") else _default_vpc(ctx)
    if any(each.name == name for each in ctx.table(SecurityGroup).find(ctx.scope, "vpc_id", vpc.vpc_id)):
        raise AwsError("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc.vpc_id}'")
    limits.check(
        ctx.table(SecurityGroup).count(ctx.scope) + 1,
        limits.GROUPS_PER_REGION,
        "SecurityGroupLimitExceeded",
        "The maximum number of security groups has been reached.",
    )
    group = SecurityGroup(group_id=hex_id("sg"), vpc_id=vpc.vpc_id, name=name, description=description, tags=labels)
    ctx.table(SecurityGroup).put(ctx.scope, group)
    rule = building.everything_rule(group.group_id, is_egress=True, cidr_ipv4="0.0.0.0/0")
    ctx.table(SecurityGroupRule).put(ctx.scope, rule)
    arn = ctx.arn("ec2", f"security-group/{group.group_id}")
    return {"GroupId": group.group_id, "Tags": tags.view(labels), "SecurityGroupArn": arn}


def _check_description(description: str) -> None:
    if not description:
        raise missing("GroupDescription")
    if not description.isascii():
        raise invalid(
            f"Value ({description}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not "
            "supported."
        )
    if not _TEXT.fullmatch(description):
        raise invalid(
            "Invalid security group description. Valid descriptions are strings less than 256 characters from the "
            "following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
        )


def _default_vpc(ctx: Context) -> Vpc:
    vpc = defaults.default_vpc(ctx)
    if vpc is None:
        raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
    return vpc


def group_named(ctx: Context, request: Any) -> SecurityGroup:
    """The group of ``GroupId``, or of ``GroupName`` in the default VPC."""
    if request.get("GroupId"):
        return find(ctx, SecurityGroup, str(request["GroupId"]))
    if not request.get("GroupName"):
        raise missing("groupName or groupId")
    return named_in_default_vpc(ctx, str(request["GroupName"]))


def named_in_default_vpc(ctx: Context, name: str) -> SecurityGroup:
    """A group of the default VPC by name."""
    vpc = _default_vpc(ctx)
    for group in ctx.table(SecurityGroup).find(ctx.scope, "name", name):
        if group.vpc_id == vpc.vpc_id:
            return group
    raise AwsError("InvalidGroup.NotFound", f"The security group '{name}' does not exist in default VPC '{vpc.vpc_id}'")


@api
def describe_security_groups(ctx: Context, request: DescribeSecurityGroupsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html."""
    names = request.get("GroupNames")
    ids = request.get("GroupIds")
    groups = select(ctx, SecurityGroup, ids) if ids or not names else []
    groups += [named_in_default_vpc(ctx, name) for name in names or ()]
    filters = cast("list[dict[str, Any]]", request.get("Filters") or [])
    views: list[Any] = [group_view(ctx, group) for group in groups]
    if any(str(each.get("Name")).endswith("ip-permission.group-name") for each in filters):
        named = [{**view, **_referenced_names(ctx, view["GroupId"])} for view in views]
        kept = {view["GroupId"] for view in FILTERS.apply(named, filters)}
        views = [view for view in views if view["GroupId"] in kept]
    else:
        views = FILTERS.apply(views, filters)
    return page(views, request, "SecurityGroups")


def _referenced_names(ctx: Context, group_id: str) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {_NAMES_IN: [], _NAMES_OUT: []}
    for rule in ctx.table(SecurityGroupRule).find(ctx.scope, "group_id", group_id):
        other = ctx.table(SecurityGroup).get(ctx.scope, rule.referenced_group_id)
        if other is not None:
            names[_NAMES_OUT if rule.is_egress else _NAMES_IN].append(other.name)
    return names


@api
def delete_security_group(ctx: Context, request: DeleteSecurityGroupRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html."""
    group = group_named(ctx, request)
    group_id = group.group_id
    if group.name == "default":
        raise AwsError("CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted by a user')
    referring = ctx.table(SecurityGroupRule).find(ctx.scope, "referenced_group_id", group_id)
    if (
        ctx.table(NetworkInterface).find(ctx.scope, "group_ids", group_id)
        or ctx.table(VpcEndpoint).find(ctx.scope, "group_ids", group_id)
        or any(rule.group_id != group_id and not rule.peering_id for rule in referring)
    ):
        raise AwsError("DependencyViolation", f"resource {group_id} has a dependent object")
    for rule in ctx.table(SecurityGroupRule).find(ctx.scope, "group_id", group_id):
        ctx.table(SecurityGroupRule).delete(ctx.scope, rule.rule_id)
    ctx.table(SecurityGroup).delete(ctx.scope, group_id)
    return {"Return": True, "GroupId": group_id}


@api
def get_security_groups_for_vpc(ctx: Context, request: GetSecurityGroupsForVpcRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetSecurityGroupsForVpc.html."""
    vpc = find(ctx, Vpc, request["VpcId"])
    views = [
        {
            "Description": group.description,
            "GroupName": group.name,
            "OwnerId": ctx.account,
            "GroupId": group.group_id,
            "Tags": tags.view(group.tags),
            "PrimaryVpcId": group.vpc_id,
        }
        for group in ctx.table(SecurityGroup).find(ctx.scope, "vpc_id", vpc.vpc_id)
    ]
    return page(FOR_VPC_FILTERS.apply(views, request.get("Filters")), request, "SecurityGroupForVpcs")


@api
def describe_security_group_vpc_associations(
    ctx: Context, request: DescribeSecurityGroupVpcAssociationsRequestTypeDef
) -> Answer:
    """Truthfully empty: groups cannot be associated with further VPCs yet.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupVpcAssociations.html
    """
    nothing: list[dict[str, Any]] = []
    return page(ASSOCIATION_FILTERS.apply(nothing, request.get("Filters")), request, "SecurityGroupVpcAssociations")


@api
def describe_security_group_references(ctx: Context, request: DescribeSecurityGroupReferencesRequestTypeDef) -> Answer:
    """The VPCs at the far end of peerings whose groups refer to these groups.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupReferences.html
    """
    found = []
    for group in find_all(ctx, SecurityGroup, request["GroupId"]):
        seen = set()
        for rule in ctx.table(SecurityGroupRule).find(ctx.scope, "referenced_group_id", group.group_id):
            owner = ctx.table(SecurityGroup).get(ctx.scope, rule.group_id)
            if rule.peering_id and owner is not None and (owner.vpc_id, rule.peering_id) not in seen:
                seen.add((owner.vpc_id, rule.peering_id))
                found.append(
                    {
                        "GroupId": group.group_id,
                        "ReferencingVpcId": owner.vpc_id,
                        "VpcPeeringConnectionId": rule.peering_id,
                    }
                )
    return {"SecurityGroupReferenceSet": found}


@api
def describe_stale_security_groups(ctx: Context, request: DescribeStaleSecurityGroupsRequestTypeDef) -> Answer:
    """Groups with rules that name a group over a peering which is gone, or a group that is.

    https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html
    """
    vpc = ctx.table(Vpc).get(ctx.scope, request["VpcId"])
    if vpc is None:
        raise not_found(Vpc, request["VpcId"])
    found = []
    for group in ctx.table(SecurityGroup).find(ctx.scope, "vpc_id", vpc.vpc_id):
        rules = ctx.table(SecurityGroupRule).find(ctx.scope, "group_id", group.group_id)
        stale = [rule for rule in rules if rule.peering_id and _is_stale(ctx, rule)]
        if stale:
            found.append(
                {
                    "Description": group.description,
                    "GroupId": group.group_id,
                    "GroupName": group.name,
                    "VpcId": group.vpc_id,
                    "StaleIpPermissions": _stale(ctx, [rule for rule in stale if not rule.is_egress]),
                    "StaleIpPermissionsEgress": _stale(ctx, [rule for rule in stale if rule.is_egress]),
                }
            )
    return page(found, request, "StaleSecurityGroupSet")


def _is_stale(ctx: Context, rule: SecurityGroupRule) -> bool:
    peering = ctx.table(PeeringConnection).get(PEERINGS, rule.peering_id)
    if peering is None or peering_status(ctx, rule) != "active":
        return True
    other = peering.requester if peering.requester.vpc_id == rule.referenced_vpc_id else peering.accepter
    return ctx.table(SecurityGroup).get(other.scope, rule.referenced_group_id) is None


def _stale(ctx: Context, rules: list[SecurityGroupRule]) -> list[dict[str, Any]]:
    return [
        {
            **{name: value for name, value in permission.items() if name in ("FromPort", "IpProtocol", "ToPort")},
            "UserIdGroupPairs": permission["UserIdGroupPairs"],
        }
        for permission in permissions_view(ctx, rules)
    ]
