"""Rules of security groups, by permission and by rule id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import limits, rules, tags
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.defaults import default_vpc
from cloudarium.services.ec2.errors import combination, invalid, missing
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import check_id, find, not_found, select
from cloudarium.services.ec2.operations.security_groups import group_named
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.prefix_lists import find_prefix_list, get_prefix_list
from cloudarium.services.ec2.resources import (
    PEERINGS,
    PeeringConnection,
    SecurityGroup,
    SecurityGroupRule,
    Tags,
)
from cloudarium.services.ec2.rules import RuleSpec
from cloudarium.services.ec2.views.security import permissions_view, revoked_view, rule_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AuthorizeSecurityGroupEgressRequestTypeDef,
        AuthorizeSecurityGroupIngressRequestTypeDef,
        DescribeSecurityGroupRulesRequestTypeDef,
        ModifySecurityGroupRulesRequestTypeDef,
        RevokeSecurityGroupEgressRequestTypeDef,
        RevokeSecurityGroupIngressRequestTypeDef,
        UpdateSecurityGroupRuleDescriptionsEgressRequestTypeDef,
        UpdateSecurityGroupRuleDescriptionsIngressRequestTypeDef,
    )

FILTERS = FilterSet({"group-id": "GroupId", "security-group-rule-id": "SecurityGroupRuleId"})

_TOP_LEVEL = ("CidrIp", "FromPort", "IpProtocol", "ToPort", "SourceSecurityGroupName", "SourceSecurityGroupOwnerId")


# -- authorize ---------------------------------------------------------------------------------------------------------


@api
def authorize_security_group_ingress(ctx: Context, request: AuthorizeSecurityGroupIngressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html."""
    return _authorize(ctx, request, is_egress=False)


