"""AWS/Usage: how often each API was called, per account and region, every minute.

Counted is what comes over the wire, whether it succeeds or not; calls of services among themselves are AWS's own. A
call costs one look into a dict; what it adds up to is published when the minute is over. While nobody calls there is
no timer.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AWS-API-Usage-Metrics.html
"""

from __future__ import annotations

import logging

from cloudarium.kernel.clock import Timer
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.metrics import TooManyMetrics
from cloudarium.kernel.store import Scope

log = logging.getLogger(__name__)

NAMESPACE = "AWS/Usage"
_MINUTE = 60.0
_MOST = 20_000
"""Counters held at once; more are published before the minute is over."""

SERVICES = {
    "acm": "Certificate Manager",
    "acm-pca": "Private Certificate Authority",
    "backup": "Backup",
    "batch": "Batch",
    "budgets": "Budgets",
    "cloudwatch": "CloudWatch",
    "codebuild": "CodeBuild",
    "codecommit": "CodeCommit",
    "codepipeline": "CodePipeline",
    "cognito-identity": "Cognito Identity Pools",
    "datasync": "DataSync",
    "ecr": "ECR",
    "eks": "EKS",
    "elasticbeanstalk": "Elastic Beanstalk",
    "elb": "Elastic Load Balancing",
    "elbv2": "Elastic Load Balancing",
    "emr-containers": "EMR Containers",
    "fsx": "FSx",
    "glacier": "Amazon S3 Glacier",
    "iot": "IoT",
    "kms": "KMS",
    "logs": "Logs",
    "mediaconvert": "MediaConvert",
    "medialive": "MediaLive",
    "opsworks": "OpsWorks",
    "pi": "Performance Insights",
    "ram": "Resource Access Manager",
    "redshift-data": "Redshift Data API",
    "rekognition": "Rekognition",
    "resource-groups": "Resource Groups",
    "resourcegroupstaggingapi": "Resource Groups Tagging API",
    "route53domains": "Route 53 Domains",
    "secretsmanager": "Secrets Manager",
    "securityhub": "Security Hub",
    "service-quotas": "Service Quotas",
    "signer": "Signer",
    "sns": "SNS",
    "sqs": "SQS",
    "support": "Support",
    "swf": "SWF",
    "textract": "Textract",
    "transcribe": "Transcribe",
    "waf": "WAF",
    "workspaces": "Workspaces",
    "xray": "X-Ray",
}
"""The ``Service`` dimension by service; others report no calls."""

_OF_ECR = frozenset(
    {
        "GetAuthorizationToken",
        "BatchCheckLayerAvailability",
        "InitiateLayerUpload",
        "UploadLayerPart",
        "CompleteLayerUpload",
        "PutImage",
        "BatchGetImage",
        "GetDownloadUrlForLayer",
    }
)
"""All that ECR reports, and without a class:
https://docs.aws.amazon.com/AmazonECR/latest/userguide/monitoring-usage.html"""

_Call = tuple[Scope, str, str]


class Usage:
    """Counts calls."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._counts: dict[_Call, list[int]] = {}
        """Cells rather than numbers: a call is looked up once, not twice."""
        self._since = 0.0
        self._timer: Timer | None = None
        self._closes = False

    def count(self, scope: Scope, service: str, operation: str) -> None:
        """Count a call of an API operation."""
        call = (scope, service, operation)
        try:
            self._counts[call][0] += 1
        except KeyError:
            self._first(call)

    def _first(self, call: _Call) -> None:
        if len(self._counts) >= _MOST:
            self._publish()
        if self._timer is None:
            now = self._since = self._cloud.clock.now()
            self._timer = self._cloud.clock.call_later(_MINUTE - now % _MINUTE, self._tick)
            if not self._closes:
                self._closes = True
                self._cloud.on_close(self._forget)
        self._counts[call] = [1]

    def _tick(self) -> None:
        self._timer = None
        self._publish()

    def _publish(self) -> None:
        counts, self._counts = self._counts, {}
        try:
            for (scope, service, operation), (number,) in counts.items():
                if (found := dimensions(service, operation)) is not None:
                    self._cloud.metrics.record(scope, NAMESPACE, "CallCount", found, 1.0, count=number, at=self._since)
        except TooManyMetrics:
            log.warning("how often APIs were called is not known for this minute: there are too many metrics")

    async def _forget(self) -> None:
        """The cloud stops, or begins anew."""
        self._closes = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._counts.clear()


def dimensions(service: str, operation: str) -> dict[str, str] | None:
    """Those of an operation's CallCount; None for operations that AWS does not report."""
    name = SERVICES.get(service)
    if not name or (service == "ecr" and operation not in _OF_ECR):
        return None
    found = {"Service": name, "Type": "API", "Resource": operation}
    return found if service == "ecr" else {**found, "Class": "None"}
