"""DynamoDB's resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_DynamoDB.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import (
    Once,
    Settled,
    document,
    found_or_none,
    picked,
    refuse,
    unless,
)
from cloudarium.services.cloudformation.kinds.kind import Failed, NeedsReplacement, Work

_NONE = "ResourceNotFoundException"
_FIXED = ("KeySchema", "LocalSecondaryIndexes")
_PLAIN = ("AttributeDefinitions", "BillingMode", "ProvisionedThroughput", "DeletionProtectionEnabled", "WarmThroughput")
_OF_AN_INDEX = ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput")


class Table(Once, Settled):
    """A table; its physical id is its name."""

    type = "AWS::DynamoDB::Table"
    service, making = "dynamodb", "create_table"
    unbuilt = frozenset(
        {
            "ContributorInsightsSpecification",
            "ImportSourceSpecification",
            "KinesisStreamSpecification",
            "OnDemandThroughput",
            "TableClass",
            "VectorIndexes",
        }
    )

    async def create(self, work: Work) -> str:
        """Its name."""
        properties = work.properties
        said = picked(properties, (*_PLAIN, *_FIXED)) | _streams(properties)
        if indexes := list(_indexes(properties).values()):
            said["GlobalSecondaryIndexes"] = indexes
        if (sse := properties.get("SSESpecification")) is not None:
            said["SSESpecification"] = picked(sse, ("SSEType", "KMSMasterKeyId")) | {"Enabled": sse["SSEEnabled"]}
        name = str(properties.get("TableName") or work.short_name(255))
        return await self.make(work, TableName=name, **said, Tags=tagging.pairs(tagging.own(work)))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return str(answer["TableDescription"]["TableName"])

    async def settle(self, work: Work) -> None:
        """What is set apart from the table: expiry, backups, policy."""
        api, name = work.ctx.aws.dynamodb, work.physical_id
        if _differs(work, "TimeToLiveSpecification"):
            await self._settle_expiry(work)
        if _differs(work, "PointInTimeRecoverySpecification"):
            said = work.properties.get("PointInTimeRecoverySpecification", {})
            refuse(f"{self.type} PointInTimeRecoverySpecification", said, ["RecoveryPeriodInDays"])
            enabled = {"PointInTimeRecoveryEnabled": said.get("PointInTimeRecoveryEnabled", False)}
            await api.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=enabled)
        if _differs(work, "ResourcePolicy"):
            arn = (await self.attributes(work))["Arn"]
            if (policy := work.properties.get("ResourcePolicy")) is not None:
                await api.put_resource_policy(ResourceArn=arn, Policy=document(policy["PolicyDocument"]))
            else:
                with unless("PolicyNotFoundException", _NONE):
                    await api.delete_resource_policy(ResourceArn=arn)

    async def update(self, work: Work) -> None:
        """One call for what can be said at once, and one each for streams and indexes, as DynamoDB wants it."""
        if picked(work.before, _FIXED) != picked(work.properties, _FIXED):
            raise NeedsReplacement
        if _differs(work, "SSESpecification"):
            raise NotThere(f"Changing the SSESpecification of an {self.type}")
        api, name = work.ctx.aws.dynamodb, work.physical_id
        change = self._index_change(work)
        as_new: dict[str, Any] = {"BillingMode": "PROVISIONED", "DeletionProtectionEnabled": False}
        said = picked(as_new, work.before) | picked(work.properties, _PLAIN)
        if said:
            await api.update_table(TableName=name, **said)
        if change:
            await api.update_table(
                TableName=name, **picked(work.properties, ["AttributeDefinitions"]), GlobalSecondaryIndexUpdates=change
            )
        await self._settle_tags(work)
        if _differs(work, "StreamSpecification"):
            await self._settle_streams(work)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn`` and, where it has streams, ``StreamArn``."""
        made = await self._describe(work, work.physical_id)
        if made is None:
            raise Failed(f"{self.type} {work.physical_id} is not there any more.")
        streams = {"StreamArn": made["LatestStreamArn"]} if made.get("StreamSpecification") else {}
        return {"Arn": made["TableArn"], **streams}

    async def delete(self, work: Work) -> None:
        """Delete it, unless it is protected."""
        with unless(_NONE):
            await work.ctx.aws.dynamodb.delete_table(TableName=work.physical_id)

    async def _describe(self, work: Work, name: str) -> dict[str, Any] | None:
        answer = await found_or_none(work.ctx.aws.dynamodb.describe_table(TableName=name), _NONE)
        return None if answer is None else answer["Table"]

    def _index_change(self, work: Work) -> list[dict[str, Any]]:
        """Throughputs of global indexes, and at most one that comes or goes."""
        before, now = _indexes(work.before), _indexes(work.properties)
        gone: list[dict[str, Any]] = [{"Delete": {"IndexName": name}} for name in before if name not in now]
        new: list[dict[str, Any]] = [{"Create": index} for name, index in now.items() if name not in before]
        if len(gone) + len(new) > 1:
            raise Failed("Cannot perform more than one GSI creation or deletion in a single update")
        kept = ("IndexName", "ProvisionedThroughput")
        changed: list[dict[str, Any]] = []
        for name, index in now.items():
            if name not in before or index == before[name]:
                continue
            if any(index.get(key) != before[name].get(key) for key in ("KeySchema", "Projection")):
                raise Failed(
                    "Cannot update GSI's properties other than Provisioned Throughput and Contributor Insights "
                    "Specification. You can create a new GSI with a different name."
                )
            changed.append({"Update": picked(index, kept)})
        return [*gone, *changed, *new]

    async def _settle_expiry(self, work: Work) -> None:
        """An attribute must be let go before another one can be taken."""
        api, name = work.ctx.aws.dynamodb, work.physical_id
        now = (await api.describe_time_to_live(TableName=name))["TimeToLiveDescription"]
        wanted = work.properties.get("TimeToLiveSpecification", {})
        wanted = wanted if wanted.get("Enabled") else {}
        is_on, attribute = now["TimeToLiveStatus"] == "ENABLED", now.get("AttributeName")
        if is_on and attribute != wanted.get("AttributeName"):
            off = {"AttributeName": attribute, "Enabled": False}
            await api.update_time_to_live(TableName=name, TimeToLiveSpecification=off)
        if wanted and not (is_on and attribute == wanted["AttributeName"]):
            await api.update_time_to_live(TableName=name, TimeToLiveSpecification=dict(wanted))

    async def _settle_streams(self, work: Work) -> None:
        """Off, then on. It comes last: moto's DynamoDB refuses to turn a table's streams on a second time."""
        api, name = work.ctx.aws.dynamodb, work.physical_id
        wanted = _streams(work.properties)
        now = (await self._describe(work, name) or {}).get("StreamSpecification", {})
        if now and now != wanted.get("StreamSpecification"):
            await api.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
        if wanted and now != wanted["StreamSpecification"]:
            await api.update_table(TableName=name, **wanted)

    async def _settle_tags(self, work: Work) -> None:
        api, arn = work.ctx.aws.dynamodb, (await self.attributes(work))["Arn"]
        await tagging.settle(
            work,
            tagging.by_key((await api.list_tags_of_resource(ResourceArn=arn)).get("Tags", [])),
            lambda tags: api.tag_resource(ResourceArn=arn, Tags=tagging.pairs(tags)),
            lambda keys: api.untag_resource(ResourceArn=arn, TagKeys=keys),
        )


def _differs(work: Work, name: str) -> bool:
    return bool(work.before.get(name) != work.properties.get(name))


def _streams(properties: Mapping[str, Any]) -> dict[str, Any]:
    said = properties.get("StreamSpecification")
    if said is None:
        return {}
    refuse("AWS::DynamoDB::Table StreamSpecification", said, ["ResourcePolicy", "Tags"])
    return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": said["StreamViewType"]}}


def _indexes(properties: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    indexes = {}
    for index in properties.get("GlobalSecondaryIndexes", []):
        refuse(
            "AWS::DynamoDB::Table GlobalSecondaryIndexes",
            index,
            ["ContributorInsightsSpecification", "OnDemandThroughput", "WarmThroughput"],
        )
        indexes[index["IndexName"]] = picked(index, _OF_AN_INDEX)
    return indexes


KINDS = {kind.type: kind for kind in (Table(),)}
