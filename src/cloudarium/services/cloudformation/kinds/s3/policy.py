"""AWS::S3::BucketPolicy.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds.calls import Once, document, found_or_none, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Work

_NONE = "NoSuchBucketPolicy"


class BucketPolicy(Once):
    """The policy of a bucket; its physical id is the bucket's name."""

    type = "AWS::S3::BucketPolicy"
    service, making = "s3", "put_bucket_policy"

    async def create(self, work: Work) -> str:
        """A policy that is there already is somebody else's."""
        bucket = work.properties["Bucket"]
        if await found_or_none(work.ctx.aws.s3.get_bucket_policy(Bucket=bucket), _NONE) is not None:
            raise Failed(f"The bucket policy already exists on bucket {bucket}.")
        return await self.make(work, Bucket=bucket, Policy=document(work.properties["PolicyDocument"]))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """The bucket's name."""
        return str(work.properties["Bucket"])

    async def update(self, work: Work) -> None:
        """Put it."""
        policy = document(work.properties["PolicyDocument"])
        await work.ctx.aws.s3.put_bucket_policy(Bucket=work.properties["Bucket"], Policy=policy)

    async def delete(self, work: Work) -> None:
        """Gone with its bucket as well."""
        with unless("NoSuchBucket", _NONE):
            await work.ctx.aws.s3.delete_bucket_policy(Bucket=work.physical_id)
