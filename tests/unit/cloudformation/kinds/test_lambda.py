"""Lambda's kinds."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}


@pytest.fixture
def function(stack: Any) -> dict[str, Any]:
    """What every function needs."""
    role = stack.create("AWS::IAM::Role", "Role", AssumeRolePolicyDocument=TRUST).attributes["Arn"]
    return {"Role": role, "Handler": "index.f", "Runtime": "python3.12", "Code": {"ZipFile": "def f(*_): pass"}}


def archive(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("index.py", text)
    return made.getvalue()


def test_a_function(stack: Any, function: dict[str, Any]) -> None:
    api, s3 = stack.client("lambda"), stack.client("s3")
    made = stack.create("AWS::Lambda::Function", **function, Tags=[{"Key": "a", "Value": "1"}])
    name = made.physical_id
    assert made.attributes["Arn"] == f"arn:aws:lambda:eu-west-1:111122223333:function:{name}"

    def told() -> dict[str, Any]:
        answer = api.get_function(FunctionName=name)
        config = answer["Configuration"]
        return {
            "sha": config["CodeSha256"],
            "description": config["Description"],
            "memory": config["MemorySize"],
            "timeout": config["Timeout"],
            "variables": config.get("Environment", {}).get("Variables", {}),
            "subnets": config.get("VpcConfig", {}).get("SubnetIds", []),
            "concurrency": answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
            "tags": answer["Tags"],
        }

    first = told()
    assert {**first, "sha": ""} == {
        "sha": "",
        "description": "",
        "memory": 128,
        "timeout": 3,
        "variables": {},
        "subnets": [],
        "concurrency": None,
        "tags": {"a": "1", "of-the-stack": "yes"},
    }
    bucket = stack.create("AWS::S3::Bucket", "Code").physical_id
    s3.put_object(Bucket=bucket, Key="code.zip", Body=archive("def f(*_): return 1"))
    changed = {
        **function,
        "Code": {"S3Bucket": bucket, "S3Key": "code.zip"},
        "Description": "d",
        "MemorySize": 256,
        "Timeout": 9,
        "Environment": {"Variables": {"K": "v"}},
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "ReservedConcurrentExecutions": 4,
    }
    made.update(**changed)
    second = told()
    assert second["sha"] != first["sha"]
    assert {**second, "sha": ""} == {
        "sha": "",
        "description": "d",
        "memory": 256,
        "timeout": 9,
        "variables": {"K": "v"},
        "subnets": ["subnet-1"],
        "concurrency": 4,
        "tags": {"of-the-stack": "yes"},
    }
    made.update(**function, Tags=[{"Key": "a", "Value": "1"}])
    assert told() == first
    with pytest.raises(AwsError, match="Changing the Architectures of an AWS::Lambda::Function"):
        made.update(**function, Architectures=["arm64"])
    with pytest.raises(AwsError, match="already exist"):
        stack.create("AWS::Lambda::Function", **function, FunctionName=name)
    made.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        told()


def test_the_source_in_a_template_becomes_an_archive(stack: Any, function: dict[str, Any]) -> None:
    said = {**function, "Runtime": "nodejs22.x", "Code": {"ZipFile": "exports.f = 1"}}
    one, two = (stack.create("AWS::Lambda::Function", name, **said) for name in ("One", "Two"))
    api = stack.client("lambda")
    one, two = (api.get_function_configuration(FunctionName=each.physical_id) for each in (one, two))
    assert one["CodeSha256"] == two["CodeSha256"]
    assert base64.b64decode(one["CodeSha256"])
    with pytest.raises(Failed, match="ZipFile can only be used when Runtime"):
        stack.create("AWS::Lambda::Function", "Java", **{**said, "Runtime": "java21"})
    with pytest.raises(AwsError, match=r"Code.ImageUri is not implemented in Cloudarium yet"):
        stack.create("AWS::Lambda::Function", "Image", **{**function, "Code": {"ImageUri": "x"}})


def test_a_permission(stack: Any, function: dict[str, Any]) -> None:
    api = stack.client("lambda")
    name = stack.create("AWS::Lambda::Function", "Function", **function).physical_id
    said = {"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    permission = stack.create("AWS::Lambda::Permission", **said, SourceArn="arn:aws:s3:::b")
    (statement,) = json.loads(api.get_policy(FunctionName=name)["Policy"])["Statement"]
    assert (statement["Sid"], statement["Principal"]) == (permission.physical_id, {"Service": "s3.amazonaws.com"})
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}
    permission.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        api.get_policy(FunctionName=name)


def test_versions_and_an_alias(stack: Any, function: dict[str, Any]) -> None:
    api = stack.client("lambda")
    made = stack.create("AWS::Lambda::Function", "Function", **function)
    name = made.physical_id
    one = stack.create("AWS::Lambda::Version", "One", FunctionName=name, Description="first")
    assert one.attributes == {"Version": "1", "FunctionArn": f"{made.attributes['Arn']}:1"}
    with pytest.raises(Failed, match=r"A version for this Lambda function exists \( 1 \)"):
        stack.create("AWS::Lambda::Version", "Same", FunctionName=name)
    made.update(**function, Description="changed")
    two = stack.create("AWS::Lambda::Version", "Two", FunctionName=name)
    said = {"FunctionName": name, "Name": "live"}
    alias = stack.create("AWS::Lambda::Alias", **said, FunctionVersion="1", Description="d")
    assert alias.physical_id == f"{made.attributes['Arn']}:live"
    weights = {"AdditionalVersionWeights": [{"FunctionVersion": "1", "FunctionWeight": 0.5}]}
    alias.update(**said, FunctionVersion=two.attributes["Version"], RoutingConfig=weights)
    told = api.get_alias(**said)
    assert (told["FunctionVersion"], told["Description"]) == ("2", "")
    assert told["RoutingConfig"]["AdditionalVersionWeights"] == {"1": 0.5}
    alias.update(**said, FunctionVersion="1")
    assert api.get_alias(**said)["RoutingConfig"].get("AdditionalVersionWeights", {}) == {}
    alias.delete()
    two.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        api.get_alias(**said)
    versions = api.list_versions_by_function(FunctionName=name)["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "1"]


def test_a_layer(stack: Any) -> None:
    api, s3 = stack.client("lambda"), stack.client("s3")
    bucket = stack.create("AWS::S3::Bucket", "Code").physical_id
    s3.put_object(Bucket=bucket, Key="layer.zip", Body=archive("x = 1"))
    said = {"Content": {"S3Bucket": bucket, "S3Key": "layer.zip"}, "CompatibleRuntimes": ["python3.12"]}
    layer = stack.create("AWS::Lambda::LayerVersion", "Layer", **said, Description="d")
    assert layer.physical_id == "arn:aws:lambda:eu-west-1:111122223333:layer:Layer:1"
    told = api.get_layer_version(LayerName="Layer", VersionNumber=1)
    assert (told["Description"], told["CompatibleRuntimes"]) == ("d", ["python3.12"])
    layer.delete()
    assert api.list_layer_versions(LayerName="Layer")["LayerVersions"] == []


def test_a_source_of_events(stack: Any, function: dict[str, Any]) -> None:
    api = stack.client("lambda")
    name = stack.create("AWS::Lambda::Function", "Function", **function).physical_id
    queue = stack.create("AWS::SQS::Queue").attributes["Arn"]
    said = {"FunctionName": name, "EventSourceArn": queue}
    mapping = stack.create("AWS::Lambda::EventSourceMapping", **said, BatchSize=5)
    assert len(api.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]) == 1
    mapping.update(**said, BatchSize=7, Enabled=False)
    told = api.get_event_source_mapping(UUID=mapping.physical_id)
    assert (told["BatchSize"], told["State"]) == (7, "Disabled")
    assert mapping.attributes["EventSourceMappingArn"] == told["EventSourceMappingArn"]
    mapping.update(**said, BatchSize=7)
    assert api.get_event_source_mapping(UUID=mapping.physical_id)["State"] == "Enabled"
    with pytest.raises(AwsError, match="Changing the FilterCriteria"):
        mapping.update(**said, BatchSize=7, FilterCriteria={"Filters": []})
    mapping.delete()
    assert api.list_event_source_mappings(FunctionName=name)["EventSourceMappings"] == []
