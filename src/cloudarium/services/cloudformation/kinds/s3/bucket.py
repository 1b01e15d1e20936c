"""AWS::S3::Bucket.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.identity import PARTITION
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, found_or_none, refuse, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Work
from cloudarium.services.cloudformation.kinds.s3.settings import SETTINGS

_NONE = ("NoSuchBucket", "404", "NotFound")
_DASHED = frozenset(
    {
        "ap-northeast-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "eu-west-1",
        "sa-east-1",
        "us-east-1",
        "us-gov-west-1",
        "us-west-1",
        "us-west-2",
    }
)
"""Regions whose website addresses are of the older form:
https://docs.aws.amazon.com/general/latest/gr/s3.html#s3_website_region_endpoints"""


class Bucket(Once, Settled):
    """A bucket and its configurations."""

    type = "AWS::S3::Bucket"
    service, making = "s3", "create_bucket"
    unbuilt = frozenset(
        {
            "AbacStatus",
            "AnalyticsConfigurations",
            "BucketNamePrefix",
            "BucketNamespace",
            "IntelligentTieringConfigurations",
            "InventoryConfigurations",
            "MetadataConfiguration",
            "MetadataTableConfiguration",
            "MetricsConfigurations",
        }
    )

    async def create(self, work: Work) -> str:
        """Its name. S3 lets one make one's own bucket again in us-east-1, so that it is there is asked first."""
        name = self._name(work)
        if await found_or_none(work.ctx.aws.s3.head_bucket(Bucket=name), *_NONE, "403") is not None:
            raise taken(self, name)
        said: dict[str, Any] = {"Bucket": name}
        if work.ctx.region != "us-east-1":
            said["CreateBucketConfiguration"] = {"LocationConstraint": work.ctx.region}
        if work.properties.get("ObjectLockEnabled"):
            said["ObjectLockEnabledForBucket"] = True
        if "OwnershipControls" in work.properties:
            said["ObjectOwnership"] = work.properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
        return await self.make(work, **said)

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return self._name(work)

    async def settle(self, work: Work) -> None:
        """All its configurations, and its tags."""
        s3, name = work.ctx.aws.s3, work.physical_id
        if work.before.get("ObjectLockEnabled") and not work.properties.get("ObjectLockEnabled"):
            raise Failed("Object Lock cannot be disabled once it is enabled on a bucket.")
        for property_, setting in SETTINGS.items():
            if (value := work.properties.get(property_)) is not None:
                await getattr(s3, setting.put)(Bucket=name, **setting.said(value))
            elif property_ in work.before:
                await getattr(s3, setting.back)(Bucket=name, **setting.as_new)
        await self._settle_lock(work)
        await self._settle_logging(work)
        await self._settle_tags(work)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its ARN and addresses."""
        name, region = work.physical_id, work.ctx.region
        return {
            "Arn": f"arn:{PARTITION}:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{name}.s3-website{'-' if region in _DASHED else '.'}{region}.amazonaws.com",
        }

    async def delete(self, work: Work) -> None:
        """Only when it is empty, as on AWS."""
        with unless(*_NONE):
            await work.ctx.aws.s3.delete_bucket(Bucket=work.physical_id)

    def _name(self, work: Work) -> str:
        return str(work.properties.get("BucketName") or work.short_name(63, lower=True))

    async def _settle_tags(self, work: Work) -> None:
        """S3 takes all tags at once. One that the stack never gave stays."""
        s3, name = work.ctx.aws.s3, work.physical_id
        answer = await found_or_none(s3.get_bucket_tagging(Bucket=name), "NoSuchTagSet") or {"TagSet": []}
        now = tagging.by_key(answer["TagSet"])
        wanted = {key: value for key, value in now.items() if key not in work.tags_before} | tagging.own(work)
        if wanted and wanted != now:
            await s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tagging.pairs(wanted)})
        elif now and not wanted:
            await s3.delete_bucket_tagging(Bucket=name)

    async def _settle_lock(self, work: Work) -> None:
        asked = work.properties.get("ObjectLockEnabled") and "ObjectLockConfiguration" not in work.properties
        if asked and not work.before.get("ObjectLockEnabled"):
            enabled = {"ObjectLockEnabled": "Enabled"}
            await work.ctx.aws.s3.put_object_lock_configuration(
                Bucket=work.physical_id, ObjectLockConfiguration=enabled
            )

    async def _settle_logging(self, work: Work) -> None:
        """Logs go to the bucket itself where none is named."""
        value = work.properties.get("LoggingConfiguration")
        if value is None and "LoggingConfiguration" not in work.before:
            return
        status: dict[str, Any] = {}
        if value is not None:
            refuse("AWS::S3::Bucket LoggingConfiguration", value, ["TargetObjectKeyFormat"])
            bucket = value.get("DestinationBucketName", work.physical_id)
            status["LoggingEnabled"] = {"TargetBucket": bucket, "TargetPrefix": value.get("LogFilePrefix", "")}
        await work.ctx.aws.s3.put_bucket_logging(Bucket=work.physical_id, BucketLoggingStatus=status)
