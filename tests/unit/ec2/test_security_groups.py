from __future__ import annotations

from typing import Any

import pytest

from .conftest import Ec2

EVERYWHERE = "0.0.0.0/0"


@pytest.fixture
def vpc_id(ec2: Ec2) -> str:
    return ec2.vpc()


@pytest.fixture
def group(ec2: Ec2, vpc_id: str) -> str:
    return ec2.group(vpc_id)


def tcp(port: int, *blocks: str, **more: Any) -> dict[str, Any]:
    return {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "IpRanges": [{"CidrIp": block} for block in blocks],
        **more,
    }


def shown(ec2: Ec2, group: str) -> dict[str, Any]:
    return dict(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0])


def test_a_new_group_lets_everything_out(ec2: Ec2, group: str, vpc_id: str) -> None:
    found = shown(ec2, group)
    assert found["IpPermissions"] == []
    assert found["IpPermissionsEgress"] == [
        {
            "IpProtocol": "-1",
            "IpRanges": [{"CidrIp": EVERYWHERE}],
            "Ipv6Ranges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [],
        }
    ]
    ec2.fails(
        "create_security_group",
        "InvalidGroup.Duplicate",
        f"The security group 'web' already exists for VPC '{vpc_id}'",
        VpcId=vpc_id,
        GroupName="web",
        Description="x",
    )


@pytest.mark.parametrize(
    ("name", "description", "code"),
    [
        ("sg-web", "x", "InvalidParameterValue"),
        ("default", "x", "InvalidGroup.Reserved"),
        ("wéb", "x", "InvalidParameterValue"),
        ("web", "ünicode", "InvalidParameterValue"),
        ("web", 'a "quoted" word', "InvalidParameterValue"),
        ("web", "x" * 256, "InvalidParameterValue"),
        ("web", "", "MissingParameter"),
        ("w" * 256, "x", "InvalidParameterValue"),
    ],
)
def test_names_that_aws_forbids(ec2: Ec2, vpc_id: str, name: str, description: str, code: str) -> None:
    ec2.fails("create_security_group", code, VpcId=vpc_id, GroupName=name, Description=description)


def test_a_description_of_no_rule(ec2: Ec2, group: str) -> None:
    ec2.fails(
        "update_security_group_rule_descriptions_ingress",
        "MissingParameter",
        GroupId=group,
        SecurityGroupRuleDescriptions=[{"Description": "whose?"}],
    )


def test_rules_of_one_permission_each_get_an_id(ec2: Ec2, group: str) -> None:
    permission = tcp(80, "10.0.0.7/8", "192.168.0.0/16")
    permission["IpRanges"][0]["Description"] = "inside"
    permission["Ipv6Ranges"] = [{"CidrIpv6": "::/0"}]
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission], TagSpecifications=tags)
    assert answer["Return"] is True
    first, second, third = answer["SecurityGroupRules"]
    assert (first["CidrIpv4"], first["Description"]) == ("10.0.0.0/8", "inside")
    assert second["CidrIpv4"] == "192.168.0.0/16"
    assert third["CidrIpv6"] == "::/0"
    assert first["Tags"] == [{"Key": "a", "Value": "b"}]
    (seen,) = shown(ec2, group)["IpPermissions"]
    assert seen["IpRanges"] == [
        {"CidrIp": "10.0.0.0/8", "Description": "inside"},
        {"CidrIp": "192.168.0.0/16"},
    ]
    (again,) = ec2.describe_security_group_rules(SecurityGroupRuleIds=[first["SecurityGroupRuleId"]])[
        "SecurityGroupRules"
    ]
    assert again == first


