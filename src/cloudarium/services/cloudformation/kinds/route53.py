"""Route 53's resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Route53.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, picked, refuse, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, NeedsReplacement, Work

_NONE = "NoSuchHostedZone"
_PLAIN = (
    "AliasTarget",
    "Failover",
    "GeoLocation",
    "HealthCheckId",
    "MultiValueAnswer",
    "Region",
    "SetIdentifier",
    "Type",
    "Weight",
)
_UNBUILT = frozenset({"CidrRoutingConfig", "GeoProximityLocation"})


class HostedZone(Once, Settled):
    """A hosted zone, private where it has VPCs; its physical id is its id."""

    type = "AWS::Route53::HostedZone"
    service, making = "route53", "create_hosted_zone"
    unbuilt = frozenset({"HostedZoneFeatures", "QueryLoggingConfig"})

    async def create(self, work: Work) -> str:
        """Its id."""
        if "Name" not in work.properties:
            raise Failed(f"{self.type} needs a Name.")
        vpcs = _vpcs(work.properties)
        config = {"Comment": _comment(work.properties), "PrivateZone": bool(vpcs)}
        first = {"VPC": dict(vpcs[0])} if vpcs else {}
        return await self.make(
            work,
            **picked(work.properties, ("Name", "DelegationSetId")),
            CallerReference=work.token,
            HostedZoneConfig=config,
            **first,
        )

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its id."""
        return _bare(answer["HostedZone"]["Id"])

    async def settle(self, work: Work) -> None:
        """VPCs and tags. A zone cannot be without the VPCs that make it private, so new ones come first."""
        api, zone = work.ctx.aws.route53, work.physical_id
        now = (await api.get_hosted_zone(Id=zone)).get("VPCs", [])
        wanted = _vpcs(work.properties)
        for vpc in wanted:
            if vpc not in now:
                await api.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC=vpc)
        for vpc in now:
            if vpc not in wanted:
                await api.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC=vpc)
        listed = await api.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone)
        where = {"ResourceType": "hostedzone", "ResourceId": zone}
        await tagging.settle(
            work,
            tagging.by_key(listed["ResourceTagSet"]["Tags"]),
            lambda tags: api.change_tags_for_resource(**where, AddTags=tagging.pairs(tags)),
            lambda keys: api.change_tags_for_resource(**where, RemoveTagKeys=keys),
        )

    async def update(self, work: Work) -> None:
        """Its comment. Whether it is private stays as it is: AWS takes another one."""
        if bool(_vpcs(work.before)) != bool(_vpcs(work.properties)):
            raise NeedsReplacement
        if _comment(work.before) != _comment(work.properties):
            await work.ctx.aws.route53.update_hosted_zone_comment(
                Id=work.physical_id, Comment=_comment(work.properties)
            )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id`` and ``NameServers``."""
        answer = await work.ctx.aws.route53.get_hosted_zone(Id=work.physical_id)
        return {"Id": work.physical_id, "NameServers": answer.get("DelegationSet", {}).get("NameServers", [])}

    async def delete(self, work: Work) -> None:
        """Only when it has no more than the records it was made with, as on AWS."""
        with unless(_NONE):
            await work.ctx.aws.route53.delete_hosted_zone(Id=work.physical_id)


class RecordSet(Once):
    """A record set; its physical id is its domain name."""

    type = "AWS::Route53::RecordSet"
    service, making = "route53", "change_resource_record_sets"
    unbuilt = _UNBUILT

    async def create(self, work: Work) -> str:
        """Its name. moto would keep two alike, so that it is there is asked first."""
        zone = await _zone(work)
        if await _is_there(work, zone, work.properties):
            raise taken(self, str(work.properties["Name"]))
        return await self.make(work, HostedZoneId=zone, ChangeBatch=_batch(work, [("CREATE", work.properties)]))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return str(work.properties["Name"])

    async def update(self, work: Work) -> None:
        """What it answers. Another name or type is another record set."""
        if picked(work.before, ("Name", "Type")) != picked(work.properties, ("Name", "Type")):
            raise NeedsReplacement
        changes = [("UPSERT", work.properties)]
        if _key(work.before) != _key(work.properties) and await _is_there(work, await _zone(work), work.before):
            changes.insert(0, ("DELETE", work.before))
        await _change(work, changes)

    async def delete(self, work: Work) -> None:
        """Gone with its zone as well."""
        with unless(_NONE):
            if await _is_there(work, await _zone(work), work.properties):
                await _change(work, [("DELETE", work.properties)])


class RecordSetGroup(Settled):
    """Record sets of one zone. It is no thing of its own."""

    type = "AWS::Route53::RecordSetGroup"

    async def create(self, work: Work) -> str:
        """A made-up name, unless one of its records is there already."""
        zone = await _zone(work)
        for record in self._records(work.properties):
            if await _is_there(work, zone, record):
                raise taken(RECORD_SET, str(record["Name"]))
        return work.name

    async def settle(self, work: Work) -> None:
        """Exactly these records, in one batch."""
        zone, wanted = await _zone(work), self._records(work.properties)
        keys = [_key(record) for record in wanted]
        changes: list[tuple[str, Mapping[str, Any]]] = []
        for record in self._records(work.before):
            if _key(record) not in keys and await _is_there(work, zone, record):
                changes.append(("DELETE", record))
        await _change(work, changes + [("UPSERT", record) for record in wanted])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Delete all that are there."""
        with unless(_NONE):
            zone = await _zone(work)
            records = [each for each in self._records(work.properties) if await _is_there(work, zone, each)]
            await _change(work, [("DELETE", record) for record in records])

    def _records(self, properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        for record in properties.get("RecordSets", []):
            refuse(f"{self.type} RecordSets", record, _UNBUILT)
        return list(properties.get("RecordSets", []))


async def _change(work: Work, changes: list[tuple[str, Mapping[str, Any]]]) -> None:
    if changes:
        await work.ctx.aws.route53.change_resource_record_sets(
            HostedZoneId=await _zone(work), ChangeBatch=_batch(work, changes)
        )


def _batch(work: Work, changes: list[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    batch: dict[str, Any] = {
        "Changes": [{"Action": action, "ResourceRecordSet": _record(record)} for action, record in changes]
    }
    if "Comment" in work.properties:
        batch["Comment"] = work.properties["Comment"]
    return batch


def _record(properties: Mapping[str, Any]) -> dict[str, Any]:
    said = picked(properties, _PLAIN)
    said["Name"] = _full(properties["Name"])
    if "TTL" in properties:
        said["TTL"] = int(properties["TTL"])
    if "ResourceRecords" in properties:
        said["ResourceRecords"] = [{"Value": value} for value in properties["ResourceRecords"]]
    if "AliasTarget" in said:
        said["AliasTarget"] = {"EvaluateTargetHealth": False, **said["AliasTarget"]}
    return said


async def _zone(work: Work) -> str:
    """The zone's id, given or found by its name, which must be one zone's only."""
    if "HostedZoneId" in work.properties:
        return _bare(work.properties["HostedZoneId"])
    if "HostedZoneName" not in work.properties:
        raise Failed("Either HostedZoneId or HostedZoneName must be specified.")
    name = _full(work.properties["HostedZoneName"])
    listed = await work.ctx.aws.route53.list_hosted_zones_by_name(DNSName=name)
    zones = [_bare(zone["Id"]) for zone in listed["HostedZones"] if _full(zone["Name"]) == name]
    if not zones:
        raise Failed(f"No hosted zones named {name} found")
    if len(zones) > 1:
        raise Failed(f"Multiple hosted zones named {name} found")
    return zones[0]


async def _is_there(work: Work, zone: str, record: Mapping[str, Any]) -> bool:
    start: dict[str, Any] = {"StartRecordName": _full(record["Name"]), "StartRecordType": record["Type"]}
    while True:
        answer = await work.ctx.aws.route53.list_resource_record_sets(HostedZoneId=zone, **start)
        for each in answer["ResourceRecordSets"]:
            if _key(each) == _key(record):
                return True
        if not answer.get("IsTruncated") or _full(answer["NextRecordName"]) != _full(record["Name"]):
            return False
        start = {"StartRecordName": answer["NextRecordName"], "StartRecordType": answer["NextRecordType"]}


def _key(record: Mapping[str, Any]) -> tuple[str, str, str]:
    return _full(record["Name"]), str(record["Type"]), str(record.get("SetIdentifier", ""))


def _full(name: str) -> str:
    return f"{name.rstrip('.').lower()}."


def _bare(zone: str) -> str:
    return zone.rpartition("/")[2]


def _vpcs(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    return [dict(vpc) for vpc in properties.get("VPCs", [])]


def _comment(properties: Mapping[str, Any]) -> str:
    return str(properties.get("HostedZoneConfig", {}).get("Comment", ""))


RECORD_SET = RecordSet()
KINDS = {kind.type: kind for kind in (HostedZone(), RECORD_SET, RecordSetGroup())}
