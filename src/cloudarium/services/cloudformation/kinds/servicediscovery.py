"""AWS::ServiceDiscovery::*: Cloud Map's namespaces, services and instances.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ServiceDiscovery.html
"""

from __future__ import annotations

import json
from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import found_or_none, picked, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, NeedsReplacement, Work

_UNDER_WAY = ("SUBMITTED", "PENDING")


async def _retag(work: Work, arn: str) -> None:
    api = work.ctx.aws.servicediscovery
    if removed := tagging.dropped(work):
        await api.untag_resource(ResourceARN=arn, TagKeys=removed)
    if work.tags:
        await api.tag_resource(ResourceARN=arn, Tags=tagging.pairs(work.tags))


def _whole(value: Any) -> Any:
    """TTLs, numbers in the schema, are whole ones in the API."""
    if isinstance(value, dict):
        return {key: int(each) if key == "TTL" else _whole(each) for key, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


class _Namespace(Kind):
    """A namespace of some kind; its physical id, which ``Ref`` gives, is the namespace's."""

    called = ""
    """What its operations call it: ``http``, ``private_dns``, ``public_dns``."""

    def _operation(self, work: Work, verb: str) -> Any:
        return getattr(work.ctx.aws.servicediscovery, f"{verb}_{self.called}_namespace")

    async def create(self, work: Work) -> str:
        """Begin to make it; the token makes an attempt that comes again the same one."""
        request = _whole(picked(work.properties, ("Name", "Description", "Properties", "Vpc")))
        try:
            begun = await self._operation(work, "create")(
                **request, CreatorRequestId=work.token, Tags=tagging.pairs(work.tags)
            )
        except AwsError as error:
            if error.code == "NamespaceAlreadyExists" and error.members.get("CreatorRequestId") == work.token:
                return str(error.members["NamespaceId"])
            raise
        operation = await work.ctx.aws.servicediscovery.get_operation(OperationId=begun["OperationId"])
        return str(operation["Operation"]["Targets"]["NAMESPACE"])

    async def found(self, work: Work) -> str:
        """The namespace that a request with this token has made."""
        api = work.ctx.aws.servicediscovery
        named = {"Name": "NAME", "Values": [work.properties["Name"]], "Condition": "EQ"}
        for each in (await api.list_namespaces(Filters=[named]))["Namespaces"]:
            if (await api.get_namespace(Id=each["Id"]))["Namespace"].get("CreatorRequestId") == work.token:
                return str(each["Id"])
        return ""

    async def _described(self, work: Work) -> dict[str, Any] | None:
        asked = work.ctx.aws.servicediscovery.get_namespace(Id=work.physical_id)
        found = await found_or_none(asked, "NamespaceNotFound")
        return found["Namespace"] if found is not None else None

    async def _operations(self, work: Work, *statuses: str) -> list[dict[str, Any]]:
        """What is being done, or was, to the namespace; oldest first."""
        api = work.ctx.aws.servicediscovery
        filters = [
            {"Name": "NAMESPACE_ID", "Values": [work.physical_id], "Condition": "EQ"},
            {"Name": "STATUS", "Values": list(statuses), "Condition": "IN"},
        ]
        listed = (await api.list_operations(Filters=filters))["Operations"]
        found = [(await api.get_operation(OperationId=each["Id"]))["Operation"] for each in listed]
        return sorted(found, key=lambda each: each["CreateDate"])

    async def ready(self, work: Work) -> bool:
        """Whether the last operation is through."""
        if await self._operations(work, *_UNDER_WAY):
            return False
        if await self._described(work) is None:
            failed = await self._operations(work, "FAIL")
            raise Failed(failed[-1]["ErrorMessage"] if failed else f"Namespace {work.physical_id} does not exist.")
        return True

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``, ``Id``, and ``HostedZoneId`` where there is one."""
        found = await self._described(work)
        if found is None:
            return {}
        zone = found["Properties"].get("DnsProperties", {}).get("HostedZoneId")
        return {"Arn": found["Arn"], "Id": found["Id"]} | ({"HostedZoneId": zone} if zone else {})

    async def update(self, work: Work) -> None:
        """Description, the TTL of its SOA record, and tags."""
        change: dict[str, Any] = {"Description": work.properties.get("Description", "")}
        if "Properties" in work.properties or "Properties" in work.before:
            # Without a TTL of its own a namespace has 15 seconds.
            change["Properties"] = _whole(work.properties.get("Properties") or {"DnsProperties": {"SOA": {"TTL": 15}}})
        await self._operation(work, "update")(Id=work.physical_id, Namespace=change)
        found = await self._described(work)
        if found is not None:
            await _retag(work, found["Arn"])

    async def delete(self, work: Work) -> None:
        """Begin to delete it."""
        with unless("NamespaceNotFound"):
            await work.ctx.aws.servicediscovery.delete_namespace(Id=work.physical_id)

    async def gone(self, work: Work) -> bool:
        """Whether it is deleted; an operation that failed says why it is not."""
        if await self._described(work) is None:
            return True
        if await self._operations(work, *_UNDER_WAY):
            return False
        deletions = [each for each in await self._operations(work, "FAIL") if each["Type"] == "DELETE_NAMESPACE"]
        if deletions:
            raise Failed(deletions[-1]["ErrorMessage"])
        return await self._described(work) is None


class HttpNamespace(_Namespace):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicediscovery-httpnamespace.html"""

    type = "AWS::ServiceDiscovery::HttpNamespace"
    called = "http"


class PrivateDnsNamespace(_Namespace):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicediscovery-privatednsnamespace.html"""

    type = "AWS::ServiceDiscovery::PrivateDnsNamespace"
    called = "private_dns"


class PublicDnsNamespace(_Namespace):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicediscovery-publicdnsnamespace.html"""

    type = "AWS::ServiceDiscovery::PublicDnsNamespace"
    called = "public_dns"


class Service(Kind):
    """A service of a namespace; its physical id, which ``Ref`` gives, is the service's.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicediscovery-service.html
    """

    type = "AWS::ServiceDiscovery::Service"
    unbuilt = frozenset({"HealthCheckConfig"})

    async def create(self, work: Work) -> str:
        """Make it; the token makes an attempt that comes again the same one."""
        names = ("Description", "DnsConfig", "HealthCheckCustomConfig", "NamespaceId", "Type")
        name = work.properties.get("Name") or work.short_name(64)
        try:
            made = await work.ctx.aws.servicediscovery.create_service(
                Name=name,
                CreatorRequestId=work.token,
                Tags=tagging.pairs(work.tags),
                **_whole(picked(work.properties, names)),
            )
        except AwsError as error:
            if error.code == "ServiceAlreadyExists" and error.members.get("CreatorRequestId") == work.token:
                return str(error.members["ServiceId"])
            raise
        return str(made["Service"]["Id"])

    async def found(self, work: Work) -> str:
        """The service that a request with this token has made."""
        api = work.ctx.aws.servicediscovery
        namespace = work.properties.get("NamespaceId") or work.properties.get("DnsConfig", {}).get("NamespaceId")
        within = {"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}
        token = ""
        while True:
            more = {"NextToken": token} if token else {}
            listed = await api.list_services(Filters=[within], **more)
            for each in listed["Services"]:
                if (await api.get_service(Id=each["Id"]))["Service"].get("CreatorRequestId") == work.token:
                    return str(each["Id"])
            if not (token := listed.get("NextToken", "")):
                return ""

    async def ready(self, work: Work) -> bool:
        """Gives it its attributes."""
        api = work.ctx.aws.servicediscovery
        wanted = work.properties.get("ServiceAttributes") or {}
        there = (await api.get_service_attributes(ServiceId=work.physical_id))["ServiceAttributes"]["Attributes"]
        former = work.before.get("ServiceAttributes") or {}
        if gone := [key for key in there if key in former and key not in wanted]:
            await api.delete_service_attributes(ServiceId=work.physical_id, Attributes=gone)
        if any(there.get(key) != value for key, value in wanted.items()):
            await api.update_service_attributes(ServiceId=work.physical_id, Attributes=dict(wanted))
        return True

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``, ``Id``, ``Name``."""
        found = (await work.ctx.aws.servicediscovery.get_service(Id=work.physical_id))["Service"]
        return {"Arn": found["Arn"], "Id": found["Id"], "Name": found["Name"]}

    async def update(self, work: Work) -> None:
        """Description, TTLs and tags. Where a DNS configuration comes or goes, or routes otherwise, it is replaced."""
        before, after = work.before.get("DnsConfig"), work.properties.get("DnsConfig")
        change: dict[str, Any] = {"Description": work.properties.get("Description", "")}
        if before != after:
            if before is None or after is None:
                raise NeedsReplacement("DnsConfig")
            for name in ("NamespaceId", "RoutingPolicy"):
                if before.get(name) != after.get(name):
                    raise NeedsReplacement(f"DnsConfig.{name}")
            types = [{each["Type"] for each in config["DnsRecords"]} for config in (before, after)]
            if types[0] != types[1]:
                raise NeedsReplacement("DnsConfig.DnsRecords")
            change["DnsConfig"] = {"DnsRecords": _whole(after["DnsRecords"])}
        api = work.ctx.aws.servicediscovery
        await api.update_service(Id=work.physical_id, Service=change)
        await _retag(work, (await api.get_service(Id=work.physical_id))["Service"]["Arn"])

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless("ServiceNotFound"):
            await work.ctx.aws.servicediscovery.delete_service(Id=work.physical_id)


class Instance(Kind):
    """An instance of a service; its physical id, which ``Ref`` gives, is the instance's.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicediscovery-instance.html
    """

    type = "AWS::ServiceDiscovery::Instance"

    def _id(self, work: Work) -> str:
        return work.physical_id or str(work.properties.get("InstanceId") or work.short_name(64))

    async def _there(self, work: Work) -> dict[str, Any] | None:
        asked = work.ctx.aws.servicediscovery.get_instance(
            ServiceId=work.properties["ServiceId"], InstanceId=self._id(work)
        )
        found = await found_or_none(asked, "InstanceNotFound", "ServiceNotFound")
        return found["Instance"] if found is not None else None

    async def create(self, work: Work) -> str:
        """Register it. RegisterInstance would change one that is there."""
        if await self._there(work) is not None and not await self.found(work):
            raise taken(self, self._id(work))
        await self._register(work)
        return self._id(work)

    async def found(self, work: Work) -> str:
        """The instance that a request with this token has registered."""
        there = await self._there(work)
        return self._id(work) if there is not None and there.get("CreatorRequestId") == work.token else ""

    async def _register(self, work: Work) -> None:
        given = work.properties["InstanceAttributes"]
        await work.ctx.aws.servicediscovery.register_instance(
            ServiceId=work.properties["ServiceId"],
            InstanceId=self._id(work),
            CreatorRequestId=work.token,
            Attributes=json.loads(given) if isinstance(given, str) else dict(given),
        )

    async def update(self, work: Work) -> None:
        """Register it with other attributes."""
        await self._register(work)

    async def delete(self, work: Work) -> None:
        """Deregister it."""
        with unless("InstanceNotFound", "ServiceNotFound"):
            await work.ctx.aws.servicediscovery.deregister_instance(
                ServiceId=work.properties["ServiceId"], InstanceId=work.physical_id
            )


_EVERY = (HttpNamespace, PrivateDnsNamespace, PublicDnsNamespace, Service, Instance)

KINDS: dict[str, Kind] = {each.type: each() for each in _EVERY}
