"""AWS::ServiceDiscovery::*: made, changed, changed back and deleted, and never taken from others."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.unit.cloudformation.kinds.ours.conftest import ACCOUNT, Api, Resource

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed, NeedsReplacement

_SPACE = "AWS::ServiceDiscovery::{}Namespace"


@pytest.fixture(autouse=True)
def zones(api: Api) -> dict[str, Any]:
    """Hosted zones by id, as Route 53 would have them."""
    found: dict[str, Any] = {}

    def create(**params: Any) -> dict[str, Any]:
        if params["Name"] == "reserved.example.":
            raise AwsError("ConflictingDomainExists", "The domain is reserved.")
        id_ = f"Z{len(found)}"
        found[id_] = params
        return {"HostedZone": {"Id": f"/hostedzone/{id_}"}}

    api.fakes["route53", "create_hosted_zone"] = create
    api.fakes["route53", "delete_hosted_zone"] = lambda Id: found.pop(Id) and {}
    return found


async def made(resource: Resource) -> Resource:
    """Make it, and let the controller come to its end meanwhile."""
    resource.become(physical_id=await resource.kind.create(resource.work))
    async with asyncio.timeout(10):
        while not await resource.kind.ready(resource.work):
            await asyncio.sleep(0)
    resource.become(attributes=await resource.kind.attributes(resource.work))
    return resource


async def removed(resource: Resource) -> None:
    await resource.kind.delete(resource.work)
    async with asyncio.timeout(10):
        while not await resource.kind.gone(resource.work):
            await asyncio.sleep(0)
    await resource.remove()


async def space(api: Api, id_: str) -> dict[str, Any]:
    return dict((await api.of("servicediscovery", "get_namespace", Id=id_))["Namespace"])


async def test_an_http_namespace(api: Api) -> None:
    namespace = await made(api.resource(_SPACE.format("Http"), {"Name": "shop", "Description": "All of it"}))
    arn = f"arn:aws:servicediscovery:us-east-1:{ACCOUNT}:namespace/{namespace.ref}"
    assert namespace.work.attributes == {"Arn": arn, "Id": namespace.ref}
    # The same request with the same token, after the first one was interrupted.
    assert await namespace.kind.found(namespace.work) == namespace.ref
    assert await namespace.kind.create(namespace.work) == namespace.ref
    await namespace.change({"Name": "shop"}, {"team": "shop"})
    assert "Description" not in await space(api, namespace.id)
    tags = (await api.of("servicediscovery", "list_tags_for_resource", ResourceARN=arn))["Tags"]
    assert {"Key": "team", "Value": "shop"} in tags and len(tags) == 4
    with pytest.raises(AwsError, match="are reserved"):
        await api.of("servicediscovery", "untag_resource", ResourceARN=arn, TagKeys=["aws:cloudformation:stack-id"])
    second = api.resource(_SPACE.format("Http"), {"Name": "shop"})
    with pytest.raises(AwsError, match="Namespace shop already exists"):
        await second.make()
    assert await second.kind.found(second.work) == ""
    await removed(namespace)


async def test_dns_namespaces_have_a_zone(api: Api, zones: dict[str, Any]) -> None:
    vpc = (await api.of("ec2", "create_vpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    soa = {"DnsProperties": {"SOA": {"TTL": 100.0}}}
    wanted = {"Name": "corp.local", "Vpc": vpc, "Properties": soa}
    private = await made(api.resource(_SPACE.format("PrivateDns"), wanted))
    assert private.work.attributes["HostedZoneId"] == "Z0" and zones["Z0"]["VPC"]["VPCId"] == vpc
    assert (await space(api, private.id))["Properties"]["DnsProperties"]["SOA"] == {"TTL": 100}
    await private.change({"Name": "corp.local", "Vpc": vpc})
    assert (await space(api, private.id))["Properties"]["DnsProperties"]["SOA"] == {"TTL": 15}
    public = await made(api.resource(_SPACE.format("PublicDns"), {"Name": "shop.example"}, "Public"))
    assert public.work.attributes["HostedZoneId"] == "Z1"
    await removed(private)
    await removed(public)
    assert zones == {}


async def test_a_zone_that_cannot_be_made_fails_the_namespace(api: Api) -> None:
    with pytest.raises(Failed, match=r"The domain is reserved\."):
        await made(api.resource(_SPACE.format("PublicDns"), {"Name": "reserved.example"}))


async def service(api: Api, id_: str) -> dict[str, Any]:
    return dict((await api.of("servicediscovery", "get_service", Id=id_))["Service"])


async def test_a_service(api: Api) -> None:
    namespace = await made(api.resource(_SPACE.format("PublicDns"), {"Name": "shop.example"}, "Space"))
    dns = {"NamespaceId": namespace.id, "DnsRecords": [{"Type": "A", "TTL": 60.0}], "RoutingPolicy": "MULTIVALUE"}
    wanted = {
        "Name": "web", "DnsConfig": dns, "HealthCheckCustomConfig": {"FailureThreshold": 1},
        "ServiceAttributes": {"Team.Name": "shop"}, "Description": "The shop",
    }  # fmt: skip
    web = await made(api.resource("AWS::ServiceDiscovery::Service", wanted, "Web"))
    shown = await service(api, web.ref)
    assert shown["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 60}]
    assert web.work.attributes == {"Arn": shown["Arn"], "Id": web.ref, "Name": "web"}
    assert await web.kind.found(web.work) == web.ref == await web.kind.create(web.work)

    slower = dns | {"DnsRecords": [{"Type": "A", "TTL": 300}]}
    await web.change({"Name": "web", "DnsConfig": slower, "ServiceAttributes": {"Other": "1"}})
    shown = await service(api, web.id)
    assert shown["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 300}] and "Description" not in shown
    attributes = await api.of("servicediscovery", "get_service_attributes", ServiceId=web.id)
    assert attributes["ServiceAttributes"]["Attributes"] == {"Other": "1"}
    for other in ({"RoutingPolicy": "WEIGHTED"}, {"DnsRecords": [{"Type": "SRV", "TTL": 60}]}):
        with pytest.raises(NeedsReplacement):
            await web.kind.update(Resource(api, web.kind.type, "Web", {"DnsConfig": dns | other}, before=wanted).work)
    second = api.resource("AWS::ServiceDiscovery::Service", wanted, "Second")
    with pytest.raises(AwsError, match="Service already exists"):
        await second.make()
    assert await second.kind.found(second.work) == ""
    await removed(web)
    await removed(namespace)


async def test_an_instance(api: Api) -> None:
    namespace = await made(api.resource(_SPACE.format("Http"), {"Name": "shop"}, "Space"))
    of = await made(api.resource("AWS::ServiceDiscovery::Service", {"Name": "web", "NamespaceId": namespace.id}))
    wanted = {"ServiceId": of.id, "InstanceId": "one", "InstanceAttributes": {"Port.Number": "80"}}
    one = await made(api.resource("AWS::ServiceDiscovery::Instance", wanted, "One"))
    assert one.ref == "one" and await one.kind.found(one.work) == "one"

    async def attributes() -> dict[str, str]:
        found = await api.of("servicediscovery", "get_instance", ServiceId=of.id, InstanceId="one")
        return dict(found["Instance"]["Attributes"])

    assert await attributes() == {"Port.Number": "80"}
    second = api.resource("AWS::ServiceDiscovery::Instance", wanted, "Second")
    with pytest.raises(Failed, match="'AWS::ServiceDiscovery::Instance' with identifier 'one' already exists"):
        await second.make()
    await one.change(wanted | {"InstanceAttributes": json.dumps({"A": "B"})})
    assert await attributes() == {"A": "B"}
    await removed(one)
    await removed(of)
    await removed(namespace)
