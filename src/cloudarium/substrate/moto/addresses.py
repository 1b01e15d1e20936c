"""From a request to the address it would have had on AWS, which is how moto tells whose it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

_AWS = (".amazonaws.com", ".api.aws")
_S3_BUCKET_HOST = re.compile(r"(?P<bucket>.+?)\.s3(?:[.-].*)?\.(?:amazonaws\.com|localhost.*)|(?P<local>.+)\.localhost")
_S3_SPECIAL = re.compile(r"\.s3-(?:accesspoint|control|object-lambda)\.")
_SIGNED_BY = re.compile(r"Credential=[^/,\s]*/\d{8}/[^/,\s]*/([^/,\s]+)/aws4_request|X-Amz-Credential=[^&]*?(?:/|%2F)"
                        r"([^/%&]+)(?:/|%2F)aws4_request")  # fmt: skip

SIGNING_NAMES = {
    "airflow": "mwaa",
    "aoss": "opensearchserverless",
    "aps": "amp",
    "bedrock": "bedrock",
    "dynamodb": "dynamodb",
    "elasticfilesystem": "efs",
    "elasticloadbalancing": "elbv2",
    "elasticmapreduce": "emr",
    "email": "ses",
    "eventbridge": "events",
    "execute-api": "apigatewaymanagementapi",
    "iotdata": "iot-data",
    "mobiletargeting": "pinpoint",
    "monitoring": "cloudwatch",
    "pinpoint": "pinpoint",
    "servicecatalog": "servicecatalog",
    "sso": "sso-admin",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
    "timestream": "timestream-write",
}
"""Names in credential scopes that differ from botocore's name of the service."""


def service_of(headers: Mapping[str, str], query: str) -> str:
    """What botocore calls the service a request is signed for; ``s3`` when it is not signed with SigV4.

    Only a fallback: the gateway knows better and says so. ``headers`` by lower-case name.
    """
    if headers.get("x-amz-target", "").startswith("DynamoDBStreams"):
        return "dynamodbstreams"
    found = _SIGNED_BY.search(headers.get("authorization", "")) or _SIGNED_BY.search(query)
    if found is None:
        return "s3"
    name = (found.group(1) or found.group(2)).lower()
    return SIGNING_NAMES.get(name, name)


def s3_url(host: str, region: str, target: str) -> str:
    """The path-style address of an S3 request, whose bucket may be in the host name."""
    name = host.partition(":")[0].lower()
    if _S3_SPECIAL.search(name):
        return f"https://{name}{target}"
    if not name.startswith(("s3.", "s3-")) and (found := _S3_BUCKET_HOST.fullmatch(name)) is not None:
        target = f"/{found.group('bucket') or found.group('local')}{target}"
    return f"https://s3.{region}.amazonaws.com{target}"


def is_aws(host: str) -> bool:
    """Whether a Host header names AWS itself (a client whose DNS points here)."""
    return host.partition(":")[0].lower().endswith(_AWS)