@api
def authorize_security_group_egress(ctx: Context, request: AuthorizeSecurityGroupEgressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupEgress.html."""
    return _authorize(ctx, request, is_egress=True)


def _authorize(ctx: Context, request: Any, *, is_egress: bool) -> Answer:
    labels = tags.specified(ctx, request, "security-group-rule")
    group = group_named(ctx, request)
    specs = _specs(ctx, group, request)
    _no_repeats(specs)
    existing = ctx.table(SecurityGroupRule).find(ctx.scope, "group_id", group.group_id)
    known = {rule.identity for rule in existing}
    for spec in specs:
        if spec.identity(is_egress=is_egress) in known:
            raise AwsError("InvalidPermission.Duplicate", f'the specified rule "{rules.in_words(spec)}" already exists')
    made = [_rule(ctx, group, spec, is_egress=is_egress, labels=labels) for spec in specs]
    _check_quota(ctx, [*existing, *made], is_egress=is_egress)
    for rule in made:
        ctx.table(SecurityGroupRule).put(ctx.scope, rule)
    return {"Return": True, "SecurityGroupRules": [rule_view(ctx, rule) for rule in made]}


def _no_repeats(specs: list[RuleSpec]) -> None:
    if len({spec[:7] for spec in specs}) != len(specs):
        raise invalid("The same permission must not appear multiple times")


def _specs(ctx: Context, group: SecurityGroup, request: Any) -> list[RuleSpec]:
    """The rules of a request, whichever of the two ways it states them."""
    permissions = request.get("IpPermissions") or []
    top = {name: request[name] for name in _TOP_LEVEL if name in request}
    if permissions and top:
        raise combination("The parameter ipPermissions cannot be used with the parameters of a single rule.")
    if top:
        permissions = [_single(top)]
    if not permissions:
        raise missing("ipPermissions")
    found: list[RuleSpec] = []
    for permission in permissions:
        pairs = [_with_id(ctx, group, pair) for pair in permission.get("UserIdGroupPairs") or ()]
        specs = rules.expand({**permission, "UserIdGroupPairs": pairs})
        if not specs:
            raise missing("ipRanges, ipv6Ranges, prefixListIds or userIdGroupPairs")
        found += specs
    return found


def _single(top: dict[str, Any]) -> dict[str, Any]:
    if "SourceSecurityGroupName" in top:
        # All protocols, as the documentation says of this parameter.
        return {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupName": top["SourceSecurityGroupName"]}]}
    permission: dict[str, Any] = {name: top[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in top}
    if "IpProtocol" not in permission:
        raise missing("ipProtocol")
    return {**permission, "IpRanges": [{"CidrIp": top["CidrIp"]}] if "CidrIp" in top else []}


def _with_id(ctx: Context, group: SecurityGroup, pair: Any) -> dict[str, Any]:
    if pair.get("GroupId"):
        return dict(pair)
    name = pair.get("GroupName")
    if not name:
        raise missing("groupName or groupId")
    for other in ctx.table(SecurityGroup).find(ctx.scope, "name", name):
        if other.vpc_id == group.vpc_id:
            return {**pair, "GroupId": other.group_id}
    raise not_found(SecurityGroup, name)


def _rule(
    ctx: Context, group: SecurityGroup, spec: RuleSpec, *, is_egress: bool, labels: Tags, rule_id: str = ""
) -> SecurityGroupRule:
    owner, vpc_id, peering_id = "", "", ""
    if spec.group_id:
        owner, vpc_id, peering_id = _reference(ctx, group, spec.group_id)
    if spec.prefix_list_id:
        find_prefix_list(ctx, spec.prefix_list_id)
    return SecurityGroupRule(
        rule_id=rule_id or hex_id("sgr"),
        group_id=group.group_id,
        is_egress=is_egress,
        protocol=spec.protocol,
        from_port=spec.from_port,
        to_port=spec.to_port,
        cidr_ipv4=spec.cidr_ipv4,
        cidr_ipv6=spec.cidr_ipv6,
        prefix_list_id=spec.prefix_list_id,
        referenced_group_id=spec.group_id,
        referenced_user_id=owner,
        referenced_vpc_id=vpc_id,
        peering_id=peering_id,
        description=spec.description,
        tags=labels,
    )


def _reference(ctx: Context, group: SecurityGroup, group_id: str) -> tuple[str, str, str]:
    """Account, VPC and peering of a referenced group: of the same VPC, or at the far end of an active peering."""
    check_id(SecurityGroup, group_id)
    own = ctx.table(SecurityGroup).get(ctx.scope, group_id)
    if own is not None and own.vpc_id == group.vpc_id:
        return ctx.account, group.vpc_id, ""
    for peering in ctx.table(PeeringConnection).find(PEERINGS, "vpc_ids", group.vpc_id):
        other = peering.accepter if peering.requester.vpc_id == group.vpc_id else peering.requester
        # AWS resolves groups over peerings within a region only.
        if peering.state == "active" and other.region == ctx.region:
            found = ctx.table(SecurityGroup).get(other.scope, group_id)
            if found is not None and found.vpc_id == other.vpc_id:
                return other.account, other.vpc_id, peering.peering_id
    if own is not None:
        raise AwsError("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
    raise not_found(SecurityGroup, group_id)


def _check_quota(ctx: Context, found: Iterable[SecurityGroupRule], *, is_egress: bool) -> None:
    """Quotas count IPv4 and IPv6 rules apart, and a prefix list as many rules as it may have entries.

    https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups
    """
    ipv4 = ipv6 = 0
    for rule in found:
        if rule.is_egress != is_egress:
            continue
        weight = 1
        if rule.prefix_list_id:
            prefix_list = get_prefix_list(ctx, rule.prefix_list_id)
            weight = max(1, prefix_list.max_entries) if prefix_list is not None else 1
        ipv4 += 0 if rule.cidr_ipv6 else weight
        ipv6 += 0 if rule.cidr_ipv4 else weight
    limits.check(
        max(ipv4, ipv6),
        limits.RULES_PER_GROUP,
        "RulesPerSecurityGroupLimitExceeded",
        "The maximum number of rules per security group has been reached.",
    )


# -- revoke ------------------------------------------------------------------------------------------------------------


@api
def revoke_security_group_ingress(ctx: Context, request: RevokeSecurityGroupIngressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html."""
    return _revoke(ctx, request, is_egress=False)


@api
def revoke_security_group_egress(ctx: Context, request: RevokeSecurityGroupEgressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupEgress.html."""
    return _revoke(ctx, request, is_egress=True)


def _revoke(ctx: Context, request: Any, *, is_egress: bool) -> Answer:
    group = group_named(ctx, request)
    going: list[SecurityGroupRule] = []
    unknown: list[SecurityGroupRule] = []
    if request.get("SecurityGroupRuleIds"):
        for rule_id in dict.fromkeys(request["SecurityGroupRuleIds"]):
            rule = find(ctx, SecurityGroupRule, rule_id)
            if rule.group_id != group.group_id or rule.is_egress != is_egress:
                raise not_found(SecurityGroupRule, rule_id)
            going.append(rule)
    else:
        known = {
            rule.identity: rule for rule in ctx.table(SecurityGroupRule).find(ctx.scope, "group_id", group.group_id)
        }
        for spec in _specs(ctx, group, request):
            found = known.get(spec.identity(is_egress=is_egress))
            if found is not None:
                going.append(found)
            else:
                unknown.append(_unchecked(group, spec, is_egress=is_egress))
        if unknown and not _in_default_vpc(ctx, group):
            raise AwsError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
    for rule in going:
        ctx.table(SecurityGroupRule).delete(ctx.scope, rule.rule_id)
    answer: Answer = {"Return": True, "RevokedSecurityGroupRules": [revoked_view(rule) for rule in going]}
    if unknown:
        answer["UnknownIpPermissions"] = permissions_view(ctx, unknown)
    return answer


def _in_default_vpc(ctx: Context, group: SecurityGroup) -> bool:
    """In the default VPC, AWS answers with the unknown permissions instead of an error."""
    vpc = default_vpc(ctx)
    return vpc is not None and vpc.vpc_id == group.vpc_id


def _unchecked(group: SecurityGroup, spec: RuleSpec, *, is_egress: bool) -> SecurityGroupRule:
    return SecurityGroupRule(
        rule_id="",
        group_id=group.group_id,
        is_egress=is_egress,
        protocol=spec.protocol,
        from_port=spec.from_port,
        to_port=spec.to_port,
        cidr_ipv4=spec.cidr_ipv4,
        cidr_ipv6=spec.cidr_ipv6,
        prefix_list_id=spec.prefix_list_id,
        referenced_group_id=spec.group_id,
    )


# -- by rule id --------------------------------------------------------------------------------------------------------


@api
def describe_security_group_rules(ctx: Context, request: DescribeSecurityGroupRulesRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupRules.html."""
    found = select(ctx, SecurityGroupRule, request.get("SecurityGroupRuleIds"))
    views = FILTERS.apply([rule_view(ctx, rule) for rule in found], request.get("Filters"))
    return page(views, request, "SecurityGroupRules")


@api
def modify_security_group_rules(ctx: Context, request: ModifySecurityGroupRulesRequestTypeDef) -> Answer:
    """Each rule is replaced whole, and keeps its id, direction and tags.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySecurityGroupRules.html
    """
    group = find(ctx, SecurityGroup, request["GroupId"])
    changed: dict[str, SecurityGroupRule] = {}
    for update in request["SecurityGroupRules"]:
        rule = find(ctx, SecurityGroupRule, update["SecurityGroupRuleId"])
        if rule.group_id != group.group_id:
            raise not_found(SecurityGroupRule, rule.rule_id)
        if rule.rule_id in changed:
            raise invalid(f"The security group rule ID '{rule.rule_id}' appears more than once.")
        spec = _spec_of_rule(update.get("SecurityGroupRule") or {})
        changed[rule.rule_id] = _rule(
            ctx, group, spec, is_egress=rule.is_egress, labels=rule.tags, rule_id=rule.rule_id
        )
    existing = ctx.table(SecurityGroupRule).find(ctx.scope, "group_id", group.group_id)
    after = [changed.get(rule.rule_id, rule) for rule in existing]
    seen = set()
    for each in after:
        if each.identity in seen:
            words = rules.in_words(RuleSpec(each.protocol, each.from_port, each.to_port, each.peer))
            raise AwsError("InvalidPermission.Duplicate", f'the specified rule "{words}" already exists')
        seen.add(each.identity)
    for is_egress in (False, True):
        _check_quota(ctx, after, is_egress=is_egress)
    for rule in changed.values():
        ctx.table(SecurityGroupRule).put(ctx.scope, rule)
    return {"Return": True}


def _spec_of_rule(wanted: Any) -> RuleSpec:
    readers: dict[str, tuple[str, Callable[[str], str]]] = {
        "CidrIpv4": ("cidr_ipv4", rules.block_of),
        "CidrIpv6": ("cidr_ipv6", rules.ipv6_block_of),
        "PrefixListId": ("prefix_list_id", str),
        "ReferencedGroupId": ("group_id", str),
    }
    peers = [name for name in readers if wanted.get(name)]
    if len(peers) != 1:
        raise combination("Exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId must be specified.")
    if not wanted.get("IpProtocol"):
        raise missing("IpProtocol")
    protocol = rules.protocol_of(wanted["IpProtocol"])
    first, last = rules.ports_of(protocol, wanted.get("FromPort"), wanted.get("ToPort"))
    field, read = readers[peers[0]]
    peer: Any = {field: read(wanted[peers[0]])}
    return RuleSpec(protocol, first, last, description=rules.description_of(wanted.get("Description")), **peer)


# -- descriptions ------------------------------------------------------------------------------------------------------


@api
def update_security_group_rule_descriptions_ingress(
    ctx: Context, request: UpdateSecurityGroupRuleDescriptionsIngressRequestTypeDef
) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UpdateSecurityGroupRuleDescriptionsIngress.html."""
    return _describe(ctx, request, is_egress=False)


@api
def update_security_group_rule_descriptions_egress(
    ctx: Context, request: UpdateSecurityGroupRuleDescriptionsEgressRequestTypeDef
) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UpdateSecurityGroupRuleDescriptionsEgress.html."""
    return _describe(ctx, request, is_egress=True)


def _describe(ctx: Context, request: Any, *, is_egress: bool) -> Answer:
    group = group_named(ctx, request)
    table = ctx.table(SecurityGroupRule)
    updates = request.get("SecurityGroupRuleDescriptions")
    if updates:
        if request.get("IpPermissions"):
            raise combination("Only one of ipPermissions and securityGroupRuleDescriptions may be specified.")
        for update in updates:
            if not update.get("SecurityGroupRuleId"):
                raise missing("securityGroupRuleId")
            rule = find(ctx, SecurityGroupRule, update["SecurityGroupRuleId"])
            if rule.group_id != group.group_id or rule.is_egress != is_egress:
                raise not_found(SecurityGroupRule, rule.rule_id)
            table.put(ctx.scope, rule.replace(description=rules.description_of(update.get("Description"))))
        return {"Return": True}
    known = {rule.identity: rule for rule in table.find(ctx.scope, "group_id", group.group_id)}
    for spec in _specs(ctx, group, request):
        found = known.get(spec.identity(is_egress=is_egress))
        if found is None:
            raise AwsError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
        table.put(ctx.scope, found.replace(description=spec.description))
    return {"Return": True}
