"""Kinds of Kinesis and Step Functions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

ROLES = [f"arn:aws:iam::111122223333:role/r{n}" for n in range(2)]


def test_a_stream(stack: Any) -> None:
    api = stack.client("kinesis")
    stream = stack.create("AWS::Kinesis::Stream", ShardCount=1, Tags=[{"Key": "a", "Value": "1"}])
    name = stream.physical_id
    assert stream.attributes["Arn"] == f"arn:aws:kinesis:eu-west-1:111122223333:stream/{name}"

    def told() -> dict[str, Any]:
        made = api.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return {
            "shards": made["OpenShardCount"],
            "hours": made["RetentionPeriodHours"],
            "key": made.get("KeyId"),
            "tags": {tag["Key"]: tag["Value"] for tag in api.list_tags_for_stream(StreamName=name)["Tags"]},
        }

    first = told()
    assert first == {"shards": 1, "hours": 24, "key": None, "tags": {"a": "1", "of-the-stack": "yes"}}
    encryption = {"EncryptionType": "KMS", "KeyId": "k"}
    stream.update(ShardCount=2, RetentionPeriodHours=48, StreamEncryption=encryption)
    assert told() == {"shards": 2, "hours": 48, "key": "k", "tags": {"of-the-stack": "yes"}}
    stream.update(ShardCount=1, Tags=[{"Key": "a", "Value": "1"}])
    assert told() == first
    with pytest.raises(AwsError, match="Changing the StreamModeDetails"):
        stream.update(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    with pytest.raises(Failed, match="already exists"):
        stack.create("AWS::Kinesis::Stream", Name=name)
    stream.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        told()


def test_a_stream_that_adapts(stack: Any) -> None:
    stream = stack.create("AWS::Kinesis::Stream")
    told = stack.client("kinesis").describe_stream_summary(StreamName=stream.physical_id)["StreamDescriptionSummary"]
    assert told["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}


def states(comment: str) -> dict[str, Any]:
    return {"Comment": comment, "StartAt": "S", "States": {"S": {"Type": "Succeed"}}}


def test_a_state_machine(stack: Any) -> None:
    api, s3 = stack.client("stepfunctions"), stack.client("s3")
    machine = stack.create(
        "AWS::StepFunctions::StateMachine",
        DefinitionString=json.dumps(states("${who} ${other}")),
        DefinitionSubstitutions={"who": "me"},
        RoleArn=ROLES[0],
        Tags=[{"Key": "a", "Value": "1"}],
    )
    arn = machine.physical_id
    assert arn == f"arn:aws:states:eu-west-1:111122223333:stateMachine:Logical{machine.name[-13:]}"
    assert machine.attributes == {"Arn": arn, "Name": f"Logical{machine.name[-13:]}"}

    def told() -> tuple[str, str]:
        made = api.describe_state_machine(stateMachineArn=arn)
        return json.loads(made["definition"])["Comment"], made["roleArn"]

    def tags() -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in api.list_tags_for_resource(resourceArn=arn)["tags"]}

    assert told() == ("me ${other}", ROLES[0])
    assert tags() == {"a": "1", "of-the-stack": "yes"}
    machine.update(Definition=states("two"), RoleArn=ROLES[1], TracingConfiguration={"Enabled": True})
    assert told() == ("two", ROLES[1])
    assert tags() == {"of-the-stack": "yes"}
    assert api.describe_state_machine(stateMachineArn=arn)["tracingConfiguration"] == {"enabled": True}
    bucket = stack.create("AWS::S3::Bucket", "Code").physical_id
    s3.put_object(Bucket=bucket, Key="machine.json", Body=json.dumps(states("three")).encode())
    where = {"DefinitionS3Location": {"Bucket": bucket, "Key": "machine.json"}, "RoleArn": ROLES[0]}
    machine.update(**where, TracingConfiguration={"Enabled": False})
    assert told() == ("three", ROLES[0])
    with pytest.raises(AwsError, match="Taking the TracingConfiguration"):
        machine.update(**where)
    with pytest.raises(Failed, match="already exists"):
        stack.create("AWS::StepFunctions::StateMachine", **where, StateMachineName=machine.attributes["Name"])
    with pytest.raises(Failed, match="must be specified"):
        stack.create("AWS::StepFunctions::StateMachine", "None", RoleArn=ROLES[0])
    machine.delete()
    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        told()
