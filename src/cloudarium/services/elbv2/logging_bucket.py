"""Whether a bucket takes access logs, proved as the load balancer does it: by writing a test file.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
"""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.elbv2.errors import invalid_configuration


def log_prefix(prefix: str, account: str) -> str:
    """The part of every log object's key that comes first: ``[prefix/]AWSLogs/<account>``."""
    return f"{prefix.strip('/')}/AWSLogs/{account}" if prefix.strip("/") else f"AWSLogs/{account}"


async def check_bucket(ctx: Context, bucket: str, prefix: str) -> None:
    """Write ``ELBAccessLogTestFile``; InvalidConfigurationRequest when that fails."""
    key = f"{log_prefix(prefix, ctx.account)}/ELBAccessLogTestFile"
    body = f"Enable AccessLog for ELB: {bucket} at {ctx.clock.utcnow():%Y-%m-%dT%H:%M:%S.%f}Z".encode()
    try:
        await ctx.aws.s3.put_object(Bucket=bucket, Key=key, Body=body)
    except AwsError as error:
        if error.code == "NoSuchBucket":
            raise invalid_configuration(f"S3Bucket: {bucket} is not located in the same region with the ELB") from error
        raise invalid_configuration(f"Access Denied for bucket: {bucket}. Please check S3bucket permission") from error
