"""Resource types, by name. A module of kinds is imported when a template first names one of its types."""

from __future__ import annotations

import importlib

from cloudarium.services.cloudformation.kinds.kind import Kind

_HOMES = {
    "AWS::CDK": "cloudformation",
    "AWS::CloudFormation": "cloudformation",
    "AWS::CloudWatch": "cloudwatch",
    "AWS::DynamoDB": "dynamodb",
    "AWS::EC2": "ec2",
    "AWS::ECR": "ecr",
    "AWS::ECS": "ecs",
    "AWS::ElasticLoadBalancingV2": "elbv2",
    "AWS::Events": "events",
    "AWS::IAM": "iam",
    "AWS::KMS": "kms",
    "AWS::Kinesis": "kinesis",
    "AWS::Lambda": "lambda_",
    "AWS::Logs": "logs",
    "AWS::Route53": "route53",
    "AWS::S3": "s3",
    "AWS::SNS": "sns",
    "AWS::SQS": "sqs",
    "AWS::SSM": "ssm",
    "AWS::SecretsManager": "secretsmanager",
    "AWS::ServiceDiscovery": "servicediscovery",
    "AWS::StepFunctions": "stepfunctions",
}
"""The module (or package) of this package that has ``KINDS``, by the first two parts of a type's name."""


def find(type_: str) -> Kind | None:
    """The kind of a resource type such as ``AWS::EC2::VPC``; None when nobody here can make it."""
    home = _HOMES.get("::".join(type_.split("::")[:2]))
    if home is None:
        return None
    module = importlib.import_module(f"{__name__}.{home}")
    kinds: dict[str, Kind] = module.KINDS
    return kinds.get(type_)
