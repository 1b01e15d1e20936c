"""Cloud Map through boto3: every operation, its errors, and what is discovered."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account, client
from tests.support.cloud import until


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """The AWS error code."""
    return str(error.value.response["Error"]["Code"])


def finished(account: Account, operation: str) -> dict[str, Any]:
    """The operation, once it is over."""
    seen: list[dict[str, Any]] = []

    def over() -> bool:
        seen.append(account.servicediscovery.get_operation(OperationId=operation)["Operation"])
        return seen[-1]["Status"] in ("SUCCESS", "FAIL")

    until(over, "the operation is over")
    return seen[-1]


@pytest.fixture
def http(account: Account) -> str:
    """An HTTP namespace."""
    made = account.servicediscovery.create_http_namespace(Name="shop", CreatorRequestId="one", Description="a shop")
    operation = finished(account, made["OperationId"])
    assert operation["Status"] == "SUCCESS" and operation["Type"] == "CREATE_NAMESPACE"
    return str(operation["Targets"]["NAMESPACE"])


def test_namespaces(account: Account, http: str) -> None:
    """Create, read, list, change, tag, delete; duplicates are refused."""
    cloud_map = account.servicediscovery
    namespace = cloud_map.get_namespace(Id=http)["Namespace"]
    assert namespace["Arn"] == f"arn:aws:servicediscovery:us-east-1:{account.number}:namespace/{http}"
    assert (namespace["Name"], namespace["Type"], namespace["ServiceCount"]) == ("shop", "HTTP", 0)
    assert namespace["Properties"]["HttpProperties"] == {"HttpName": "shop"}
    with pytest.raises(ClientError) as error:
        cloud_map.create_http_namespace(Name="shop")
    assert code(error) == "NamespaceAlreadyExists" and error.value.response["NamespaceId"] == http
    cloud_map.update_http_namespace(Id=http, Namespace={"Description": "another"})
    assert cloud_map.get_namespace(Id=namespace["Arn"])["Namespace"]["Description"] == "another"
    by_type = [{"Name": "TYPE", "Values": ["HTTP"]}]
    assert [n["Id"] for n in cloud_map.list_namespaces(Filters=by_type)["Namespaces"]] == [http]
    by_type[0]["Values"] = ["DNS_PRIVATE"]
    assert not cloud_map.list_namespaces(Filters=by_type)["Namespaces"]
    cloud_map.tag_resource(ResourceARN=namespace["Arn"], Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    cloud_map.untag_resource(ResourceARN=namespace["Arn"], TagKeys=["a"])
    assert cloud_map.list_tags_for_resource(ResourceARN=namespace["Arn"])["Tags"] == [{"Key": "c", "Value": "d"}]
    assert finished(account, cloud_map.delete_namespace(Id=http)["OperationId"])["Status"] == "SUCCESS"
    with pytest.raises(ClientError) as error:
        cloud_map.get_namespace(Id=http)
    assert code(error) == "NamespaceNotFound"


def test_instances_are_discovered(account: Account, http: str) -> None:
    """By health and by attributes; the revision tells of changes."""
    cloud_map = account.servicediscovery
    service = cloud_map.create_service(
        Name="carts", NamespaceId=http, HealthCheckCustomConfig={"FailureThreshold": 1}
    )["Service"]["Id"]  # fmt: skip
    for number, version in enumerate(("v1", "v1", "v2")):
        attributes = {"AWS_INSTANCE_IPV4": f"10.0.0.{number}", "AWS_INSTANCE_PORT": "80", "version": version}
        made = cloud_map.register_instance(ServiceId=service, InstanceId=f"i{number}", Attributes=attributes)
        assert finished(account, made["OperationId"])["Targets"] == {"INSTANCE": f"i{number}", "SERVICE": service}
    # The SDK puts "data-" before the host of this operation; nobody resolves that for a loopback address.
    discovery = client("servicediscovery", account.cloud.endpoint, account.region, account.number)
    discovery.meta.events.register("before-sign", lambda request, **_: _without_prefix(request))

    def found(**options: Any) -> set[str]:
        answer = discovery.discover_instances(NamespaceName="shop", ServiceName="carts", **options)
        return {each["InstanceId"] for each in answer["Instances"]}

    assert found() == {"i0", "i1", "i2"}
    assert found(QueryParameters={"version": "v1"}) == {"i0", "i1"}
    assert found(OptionalParameters={"version": "v2"}) == {"i2"}
    assert found(OptionalParameters={"version": "v3"}) == {"i0", "i1", "i2"}
    before = discovery.discover_instances_revision(NamespaceName="shop", ServiceName="carts")["InstancesRevision"]
    cloud_map.update_instance_custom_health_status(ServiceId=service, InstanceId="i0", Status="UNHEALTHY")
    after = discovery.discover_instances_revision(NamespaceName="shop", ServiceName="carts")["InstancesRevision"]
    assert after > before
    assert found(HealthStatus="HEALTHY") == {"i1", "i2"}
    assert found(HealthStatus="UNHEALTHY") == {"i0"}
    status = cloud_map.get_instances_health_status(ServiceId=service)["Status"]
    assert status == {"i0": "UNHEALTHY", "i1": "HEALTHY", "i2": "HEALTHY"}
    for name in ("i1", "i2"):
        cloud_map.update_instance_custom_health_status(ServiceId=service, InstanceId=name, Status="UNHEALTHY")
    assert found(HealthStatus="HEALTHY") == set()
    assert found(HealthStatus="HEALTHY_OR_ELSE_ALL") == {"i0", "i1", "i2"}
    with pytest.raises(ClientError) as error:
        cloud_map.delete_service(Id=service)
    assert code(error) == "ResourceInUse"
    for name in ("i0", "i1", "i2"):
        cloud_map.deregister_instance(ServiceId=service, InstanceId=name)
    with pytest.raises(ClientError) as error:
        cloud_map.get_instance(ServiceId=service, InstanceId="i0")
    assert code(error) == "InstanceNotFound"
    cloud_map.delete_service(Id=service)
    assert not cloud_map.list_services()["Services"]


def _without_prefix(request: Any) -> None:
    request.url = request.url.replace("//data-", "//")


def test_private_dns_namespace(account: Account) -> None:
    """It belongs to a VPC, has a hosted zone in Route 53, and its services have records."""
    cloud_map = account.servicediscovery
    with pytest.raises(ClientError) as error:
        cloud_map.create_private_dns_namespace(Name="corp.local", Vpc="vpc-0123456789abcdef0")
    assert code(error) == "InvalidInput"
    vpc = account.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = cloud_map.create_private_dns_namespace(Name="corp.local", Vpc=vpc)
    namespace = finished(account, made["OperationId"])["Targets"]["NAMESPACE"]
    zone = cloud_map.get_namespace(Id=namespace)["Namespace"]["Properties"]["DnsProperties"]["HostedZoneId"]
    hosted = account.route53.get_hosted_zone(Id=zone)
    assert hosted["HostedZone"]["Name"] == "corp.local." and hosted["VPCs"][0]["VPCId"] == vpc
    record = {"Type": "A", "TTL": 10}
    service = cloud_map.create_service(
        Name="db", DnsConfig={"NamespaceId": namespace, "RoutingPolicy": "MULTIVALUE", "DnsRecords": [record]}
    )["Service"]
    assert service["DnsConfig"]["DnsRecords"] == [record] and service["Type"] == "DNS_HTTP"
    with pytest.raises(ClientError) as error:
        cloud_map.register_instance(ServiceId=service["Id"], InstanceId="a", Attributes={"AWS_INSTANCE_PORT": "1"})
    assert code(error) == "InvalidInput" and "AWS_INSTANCE_IPV4" in str(error.value)
    cloud_map.update_service(Id=service["Id"], Service={"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 60}]}})
    assert cloud_map.get_service(Id=service["Id"])["Service"]["DnsConfig"]["DnsRecords"][0]["TTL"] == 60
    cloud_map.update_service_attributes(ServiceId=service["Id"], Attributes={"team": "one"})
    assert cloud_map.get_service_attributes(ServiceId=service["Id"])["ServiceAttributes"]["Attributes"] == {
        "team": "one"
    }
    cloud_map.delete_service_attributes(ServiceId=service["Id"], Attributes=["team"])
    with pytest.raises(ClientError) as error:
        cloud_map.delete_namespace(Id=namespace)
    assert code(error) == "ResourceInUse"
    cloud_map.delete_service(Id=service["Id"])
    assert finished(account, cloud_map.delete_namespace(Id=namespace)["OperationId"])["Status"] == "SUCCESS"
    with pytest.raises(ClientError) as error:
        account.route53.get_hosted_zone(Id=zone)
    assert code(error) == "NoSuchHostedZone"


def test_what_is_not_there_is_refused(account: Account, http: str) -> None:
    """Route 53 health checks and instances known by EC2 id alone."""
    cloud_map = account.servicediscovery
    with pytest.raises(ClientError) as error:
        cloud_map.create_service(Name="x", NamespaceId=http, HealthCheckConfig={"Type": "HTTP"})
    assert code(error) == "NotImplemented"
    service = cloud_map.create_service(Name="y", NamespaceId=http)["Service"]["Id"]
    with pytest.raises(ClientError) as error:
        cloud_map.register_instance(ServiceId=service, InstanceId="i", Attributes={"AWS_EC2_INSTANCE_ID": "i-1"})
    assert code(error) == "NotImplemented"
    with pytest.raises(ClientError) as error:
        cloud_map.create_service(Name="z", NamespaceId=http, DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 1}]})
    assert code(error) == "InvalidInput"
