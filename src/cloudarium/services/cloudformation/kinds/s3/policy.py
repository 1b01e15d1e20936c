"""AWS::S3::BucketPolicy.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html
"""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.calls import document, found_or_none, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, Work

_NONE = "NoSuchBucketPolicy"


class BucketPolicy(Kind):
    """The policy of a bucket; its physical id is the bucket's name."""

    type = "AWS::S3::BucketPolicy"

    async def create(self, work: Work) -> str:
        """A policy that is there already is somebody else's."""
        if await self.found(work):
            raise Failed(f"The bucket policy already exists on bucket {work.properties['Bucket']}.")
        await self.update(work)
        return str(work.properties["Bucket"])

    async def found(self, work: Work) -> str:
        """The bucket's policy, if it has one."""
        bucket = str(work.properties["Bucket"])
        return "" if await found_or_none(work.ctx.aws.s3.get_bucket_policy(Bucket=bucket), _NONE) is None else bucket

    async def update(self, work: Work) -> None:
        """Put it."""
        policy = document(work.properties["PolicyDocument"])
        await work.ctx.aws.s3.put_bucket_policy(Bucket=work.properties["Bucket"], Policy=policy)

    async def delete(self, work: Work) -> None:
        """Gone with its bucket as well."""
        with unless("NoSuchBucket", _NONE):
            await work.ctx.aws.s3.delete_bucket_policy(Bucket=work.physical_id)
