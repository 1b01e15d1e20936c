from __future__ import annotations

from typing import Any

import pytest

from .conftest import Ec2


@pytest.fixture
def vpc_id(ec2: Ec2) -> str:
    return ec2.vpc()


@pytest.fixture
def acl(ec2: Ec2, vpc_id: str) -> str:
    return str(ec2.create_network_acl(VpcId=vpc_id)["NetworkAcl"]["NetworkAclId"])


def http(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "RuleNumber": number,
        "Protocol": "tcp",
        "RuleAction": "allow",
        "Egress": False,
        "CidrBlock": "0.0.0.0/0",
        "PortRange": {"From": 80, "To": 80},
        **changes,
    }


def entries(ec2: Ec2, acl: str) -> list[dict[str, Any]]:
    found = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    return [each for each in found if each["RuleNumber"] < 32767]


def test_entries(ec2: Ec2, acl: str) -> None:
    assert entries(ec2, acl) == []
    ec2.create_network_acl_entry(NetworkAclId=acl, **http(100))
    assert entries(ec2, acl) == [
        {
            "Egress": False,
            "Protocol": "6",
            "RuleAction": "allow",
            "RuleNumber": 100,
            "CidrBlock": "0.0.0.0/0",
            "PortRange": {"From": 80, "To": 80},
        }
    ]
    ec2.fails(
        "create_network_acl_entry",
        "NetworkAclEntryAlreadyExists",
        "The network acl entry identified by 100 already exists.",
        NetworkAclId=acl,
        **http(100),
    )
    ec2.create_network_acl_entry(NetworkAclId=acl, **http(100, Egress=True))
    ec2.replace_network_acl_entry(NetworkAclId=acl, **http(100, RuleAction="deny"))
    assert [(e["Egress"], e["RuleAction"]) for e in entries(ec2, acl)] == [(True, "allow"), (False, "deny")]
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False)
    ec2.fails(
        "delete_network_acl_entry", "InvalidNetworkAclEntry.NotFound", NetworkAclId=acl, RuleNumber=100, Egress=False
    )
    ec2.fails("replace_network_acl_entry", "InvalidNetworkAclEntry.NotFound", NetworkAclId=acl, **http(100))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"RuleNumber": 0}, "InvalidParameterValue"),
        ({"RuleNumber": 32767}, "InvalidParameterValue"),
        ({"Protocol": "smoke"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.0.0"}, "InvalidParameterValue"),
        ({"PortRange": {"From": 9, "To": 8}}, "InvalidParameterValue"),
        ({"PortRange": {}}, "MissingParameter"),
        ({"Protocol": "icmp"}, "MissingParameter"),
        ({"Ipv6CidrBlock": "::/0"}, "InvalidParameterCombination"),
    ],
)
def test_entries_that_make_no_sense(ec2: Ec2, acl: str, changes: dict[str, Any], code: str) -> None:
    ec2.fails("create_network_acl_entry", code, NetworkAclId=acl, **{**http(100), **changes})


def test_twenty_entries_each_way(ec2: Ec2, acl: str) -> None:
    for number in range(1, 21):
        ec2.create_network_acl_entry(NetworkAclId=acl, **http(number))
    ec2.fails("create_network_acl_entry", "NetworkAclEntryLimitExceeded", NetworkAclId=acl, **http(21))
    ec2.create_network_acl_entry(NetworkAclId=acl, **http(21, Egress=True))


def test_a_subnet_always_has_one_acl(ec2: Ec2, vpc_id: str, acl: str) -> None:
    subnet = ec2.subnet(vpc_id)
    of_subnet = [{"Name": "association.subnet-id", "Values": [subnet]}]
    (default,) = ec2.describe_network_acls(Filters=of_subnet)["NetworkAcls"]
    assert default["IsDefault"] is True
    association = default["Associations"][0]["NetworkAclAssociationId"]
    moved = ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)["NewAssociationId"]
    (now,) = ec2.describe_network_acls(Filters=of_subnet)["NetworkAcls"]
    assert now["NetworkAclId"] == acl
    assert now["Associations"][0]["NetworkAclAssociationId"] == moved
    ec2.fails(
        "delete_network_acl",
        "DependencyViolation",
        f"The networkAcl '{acl}' has dependencies and cannot be deleted.",
        NetworkAclId=acl,
    )
    ec2.fails(
        "replace_network_acl_association",
        "InvalidAssociationID.NotFound",
        AssociationId=association,
        NetworkAclId=acl,
    )
    ec2.fails("delete_network_acl", "InvalidParameterValue", NetworkAclId=default["NetworkAclId"])
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_network_acl(NetworkAclId=acl)


def test_entries_are_found_by_protocol_name_and_number(ec2: Ec2, acl: str) -> None:
    ec2.create_network_acl_entry(NetworkAclId=acl, **http(100))
    for value in ("tcp", "6"):
        found = ec2.describe_network_acls(Filters=[{"Name": "entry.protocol", "Values": [value]}])["NetworkAcls"]
        assert [each["NetworkAclId"] for each in found] == [acl]
