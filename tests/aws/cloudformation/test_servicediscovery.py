"""Cloud Map as a stack: a namespace for DNS, a service and an instance, made, changed, rolled back and deleted."""

from __future__ import annotations

from typing import Any

from tests.support.aws import Account
from tests.support.stacks import Stacks, resource


def shop(address: str, ttl: int) -> dict[str, Any]:
    """web.shop.local at an address."""
    records = {"DnsRecords": [{"Type": "A", "TTL": ttl}]}
    return {
        "Net": resource("EC2::VPC", {"CidrBlock": "10.5.0.0/16"}),
        "Space": resource("ServiceDiscovery::PrivateDnsNamespace", {"Name": "shop.local", "Vpc": {"Ref": "Net"}}),
        "Web": resource(
            "ServiceDiscovery::Service",
            {"Name": "web", "NamespaceId": {"Ref": "Space"}, "DnsConfig": records},
        ),
        "One": resource(
            "ServiceDiscovery::Instance",
            {"ServiceId": {"Ref": "Web"}, "InstanceId": "one", "InstanceAttributes": {"AWS_INSTANCE_IPV4": address}},
        ),
    }


def test_a_namespace_with_a_service(account: Account) -> None:
    """Its zone, its records and its instance."""
    stacks, api = Stacks(account), account.servicediscovery
    outputs = {"Zone": {"Fn::GetAtt": ["Space", "HostedZoneId"]}, "Arn": {"Fn::GetAtt": ["Web", "Arn"]}}
    stacks.create("map", shop("10.5.0.9", 60), outputs=outputs)
    ids, shown = stacks.ids("map"), stacks.outputs("map")
    assert (
        shown["Zone"] == api.get_namespace(Id=ids["Space"])["Namespace"]["Properties"]["DnsProperties"]["HostedZoneId"]
    )
    assert shown["Arn"] == api.get_service(Id=ids["Web"])["Service"]["Arn"]

    def found() -> list[str]:
        instances = api.list_instances(ServiceId=ids["Web"])["Instances"]
        return [each["Attributes"]["AWS_INSTANCE_IPV4"] for each in instances]

    assert found() == ["10.5.0.9"]
    stacks.update("map", shop("10.5.0.10", 30), outputs=outputs)
    assert found() == ["10.5.0.10"]
    records = api.get_service(Id=ids["Web"])["Service"]["DnsConfig"]["DnsRecords"]
    assert records == [{"Type": "A", "TTL": 30}]
    stacks.update("map", shop("not an address", 10), "UPDATE_ROLLBACK_COMPLETE", outputs=outputs)
    assert found() == ["10.5.0.10"]
    assert api.get_service(Id=ids["Web"])["Service"]["DnsConfig"]["DnsRecords"] == records
    stacks.delete("map")
    assert api.list_namespaces()["Namespaces"] == []
    assert account.route53.list_hosted_zones()["HostedZones"] == []


def test_a_namespace_of_others_fails_the_stack(account: Account) -> None:
    """And stays."""
    stacks, api = Stacks(account), account.servicediscovery
    api.create_http_namespace(Name="theirs")
    stacks.create(
        "map", {"Space": resource("ServiceDiscovery::HttpNamespace", {"Name": "theirs"})}, "ROLLBACK_COMPLETE"
    )
    assert any("already exists" in each for each in stacks.failures("map"))
    stacks.delete("map")
    assert [each["Name"] for each in api.list_namespaces()["Namespaces"]] == ["theirs"]
