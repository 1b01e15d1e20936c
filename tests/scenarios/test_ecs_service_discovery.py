"""Cloud Map follows the tasks of a service through an update (ECS-12)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.scenarios.ecs_site import Site
from tests.support.cloud import RunningCloud

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def site(cloud: RunningCloud) -> Iterator[Site]:
    """A site whose service was not made yet; what a test made is deleted."""
    made = Site(cloud)
    yield made
    made.delete()


def _addresses(site: Site) -> set[str]:
    """The private addresses of the tasks that run."""
    return {
        detail["value"]
        for task in site.tasks()
        if task["desiredStatus"] == "RUNNING"
        for attachment in task["attachments"]
        for detail in attachment["details"]
        if detail["name"] == "privateIPv4Address"
    }


def test_names_lead_to_the_tasks_that_run(site: Site) -> None:
    """Every task is an instance with its address; after an update only the new ones are."""
    names = site.account.servicediscovery
    operation = names.create_private_dns_namespace(Name="shop.local", Vpc=site.stack.vpc)["OperationId"]
    site.cloud.advance("1m")
    namespace = names.get_operation(OperationId=operation)["Operation"]["Targets"]["NAMESPACE"]
    registry = names.create_service(
        Name="web", NamespaceId=namespace, DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]}
    )["Service"]
    site.create(site.definition("blue"), 2, serviceRegistries=[{"registryArn": registry["Arn"]}])
    before = _addresses(site)
    assert len(before) == 2 and _registered(site, registry["Id"]) == before
    site.update(site.definition("green"))
    site.until_completed()
    after = _addresses(site)
    assert not before & after
    assert _registered(site, registry["Id"]) == after


def _registered(site: Site, service: str) -> set[str]:
    found = site.account.servicediscovery.list_instances(ServiceId=service)["Instances"]
    tasks = {task["taskArn"].split("/")[-1] for task in site.tasks()}
    assert {each["Id"] for each in found} <= tasks
    assert {each["Attributes"]["ECS_SERVICE_NAME"] for each in found} == {"web"}
    return {each["Attributes"]["AWS_INSTANCE_IPV4"] for each in found}
