"""An attempt that was interrupted before its call was made has made nothing, whatever has the name by then."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cloudformation.kinds.conftest import Stack

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
NAMED: dict[str, dict[str, Any]] = {
    "AWS::DynamoDB::Table": {
        "TableName": "foreign",
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
    "AWS::Events::Rule": {"Name": "foreign", "ScheduleExpression": "rate(1 hour)"},
    "AWS::IAM::Role": {"RoleName": "foreign", "AssumeRolePolicyDocument": TRUST},
    "AWS::IAM::ManagedPolicy": {"ManagedPolicyName": "foreign", "PolicyDocument": ALLOW},
    "AWS::Kinesis::Stream": {"Name": "foreign"},
    "AWS::S3::Bucket": {"BucketName": "foreign-bucket"},
    "AWS::SNS::Topic": {"TopicName": "foreign"},
    "AWS::SQS::Queue": {"QueueName": "foreign"},
    "AWS::SSM::Parameter": {"Name": "/foreign", "Type": "String", "Value": "v"},
    "AWS::SecretsManager::Secret": {"Name": "foreign", "SecretString": "s"},
}


@pytest.mark.parametrize("type_", NAMED)
def test_what_is_somebody_elses_is_not_taken_up(stack: Stack, type_: str) -> None:
    stack.create(type_, "Foreign", **NAMED[type_])
    ours = stack.resource(type_)
    work = ours.work(NAMED[type_], None)
    assert stack.rig.run(ours.kind.found(work)) == ""
    with pytest.raises((AwsError, Failed), match="already exists"):
        stack.rig.run(ours.kind.create(work))
    assert stack.rig.run(ours.kind.found(work)) == ""
