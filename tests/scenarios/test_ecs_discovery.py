"""Service discovery: a Cloud Map name follows the tasks of a service, inside the VPC and on the host."""

from __future__ import annotations

import socket
from typing import Any

import dnslib
import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place


@pytest.fixture(scope="module")
def place(cloud: RunningCloud) -> Place:
    return Place(cloud, Account(cloud, fresh_number()))


def registry(place: Place, kind: str) -> tuple[str, str]:
    """A Cloud Map service in a namespace of the VPC: its ARN and its id."""
    cloud_map = place.account.servicediscovery
    begun = cloud_map.create_private_dns_namespace(Name=f"{kind.lower()}.corp.local", Vpc=place.vpc)["OperationId"]

    def operation() -> dict[str, Any]:
        return dict(cloud_map.get_operation(OperationId=begun)["Operation"])

    until(lambda: operation()["Status"] == "SUCCESS", "the namespace is there")
    namespace = operation()["Targets"]["NAMESPACE"]
    made = cloud_map.create_service(
        Name="web",
        DnsConfig={"NamespaceId": namespace, "DnsRecords": [{"Type": kind, "TTL": 10}]},
        HealthCheckCustomConfig={"FailureThreshold": 1},
    )["Service"]
    return str(made["Arn"]), str(made["Id"])


def from_host(place: Place, name: str, kind: str = "A") -> list[str]:
    """What the host's DNS port says."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(bytes(dnslib.DNSRecord.question(name, kind).pack()), ("127.0.0.1", place.account.cloud.port))
        return sorted(str(record.rdata) for record in dnslib.DNSRecord.parse(client.recv(4096)).rr)


def running(place: Place, service: str) -> dict[str, str]:
    """Addresses of the service's running tasks, by task id."""
    arns = place.ecs.list_tasks(cluster="main", serviceName=service)["taskArns"]
    if not arns:
        return {}
    found: dict[str, str] = {}
    for task in place.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]:
        details: list[dict[str, Any]] = task["attachments"][0]["details"] if task["attachments"] else []
        address = next((each["value"] for each in details if each["name"] == "privateIPv4Address"), None)
        if task["lastStatus"] == "RUNNING" and address:
            found[task["taskArn"].rpartition("/")[2]] = address
    return found


def serve(place: Place, name: str, registry_arn: str, count: int, **where: Any) -> None:
    """A service whose tasks answer on port 80."""
    definition = place.define(
        {"name": "app", "command": ["sh", "-c", "echo it is $HOSTNAME > index.html; exec httpd -f -p 80"],
         "portMappings": [{"containerPort": 80}]}
    )  # fmt: skip
    group = place.account.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [place.vpc]}])
    place.ecs.create_service(
        cluster="main", serviceName=name, taskDefinition=definition, desiredCount=count, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {
            "subnets": [place.public], "assignPublicIp": "ENABLED",
            "securityGroups": [group["SecurityGroups"][0]["GroupId"]]}},
        serviceRegistries=[{"registryArn": registry_arn, **where}],
    )  # fmt: skip


def test_a_name_follows_the_tasks(place: Place) -> None:
    """Two tasks, two addresses; one more, one more; none, no name. Programs in the VPC reach them by it."""
    arn, service = registry(place, "A")
    serve(place, "web", arn, 2)
    name = "web.a.corp.local"

    def agree(count: int) -> bool:
        addresses = sorted(running(place, "web").values())
        return len(addresses) == count and from_host(place, name) == addresses

    until(lambda: agree(2), "the name has both tasks", 30)
    instances = place.account.servicediscovery.list_instances(ServiceId=service)["Instances"]
    assert {each["Id"] for each in instances} == set(running(place, "web"))
    assert all(each["Attributes"]["ECS_SERVICE_NAME"] == "web" for each in instances)
    said = place.inside(f"wget -qO- http://{name}/")
    assert said.startswith("it is ")
    place.ecs.update_service(cluster="main", service="web", desiredCount=3)
    until(lambda: agree(3), "and the third", 30)
    (victim, *_) = running(place, "web")
    place.ecs.stop_task(cluster="main", task=victim)
    until(lambda: victim not in running(place, "web") and agree(3), "and the one that took a place", 40)
    place.ecs.update_service(cluster="main", service="web", desiredCount=0)
    until(lambda: from_host(place, name) == [], "and none", 40)
    place.ecs.delete_service(cluster="main", service="web", force=True)


def test_srv_records_have_ports(place: Place) -> None:
    """For those who look them up."""
    arn, _ = registry(place, "SRV")
    serve(place, "ports", arn, 1, containerName="app", containerPort=80)
    name = "web.srv.corp.local"
    until(lambda: from_host(place, name, "SRV"), "there is a record", 30)
    (record,) = from_host(place, name, "SRV")
    priority, weight, port, target = record.split()
    assert (priority, weight, port) == ("1", "1", "80")
    assert from_host(place, target.rstrip(".")) == list(running(place, "ports").values())
    place.ecs.delete_service(cluster="main", service="ports", force=True)
