"""Kinesis' resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Kinesis.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, found_or_none, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Work

_NONE = "ResourceNotFoundException"
_PROVISIONED, _ON_DEMAND = "PROVISIONED", "ON_DEMAND"


class Stream(Once, Settled):
    """A stream; its physical id is its name."""

    type = "AWS::Kinesis::Stream"
    service, making = "kinesis", "create_stream"
    unbuilt = frozenset(
        {"DesiredShardLevelMetrics", "MaxRecordSizeInKiB", "RecordDistributionStrategy", "WarmThroughputMiBps"}
    )

    async def create(self, work: Work) -> str:
        """Its name."""
        name, mode = self._name(work), _mode(work.properties)
        if await found_or_none(work.ctx.aws.kinesis.describe_stream_summary(StreamName=name), _NONE) is not None:
            raise taken(self, name)
        shards = {"ShardCount": work.properties.get("ShardCount", 1)} if mode == _PROVISIONED else {}
        return await self.make(work, StreamName=name, StreamModeDetails={"StreamMode": mode}, **shards)

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return self._name(work)

    async def settle(self, work: Work) -> None:
        """Retention, encryption and tags."""
        api, name = work.ctx.aws.kinesis, work.physical_id
        now = (await api.describe_stream_summary(StreamName=name))["StreamDescriptionSummary"]
        hours = work.properties.get("RetentionPeriodHours", 24)
        if hours != now["RetentionPeriodHours"]:
            longer = hours > now["RetentionPeriodHours"]
            change = api.increase_stream_retention_period if longer else api.decrease_stream_retention_period
            await change(StreamName=name, RetentionPeriodHours=hours)
        if (encryption := work.properties.get("StreamEncryption")) is not None:
            said = {"EncryptionType": encryption["EncryptionType"], "KeyId": encryption["KeyId"]}
            await api.start_stream_encryption(StreamName=name, **said)
        elif (encryption := work.before.get("StreamEncryption")) is not None:
            said = {"EncryptionType": encryption["EncryptionType"], "KeyId": encryption["KeyId"]}
            await api.stop_stream_encryption(StreamName=name, **said)
        await tagging.settle(
            work,
            tagging.by_key((await api.list_tags_for_stream(StreamName=name))["Tags"]),
            lambda tags: api.add_tags_to_stream(StreamName=name, Tags=tags),
            lambda keys: api.remove_tags_from_stream(StreamName=name, TagKeys=keys),
        )

    async def update(self, work: Work) -> None:
        """How many shards. moto changes a stream's mode in name only."""
        mode = _mode(work.properties)
        if _mode(work.before) != mode:
            raise NotThere(f"Changing the StreamModeDetails of an {self.type}")
        shards = work.properties.get("ShardCount", 1)
        if mode == _PROVISIONED and work.before.get("ShardCount", 1) != shards:
            await work.ctx.aws.kinesis.update_shard_count(
                StreamName=work.physical_id, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
            )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``."""
        made = await work.ctx.aws.kinesis.describe_stream_summary(StreamName=work.physical_id)
        return {"Arn": made["StreamDescriptionSummary"]["StreamARN"]}

    async def delete(self, work: Work) -> None:
        """Delete it with all that is in it."""
        with unless(_NONE):
            await work.ctx.aws.kinesis.delete_stream(StreamName=work.physical_id)

    def _name(self, work: Work) -> str:
        return str(work.properties.get("Name") or work.short_name(128))


def _mode(properties: Mapping[str, Any]) -> str:
    """Without a word on it a stream has the shards it says, or adapts."""
    silent = _PROVISIONED if "ShardCount" in properties else _ON_DEMAND
    return str(properties.get("StreamModeDetails", {}).get("StreamMode", silent))


KINDS = {kind.type: kind for kind in (Stream(),)}