@pytest.mark.parametrize(
    ("permission", "words"),
    [
        (tcp(80, EVERYWHERE), "peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW"),
        ({"IpProtocol": "-1", "IpRanges": [{"CidrIp": EVERYWHERE}]}, "peer: 0.0.0.0/0, ALL, ALLOW"),
        (
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": EVERYWHERE}]},
            "peer: 0.0.0.0/0, ICMP, type: 8, code: ALL, ALLOW",
        ),
        (
            {"IpProtocol": "17", "FromPort": 53, "ToPort": 54, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
            "peer: 10.0.0.0/8, UDP, from port: 53, to port: 54, ALLOW",
        ),
        ({"IpProtocol": "50", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, "peer: 10.0.0.0/8, 50, ALLOW"),
    ],
)
def test_a_rule_twice(ec2: Ec2, group: str, permission: dict[str, Any], words: str) -> None:
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    ec2.fails(
        "authorize_security_group_ingress",
        "InvalidPermission.Duplicate",
        f'the specified rule "{words}" already exists',
        GroupId=group,
        IpPermissions=[permission],
    )
    ec2.fails(
        "authorize_security_group_ingress",
        "InvalidParameterValue",
        "The same permission must not appear multiple times",
        GroupId=group,
        IpPermissions=[tcp(81, EVERYWHERE), tcp(81, EVERYWHERE)],
    )


@pytest.mark.parametrize(
    "permission",
    [
        tcp(80, "10.0.0.0"),
        tcp(80, "nonsense/8"),
        tcp(70000, EVERYWHERE),
        {"IpProtocol": "tcp", "FromPort": 90, "ToPort": 80, "IpRanges": [{"CidrIp": EVERYWHERE}]},
        {"IpProtocol": "tcp", "IpRanges": [{"CidrIp": EVERYWHERE}]},
        {"IpProtocol": "quic", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": EVERYWHERE}]},
        {"IpProtocol": "256", "IpRanges": [{"CidrIp": EVERYWHERE}]},
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": 3, "IpRanges": [{"CidrIp": EVERYWHERE}]},
        tcp(80) | {"IpRanges": [{"CidrIp": EVERYWHERE, "Description": "ümlaut"}]},
    ],
)
def test_permissions_that_make_no_sense(ec2: Ec2, group: str, permission: dict[str, Any]) -> None:
    ec2.fails("authorize_security_group_ingress", "InvalidParameterValue", GroupId=group, IpPermissions=[permission])


def test_a_permission_without_peers_is_incomplete(ec2: Ec2, group: str) -> None:
    ec2.fails("authorize_security_group_ingress", "MissingParameter", GroupId=group, IpPermissions=[tcp(80)])
    ec2.fails("authorize_security_group_ingress", "MissingParameter", GroupId=group)


def test_a_rule_in_the_short_form(ec2: Ec2, group: str) -> None:
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="10.0.0.0/8")
    assert shown(ec2, group)["IpPermissions"][0]["FromPort"] == 22
    ec2.revoke_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="10.0.0.0/8")
    assert shown(ec2, group)["IpPermissions"] == []


def test_groups_as_peers(ec2: Ec2, group: str, vpc_id: str) -> None:
    other = ec2.group(vpc_id, "db")
    ec2.authorize_security_group_ingress(
        GroupId=other, IpPermissions=[tcp(5432) | {"UserIdGroupPairs": [{"GroupId": group}, {"GroupId": other}]}]
    )
    (permission,) = shown(ec2, other)["IpPermissions"]
    assert [pair["GroupId"] for pair in permission["UserIdGroupPairs"]] == [group, other]
    by_name = [{"Name": "ip-permission.group-name", "Values": ["web"]}]
    assert [g["GroupId"] for g in ec2.describe_security_groups(Filters=by_name)["SecurityGroups"]] == [other]
    ec2.fails("delete_security_group", "DependencyViolation", f"resource {group} has a dependent object", GroupId=group)
    stranger = ec2.group(ec2.vpc("10.5.0.0/16"), "stranger")
    ec2.fails(
        "authorize_security_group_ingress",
        "InvalidGroup.NotFound",
        "You have specified two resources that belong to different networks.",
        GroupId=other,
        IpPermissions=[tcp(80) | {"UserIdGroupPairs": [{"GroupId": stranger}]}],
    )
    ec2.fails(
        "authorize_security_group_ingress",
        "InvalidGroup.NotFound",
        "The security group 'sg-0123456789abcdef0' does not exist",
        GroupId=other,
        IpPermissions=[tcp(80) | {"UserIdGroupPairs": [{"GroupId": "sg-0123456789abcdef0"}]}],
    )
    # A reference to oneself holds nobody back.
    ec2.revoke_security_group_ingress(
        GroupId=other, IpPermissions=[tcp(5432) | {"UserIdGroupPairs": [{"GroupId": group}]}]
    )
    ec2.delete_security_group(GroupId=group)
    ec2.delete_security_group(GroupId=other)


def test_groups_in_use_stay(ec2: Ec2, group: str, vpc_id: str) -> None:
    interface = ec2.interface(ec2.subnet(vpc_id), Groups=[group])
    ec2.fails("delete_security_group", "DependencyViolation", GroupId=group)
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_security_group(GroupId=group)
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
    default = ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]
    ec2.fails(
        "delete_security_group",
        "CannotDelete",
        f'the specified group: "{default}" name: "default" cannot be deleted by a user',
        GroupId=default,
    )


