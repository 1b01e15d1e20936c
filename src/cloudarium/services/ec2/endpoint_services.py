"""The AWS services that VPC endpoints lead to, and which type of endpoint each has.

https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
"""

from __future__ import annotations

from typing import NamedTuple

from cloudarium.services.ec2.regions import Zone, zones


class EndpointService(NamedTuple):
    """A service of a region as an endpoint can reach it."""

    name: str
    endpoint_type: str
    private_dns_name: str

    def base_dns_names(self, region: str) -> list[str]:
        """The names under which the service is found without private DNS."""
        if self.endpoint_type == "Gateway":
            return [self.private_dns_name]
        return [f"{self.name.rpartition(f'{region}.')[2]}.{region}.vpce.amazonaws.com"]

    def zones(self, region: str) -> tuple[Zone, ...]:
        """Where it is offered: everywhere in its region."""
        return zones(region)


_GATEWAY = ("s3", "dynamodb")

_INTERFACE = {
    "acm-pca": "acm-pca",
    "application-autoscaling": "application-autoscaling",
    "athena": "athena",
    "autoscaling": "autoscaling",
    "cloudformation": "cloudformation",
    "cloudtrail": "cloudtrail",
    "codebuild": "codebuild",
    "codepipeline": "codepipeline",
    "config": "config",
    "dynamodb": "dynamodb",
    "ec2": "ec2",
    "ec2messages": "ec2messages",
    "ecr.api": "api.ecr",
    "ecr.dkr": "*.dkr.ecr",
    "ecs": "ecs",
    "ecs-agent": "ecs-a",
    "ecs-telemetry": "ecs-t",
    "eks": "eks",
    "elasticache": "elasticache",
    "elasticfilesystem": "elasticfilesystem",
    "elasticloadbalancing": "elasticloadbalancing",
    "events": "events",
    "execute-api": "*.execute-api",
    "glue": "glue",
    "kinesis-firehose": "firehose",
    "kinesis-streams": "kinesis",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "monitoring": "monitoring",
    "rds": "rds",
    "s3": "s3",
    "sagemaker.api": "api.sagemaker",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "ssmmessages": "ssmmessages",
    "states": "states",
    "sts": "sts",
    "transfer": "transfer",
    "xray": "xray",
}
"""Service name suffix to the label of its usual host name."""


def endpoint_services(region: str) -> list[EndpointService]:
    """Every service of a region; S3 and DynamoDB are there twice, once per type."""
    found = [
        EndpointService(f"com.amazonaws.{region}.{label}", "Gateway", f"{label}.{region}.amazonaws.com")
        for label in _GATEWAY
    ]
    found += [
        EndpointService(f"com.amazonaws.{region}.{suffix}", "Interface", f"{host}.{region}.amazonaws.com")
        for suffix, host in _INTERFACE.items()
    ]
    return found


def find_service(region: str, name: str, endpoint_type: str) -> EndpointService | None:
    """A service by name and endpoint type."""
    for service in endpoint_services(region):
        if service.name == name and service.endpoint_type == endpoint_type:
            return service
    return None
