"""Route 53's kinds."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

VPCS = [{"VPCId": f"vpc-{n}", "VPCRegion": "eu-west-1"} for n in range(2)]


def records(stack: Any, zone: str) -> dict[tuple[str, str, str], Any]:
    listed = stack.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {
        (each["Name"], each["Type"], each.get("SetIdentifier", "")): each.get("AliasTarget")
        or [value["Value"] for value in each["ResourceRecords"]]
        for each in listed
        if each["Type"] not in ("NS", "SOA")
    }


def a(name: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "A", "TTL": "60", "ResourceRecords": list(values), **more}


def test_a_zone(stack: Any) -> None:
    api = stack.client("route53")
    tagged = {"Name": "a.example.", "HostedZoneTags": [{"Key": "a", "Value": "1"}]}
    zone = stack.create("AWS::Route53::HostedZone", Name="a.example.", HostedZoneConfig={"Comment": "c"})
    assert zone.attributes["Id"] == zone.physical_id and "/" not in zone.physical_id
    assert len(zone.attributes["NameServers"]) == 4

    def told() -> dict[str, Any]:
        made: dict[str, Any] = api.get_hosted_zone(Id=zone.physical_id)["HostedZone"]["Config"]
        return made

    assert told() == {"Comment": "c", "PrivateZone": False}
    zone.update(**tagged)
    assert told().get("Comment", "") == ""
    assert zone.replaced_by(**tagged, VPCs=VPCS)

    def tags() -> dict[str, str]:
        listed = api.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone.physical_id)
        return {tag["Key"]: tag["Value"] for tag in listed["ResourceTagSet"]["Tags"]}

    assert tags() == {"a": "1", "of-the-stack": "yes"}
    zone.update(Name="a.example.")
    assert tags() == {"of-the-stack": "yes"}
    record = stack.create("AWS::Route53::RecordSet", HostedZoneId=zone.physical_id, **a("x.a.example", "1.1.1.1"))
    with pytest.raises(AwsError, match="HostedZoneNotEmpty"):
        zone.delete()
    record.delete()
    zone.delete()
    with pytest.raises(ClientError, match="NoSuchHostedZone"):
        told()
    record.delete()


def test_a_private_zone_is_never_without_a_vpc(stack: Any) -> None:
    api = stack.client("route53")
    zone = stack.create("AWS::Route53::HostedZone", Name="b.example", VPCs=VPCS[:1])

    def vpcs() -> list[str]:
        return [vpc["VPCId"] for vpc in api.get_hosted_zone(Id=zone.physical_id)["VPCs"]]

    assert vpcs() == ["vpc-0"]
    zone.update(Name="b.example", VPCs=VPCS[1:])
    assert vpcs() == ["vpc-1"]
    zone.update(Name="b.example", VPCs=VPCS)
    assert sorted(vpcs()) == ["vpc-0", "vpc-1"]


def test_records(stack: Any) -> None:
    zone = stack.create("AWS::Route53::HostedZone", "Zone", Name="c.example.").physical_id
    plain = stack.create("AWS::Route53::RecordSet", HostedZoneName="c.example.", **a("x.c.example.", "1.1.1.1"))
    assert plain.physical_id == "x.c.example."
    key = ("x.c.example.", "A", "")
    with pytest.raises(Failed, match="already exists"):
        stack.create("AWS::Route53::RecordSet", HostedZoneId=zone, **a("x.c.example.", "2.2.2.2"))
    assert records(stack, zone) == {key: ["1.1.1.1"]}
    plain.update(HostedZoneName="c.example.", **a("x.c.example.", "3.3.3.3", "4.4.4.4"))
    assert records(stack, zone) == {key: ["3.3.3.3", "4.4.4.4"]}
    assert plain.replaced_by(HostedZoneName="c.example.", **a("y.c.example.", "3.3.3.3"))
    alias = {"AliasTarget": {"DNSName": "x.c.example.", "HostedZoneId": zone}}
    aliased = stack.create("AWS::Route53::RecordSet", HostedZoneId=zone, Name="z.c.example", Type="A", **alias)
    made = records(stack, zone)[("z.c.example.", "A", "")]
    assert (made["DNSName"], made["EvaluateTargetHealth"]) == ("x.c.example.", False)
    for each in (plain, aliased):
        each.delete()
    assert records(stack, zone) == {}


def test_weighted_records_are_told_by_their_identifiers(stack: Any) -> None:
    zone = stack.create("AWS::Route53::HostedZone", "Zone", Name="d.example.").physical_id

    def said(identifier: str) -> dict[str, Any]:
        return {"HostedZoneId": zone, **a("w.d.example.", "1.1.1.1", SetIdentifier=identifier, Weight=1)}

    one = stack.create("AWS::Route53::RecordSet", "One", **said("one"))
    stack.create("AWS::Route53::RecordSet", "Two", **said("two"))
    one.update(**said("three"))
    assert {key[2] for key in records(stack, zone)} == {"two", "three"}


def test_a_group_of_records(stack: Any) -> None:
    zone = stack.create("AWS::Route53::HostedZone", "Zone", Name="e.example.").physical_id
    one, two = a("1.e.example.", "1.1.1.1"), a("2.e.example.", "2.2.2.2")
    group = stack.create("AWS::Route53::RecordSetGroup", HostedZoneId=zone, RecordSets=[one, two])
    assert group.attributes == {"Id": group.name}
    with pytest.raises(Failed, match=r"'AWS::Route53::RecordSet' with identifier '1\.e\.example\.' already exists"):
        stack.create("AWS::Route53::RecordSetGroup", HostedZoneId=zone, RecordSets=[one])
    group.update(HostedZoneId=zone, RecordSets=[a("2.e.example.", "3.3.3.3")])
    assert records(stack, zone) == {("2.e.example.", "A", ""): ["3.3.3.3"]}
    with pytest.raises(AwsError, match=r"RecordSets\.CidrRoutingConfig is not implemented"):
        group.update(HostedZoneId=zone, RecordSets=[{**one, "CidrRoutingConfig": {}}])
    group.delete()
    assert records(stack, zone) == {}


def test_a_zone_that_is_not_there(stack: Any) -> None:
    with pytest.raises(Failed, match=r"No hosted zones named none.example. found"):
        stack.create("AWS::Route53::RecordSet", HostedZoneName="none.example", **a("x.none.example", "1.1.1.1"))
    with pytest.raises(Failed, match="Either HostedZoneId or HostedZoneName"):
        stack.create("AWS::Route53::RecordSet", **a("x.none.example", "1.1.1.1"))