def test_revoking_what_is_not_there(ec2: Ec2, group: str) -> None:
    ec2.fails(
        "revoke_security_group_ingress",
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
        GroupId=group,
        IpPermissions=[tcp(80, EVERYWHERE)],
    )
    # In the default VPC AWS answers instead of failing.
    mine = ec2.create_security_group(GroupName="mine", Description="x")["GroupId"]
    answer = ec2.revoke_security_group_ingress(GroupName="mine", IpPermissions=[tcp(80, EVERYWHERE)])
    assert answer["UnknownIpPermissions"][0]["IpRanges"] == [{"CidrIp": EVERYWHERE}]
    assert answer["RevokedSecurityGroupRules"] == []
    by_name = ec2.describe_security_groups(GroupNames=["mine"])["SecurityGroups"]
    assert [each["GroupId"] for each in by_name] == [mine]
    ec2.fails("describe_security_groups", "InvalidGroup.NotFound", GroupNames=["theirs"])


def test_revoking_by_rule_id(ec2: Ec2, group: str) -> None:
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    egress = rules[0]["SecurityGroupRuleId"]
    ec2.fails(
        "revoke_security_group_ingress",
        "InvalidSecurityGroupRuleId.NotFound",
        f"The security group rule ID '{egress}' does not exist",
        GroupId=group,
        SecurityGroupRuleIds=[egress],
    )
    answer = ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[egress])
    assert answer["RevokedSecurityGroupRules"][0]["CidrIpv4"] == EVERYWHERE
    assert shown(ec2, group)["IpPermissionsEgress"] == []


def test_changing_rules(ec2: Ec2, group: str) -> None:
    made = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[tcp(80, EVERYWHERE), tcp(81, EVERYWHERE)]
    )["SecurityGroupRules"]
    first, second = (rule["SecurityGroupRuleId"] for rule in made)
    new = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8081, "CidrIpv4": "10.0.0.0/8", "Description": "new"}
    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": first, "SecurityGroupRule": new}]
    )
    (rule,) = ec2.describe_security_group_rules(SecurityGroupRuleIds=[first])["SecurityGroupRules"]
    assert {name: rule[name] for name in new} == new
    ec2.fails(
        "modify_security_group_rules",
        "InvalidPermission.Duplicate",
        GroupId=group,
        SecurityGroupRules=[{"SecurityGroupRuleId": second, "SecurityGroupRule": new}],
    )
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=group, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": second, "Description": "by id"}]
    )
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 8080,
        "ToPort": 8081,
        "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "by rule"}],
    }
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[permission])
    rules = ec2.describe_security_group_rules(SecurityGroupRuleIds=[first, second])["SecurityGroupRules"]
    assert [each["Description"] for each in rules] == ["by rule", "by id"]
    ec2.fails(
        "update_security_group_rule_descriptions_egress",
        "InvalidPermission.NotFound",
        GroupId=group,
        IpPermissions=[permission],
    )


def test_sixty_rules_and_no_more(ec2: Ec2, group: str) -> None:
    permissions = [tcp(port, EVERYWHERE) for port in range(1, 61)]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    ec2.fails(
        "authorize_security_group_ingress",
        "RulesPerSecurityGroupLimitExceeded",
        "The maximum number of rules per security group has been reached.",
        GroupId=group,
        IpPermissions=[tcp(99, EVERYWHERE)],
    )
    # IPv6 rules and egress rules are counted for themselves.
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[tcp(99) | {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
    )
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[tcp(99, EVERYWHERE)])
    assert len(shown(ec2, group)["IpPermissions"]) == 61


def test_a_prefix_list_counts_as_its_size(ec2: Ec2, group: str) -> None:
    prefix_list = ec2.create_managed_prefix_list(PrefixListName="big", MaxEntries=60, AddressFamily="IPv4")
    list_id = prefix_list["PrefixList"]["PrefixListId"]
    by_list = tcp(80) | {"PrefixListIds": [{"PrefixListId": list_id}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[by_list])
    ec2.fails(
        "authorize_security_group_ingress",
        "RulesPerSecurityGroupLimitExceeded",
        GroupId=group,
        IpPermissions=[tcp(99, EVERYWHERE)],
    )
    ec2.fails(
        "authorize_security_group_ingress",
        "InvalidPrefixListID.NotFound",
        GroupId=group,
        IpPermissions=[tcp(80) | {"PrefixListIds": [{"PrefixListId": "pl-01234567"}]}],
    )


def test_groups_of_a_vpc(ec2: Ec2, group: str, vpc_id: str) -> None:
    found = ec2.get_security_groups_for_vpc(VpcId=vpc_id)["SecurityGroupForVpcs"]
    assert {each["GroupName"] for each in found} == {"default", "web"}
    assert ec2.describe_stale_security_groups(VpcId=vpc_id)["StaleSecurityGroupSet"] == []
    assert ec2.describe_security_group_references(GroupId=[group])["SecurityGroupReferenceSet"] == []
    assert ec2.describe_security_group_vpc_associations()["SecurityGroupVpcAssociations"] == []
