"""Security groups, their rules, and network ACLs as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Context
from cloudarium.services.ec2 import tags
from cloudarium.services.ec2.resources import (
    PEERINGS,
    NaclEntry,
    NetworkAcl,
    PeeringConnection,
    SecurityGroup,
    SecurityGroupRule,
)

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        IpPermissionOutputTypeDef,
        NetworkAclEntryTypeDef,
        NetworkAclTypeDef,
        RevokedSecurityGroupRuleTypeDef,
        SecurityGroupRuleTypeDef,
        SecurityGroupTypeDef,
        UserIdGroupPairTypeDef,
    )


def group_view(ctx: Context, group: SecurityGroup) -> SecurityGroupTypeDef:
    """A security group with its rules gathered into permissions."""
    rules = ctx.table(SecurityGroupRule).find(ctx.scope, "group_id", group.group_id)
    view: SecurityGroupTypeDef = {
        "GroupId": group.group_id,
        "IpPermissionsEgress": permissions_view(ctx, [rule for rule in rules if rule.is_egress]),
        "VpcId": group.vpc_id,
        "SecurityGroupArn": ctx.arn("ec2", f"security-group/{group.group_id}"),
        "OwnerId": ctx.account,
        "GroupName": group.name,
        "Description": group.description,
        "IpPermissions": permissions_view(ctx, [rule for rule in rules if not rule.is_egress]),
    }
    if group.tags:
        view["Tags"] = tags.view(group.tags)
    return view


def permissions_view(ctx: Context, rules: Iterable[SecurityGroupRule]) -> list[IpPermissionOutputTypeDef]:
    """Rules as permissions: one per protocol and port range, its peers in four lists."""
    found: dict[tuple[str, int, int], IpPermissionOutputTypeDef] = {}
    for rule in rules:
        key = (rule.protocol, rule.from_port, rule.to_port)
        permission = found.get(key)
        if permission is None:
            permission = found[key] = {
                "IpProtocol": rule.protocol,
                "UserIdGroupPairs": [],
                "IpRanges": [],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
            }
            if rule.protocol in ("tcp", "udp", "icmp", "icmpv6"):
                permission["FromPort"] = rule.from_port
                permission["ToPort"] = rule.to_port
        described = {"Description": rule.description} if rule.description else {}
        if rule.cidr_ipv4:
            permission["IpRanges"].append({"CidrIp": rule.cidr_ipv4, **described})  # type: ignore[typeddict-item]
        elif rule.cidr_ipv6:
            permission["Ipv6Ranges"].append({"CidrIpv6": rule.cidr_ipv6, **described})  # type: ignore[typeddict-item]
        elif rule.prefix_list_id:
            entry = {"PrefixListId": rule.prefix_list_id, **described}
            permission["PrefixListIds"].append(entry)  # type: ignore[arg-type]
        else:
            permission["UserIdGroupPairs"].append(_pair(ctx, rule))
    return list(found.values())


def _pair(ctx: Context, rule: SecurityGroupRule) -> UserIdGroupPairTypeDef:
    pair: UserIdGroupPairTypeDef = {
        "UserId": rule.referenced_user_id or ctx.account,
        "GroupId": rule.referenced_group_id,
    }
    if rule.description:
        pair["Description"] = rule.description
    if rule.peering_id:
        pair["VpcId"] = rule.referenced_vpc_id
        pair["VpcPeeringConnectionId"] = rule.peering_id
        pair["PeeringStatus"] = peering_status(ctx, rule)
    return pair


def peering_status(ctx: Context, rule: SecurityGroupRule) -> str:
    """The state of the peering by which a rule names a group of another VPC."""
    peering = ctx.table(PeeringConnection).get(PEERINGS, rule.peering_id)
    return peering.state if peering is not None else "deleted"


def rule_view(ctx: Context, rule: SecurityGroupRule) -> SecurityGroupRuleTypeDef:
    """One rule."""
    view: SecurityGroupRuleTypeDef = {
        "SecurityGroupRuleId": rule.rule_id,
        "GroupId": rule.group_id,
        "GroupOwnerId": ctx.account,
        "IsEgress": rule.is_egress,
        "IpProtocol": rule.protocol,
        "FromPort": rule.from_port,
        "ToPort": rule.to_port,
        "SecurityGroupRuleArn": ctx.arn("ec2", f"security-group-rule/{rule.rule_id}"),
        "Tags": tags.view(rule.tags),
    }
    if rule.cidr_ipv4:
        view["CidrIpv4"] = rule.cidr_ipv4
    if rule.cidr_ipv6:
        view["CidrIpv6"] = rule.cidr_ipv6
    if rule.prefix_list_id:
        view["PrefixListId"] = rule.prefix_list_id
    if rule.referenced_group_id:
        info = {"GroupId": rule.referenced_group_id, "UserId": rule.referenced_user_id or ctx.account}
        if rule.peering_id:
            info["VpcId"] = rule.referenced_vpc_id
            info["VpcPeeringConnectionId"] = rule.peering_id
            info["PeeringStatus"] = peering_status(ctx, rule)
        view["ReferencedGroupInfo"] = info  # type: ignore[typeddict-item]
    if rule.description:
        view["Description"] = rule.description
    return view


def revoked_view(rule: SecurityGroupRule) -> RevokedSecurityGroupRuleTypeDef:
    """A rule that was just revoked."""
    view: RevokedSecurityGroupRuleTypeDef = {
        "SecurityGroupRuleId": rule.rule_id,
        "GroupId": rule.group_id,
        "IsEgress": rule.is_egress,
        "IpProtocol": rule.protocol,
        "FromPort": rule.from_port,
        "ToPort": rule.to_port,
    }
    if rule.cidr_ipv4:
        view["CidrIpv4"] = rule.cidr_ipv4
    if rule.cidr_ipv6:
        view["CidrIpv6"] = rule.cidr_ipv6
    if rule.prefix_list_id:
        view["PrefixListId"] = rule.prefix_list_id
    if rule.referenced_group_id:
        view["ReferencedGroupId"] = rule.referenced_group_id
    if rule.description:
        view["Description"] = rule.description
    return view


def acl_view(ctx: Context, acl: NetworkAcl) -> NetworkAclTypeDef:
    """A network ACL."""
    return {
        "Associations": [
            {
                "NetworkAclAssociationId": each.association_id,
                "NetworkAclId": acl.network_acl_id,
                "SubnetId": each.subnet_id,
            }
            for each in acl.associations
        ],
        "Entries": [entry_view(each) for each in sorted(acl.entries, key=lambda e: (not e.egress, e.number))],
        "IsDefault": acl.is_default,
        "NetworkAclId": acl.network_acl_id,
        "Tags": tags.view(acl.tags),
        "VpcId": acl.vpc_id,
        "OwnerId": ctx.account,
    }


def entry_view(entry: NaclEntry) -> NetworkAclEntryTypeDef:
    """One entry of a network ACL."""
    view: NetworkAclEntryTypeDef = {
        "Egress": entry.egress,
        "Protocol": entry.protocol,
        "RuleAction": entry.action,  # type: ignore[typeddict-item]
        "RuleNumber": entry.number,
    }
    if entry.cidr:
        view["CidrBlock"] = entry.cidr
    if entry.cidr_ipv6:
        view["Ipv6CidrBlock"] = entry.cidr_ipv6
    if entry.ports is not None:
        view["PortRange"] = {"From": entry.ports[0], "To": entry.ports[1]}
    if entry.icmp is not None:
        view["IcmpTypeCode"] = {"Type": entry.icmp[0], "Code": entry.icmp[1]}
    return view
