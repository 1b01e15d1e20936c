"""S3's resource types."""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.s3 import bucket, policy

KINDS = {kind.type: kind for kind in (bucket.Bucket(), policy.BucketPolicy())}
