"""Security groups with their rules, and network ACLs."""

from __future__ import annotations

from typing import Any

import pytest

from cloudarium.kernel.errors import AwsError

from .conftest import Api, Resource, Stack

WEB = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0", "Description": "everybody"}
SSH = {"IpProtocol": "6", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.7/8"}
OUT = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0", "Description": "Allow all outbound traffic by default"}
NOWHERE = {
    "IpProtocol": "icmp",
    "FromPort": 252,
    "ToPort": 86,
    "CidrIp": "255.255.255.255/32",
    "Description": "Disallow all traffic",
}


async def rules(api: Api, group: Resource | str, *, egress: bool = False) -> list[tuple[Any, ...]]:
    """Protocol, first port, peer and description of a group's rules."""
    group_id = group if isinstance(group, str) else group.ref
    answer = await api("describe_security_group_rules", Filters=[{"Name": "group-id", "Values": [group_id]}])
    return sorted(
        (
            each["IpProtocol"],
            each["FromPort"],
            each.get("CidrIpv4") or each.get("PrefixListId") or each["ReferencedGroupInfo"]["GroupId"],
            each.get("Description", ""),
        )
        for each in answer["SecurityGroupRules"]
        if each["IsEgress"] is egress
    )


async def test_a_group_and_the_rules_in_it(api: Api, stack: Stack, vpc: Resource) -> None:
    given = {"GroupDescription": "web servers", "VpcId": vpc.ref}
    api.killed_after = "create_security_group"
    group = await stack.make("Web", "EC2::SecurityGroup", **given, SecurityGroupIngress=[WEB, SSH])
    assert group.ref.startswith("sg-") and group["GroupId"] == group.ref and group["VpcId"] == vpc.ref
    (shown,) = (await api("describe_security_groups", GroupIds=[group.ref]))["SecurityGroups"]
    assert shown["GroupName"].startswith("shop-Web-")
    assert await rules(api, group) == [("tcp", 22, "10.0.0.0/8", ""), ("tcp", 80, "0.0.0.0/0", "everybody")]
    assert await rules(api, group, egress=True) == [("-1", -1, "0.0.0.0/0", "")], "nothing was said of it"
    described = {**WEB, "Description": "all"}
    await stack.change(group, **given, SecurityGroupIngress=[described], SecurityGroupEgress=[OUT])
    assert await rules(api, group) == [("tcp", 80, "0.0.0.0/0", "all")]
    await stack.change(group, **given, SecurityGroupIngress=[WEB, SSH])
    assert await rules(api, group) == [("tcp", 22, "10.0.0.0/8", ""), ("tcp", 80, "0.0.0.0/0", "everybody")]
    assert await stack.delete(group) == 0


@pytest.mark.parametrize(
    ("rule", "made"),
    [
        (OUT, ("-1", -1, "0.0.0.0/0", OUT["Description"])),
        (NOWHERE, ("icmp", 252, "255.255.255.255/32", NOWHERE["Description"])),
        ({"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}, ("-1", -1, "0.0.0.0/0", "")),
    ],
)
async def test_what_may_go_out_is_said_instead_of_the_default(
    api: Api, stack: Stack, vpc: Resource, rule: dict[str, Any], made: tuple[Any, ...]
) -> None:
    group = await stack.make(
        "Web", "EC2::SecurityGroup", GroupDescription="web", VpcId=vpc.ref, SecurityGroupEgress=[rule]
    )
    assert await rules(api, group, egress=True) == [made]
    assert await group.kind.ready(group.work), "what was interrupted is done again"
    assert await rules(api, group, egress=True) == [made]


async def test_rules_of_others_are_left_alone(api: Api, stack: Stack, vpc: Resource) -> None:
    given = {"GroupDescription": "web", "VpcId": vpc.ref}
    group = await stack.make("Web", "EC2::SecurityGroup", **given, SecurityGroupIngress=[WEB])
    api.killed_after = "authorize_security_group_ingress"
    apart = await stack.make("Ssh", "EC2::SecurityGroupIngress", GroupId=group.ref, **SSH)
    assert apart.ref.startswith("sgr-") and apart["Id"] == apart.ref
    await stack.change(group, **given)
    assert await rules(api, group) == [("tcp", 22, "10.0.0.0/8", "")]
    await stack.change(apart, GroupId=group.ref, **SSH, Description="admins")
    assert await rules(api, group) == [("tcp", 22, "10.0.0.0/8", "admins")]
    with pytest.raises(AwsError, match=r"InvalidPermission\.Duplicate"):
        await stack.make("Twin", "EC2::SecurityGroupIngress", GroupId=group.ref, **SSH)
    await stack.delete(apart)
    assert await rules(api, group) == []
    assert await stack.delete(apart) == 0


async def test_groups_that_refer_to_each_other(api: Api, stack: Stack, vpc: Resource) -> None:
    front, back = [
        await stack.make(name, "EC2::SecurityGroup", GroupDescription=name, VpcId=vpc.ref) for name in ("Front", "Back")
    ]
    ports = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080}
    api.killed_after = "authorize_security_group_egress"
    out = await stack.make(
        "Out", "EC2::SecurityGroupEgress", GroupId=front.ref, DestinationSecurityGroupId=back.ref, **ports
    )
    enter = await stack.make(
        "In", "EC2::SecurityGroupIngress", GroupId=back.ref, SourceSecurityGroupId=front.ref, **ports
    )
    assert ("tcp", 8080, back.ref, "") in await rules(api, front, egress=True)
    assert await rules(api, back) == [("tcp", 8080, front.ref, "")]
    for each in (out, enter, front, back):
        assert await stack.delete(each) == 0


async def test_a_name_of_somebody_else_is_not_taken_over(api: Api, stack: Stack, vpc: Resource) -> None:
    await api("create_security_group", GroupName="web", Description="by hand", VpcId=vpc.ref)
    with pytest.raises(AwsError) as caught:
        await stack.make("Web", "EC2::SecurityGroup", GroupName="web", GroupDescription="web", VpcId=vpc.ref)
    assert caught.value.message == f"The security group 'web' already exists for VPC '{vpc.ref}'"


async def test_a_network_acl_its_entries_and_subnets(api: Api, stack: Stack, vpc: Resource) -> None:
    subnet = await stack.make("Subnet", "EC2::Subnet", VpcId=vpc.ref, CidrBlock="10.0.0.0/24")
    api.killed_after = "create_network_acl"
    acl = await stack.make("Acl", "EC2::NetworkAcl", VpcId=vpc.ref)
    entry = {"NetworkAclId": acl.ref, "RuleNumber": 100, "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}
    api.killed_after = "create_network_acl_entry"
    web = await stack.make("WebEntry", "EC2::NetworkAclEntry", **entry, Protocol=6, PortRange={"From": 80, "To": 80})
    assert web.ref.startswith("shop-WebEntry-")
    ping = await stack.make(
        "Ping", "EC2::NetworkAclEntry", **entry, Egress=True, Protocol=1, Icmp={"Type": -1, "Code": -1}
    )

    async def entries() -> list[dict[str, Any]]:
        (shown,) = (await api("describe_network_acls", NetworkAclIds=[acl.ref]))["NetworkAcls"]
        return [each for each in shown["Entries"] if each["RuleNumber"] == 100]

    (enters,) = [each for each in await entries() if not each["Egress"]]
    assert (enters["Protocol"], enters["PortRange"]) == ("6", {"From": 80, "To": 80})
    await stack.change(web, **{**entry, "RuleAction": "deny"}, Protocol=-1)
    (enters,) = [each for each in await entries() if not each["Egress"]]
    assert (enters["Protocol"], enters["RuleAction"]) == ("-1", "deny")

    api.killed_after = "replace_network_acl_association"
    association = await stack.make(
        "Association", "EC2::SubnetNetworkAclAssociation", SubnetId=subnet.ref, NetworkAclId=acl.ref
    )
    (shown,) = (await api("describe_network_acls", NetworkAclIds=[acl.ref]))["NetworkAcls"]
    assert [each["NetworkAclAssociationId"] for each in shown["Associations"]] == [association.ref]
    other = await stack.make("Other", "EC2::NetworkAcl", VpcId=vpc.ref)
    moved = await stack.make(
        "Association",
        "EC2::SubnetNetworkAclAssociation",
        SubnetId=subnet.ref,
        NetworkAclId=other.ref,
        replaces=association.ref,
    )
    await stack.delete(association)
    (shown,) = (await api("describe_network_acls", NetworkAclIds=[other.ref]))["NetworkAcls"]
    assert [each["SubnetId"] for each in shown["Associations"]] == [subnet.ref]
    for each in (moved, ping, web, acl, other, subnet):
        assert await stack.delete(each) == 0
