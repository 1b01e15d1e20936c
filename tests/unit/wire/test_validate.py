"""Input that violates the model, in AWS's words."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from cloudarium.gateway import wire
from cloudarium.gateway.wire import WireRequest
from cloudarium.gateway.wire.patterns import compiled
from cloudarium.kernel.errors import AwsError


def refusal(service: str, protocol: str, operation: str, **parameters: str) -> tuple[str, str]:
    """The error for form parameters or a JSON body."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = urlencode(parameters).encode()
    if protocol == "json":
        headers, body = {"content-type": "application/x-amz-json-1.1"}, parameters["body"].encode()
    with pytest.raises(AwsError) as caught:
        wire.operation(service, protocol, operation).parse(WireRequest("POST", "/", "", headers, body))
    assert caught.value.status == 400
    return caught.value.code, caught.value.message


def test_missing_members() -> None:
    assert refusal("sts", "query", "AssumeRole", RoleArn="arn:aws:iam::000000000000:role/r") == (
        "ValidationError",
        "1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: "
        "Member must not be null",
    )


def test_several_problems_and_nested_paths() -> None:
    code, message = refusal(
        "sts",
        "query",
        "AssumeRole",
        **{"RoleArn": "x", "RoleSessionName": "name", "Tags.member.1.Key": "k" * 129, "Tags.member.1.Value": "v"},
    )
    assert code == "ValidationError"
    assert message.startswith("2 validation errors detected: Value 'x' at 'roleArn' failed to satisfy constraint: ")
    assert "Member must have length greater than or equal to 20; Value 'kkk" in message
    assert message.endswith(
        "at 'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"
    )


def test_range_pattern_and_enum() -> None:
    arn = "arn:aws:iam::000000000000:role/role"
    _, message = refusal("sts", "query", "AssumeRole", RoleArn=arn, RoleSessionName="no spaces", DurationSeconds="10")
    assert (
        "Value 'no spaces' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular " in message
    )
    assert "Value '10' at 'durationSeconds' failed to satisfy constraint: Member must have value greater " in message
    code, message = refusal("elbv2", "query", "CreateTargetGroup", Name="t", Protocol="GOPHER")
    assert code == "ValidationError"
    assert message.startswith(
        "1 validation error detected: Value 'GOPHER' at 'protocol' failed to satisfy constraint: "
        "Member must satisfy enum value set: ["
    )


def test_json_services_say_validation_exception() -> None:
    code, message = refusal("dynamodb", "json", "DescribeTable", body="{}")
    assert code == "ValidationException"
    assert message == (
        "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null"
    )


def test_items_of_a_list_are_described_on_the_list() -> None:
    body = json.dumps({"keyId": "k", "constraints": {}})
    assert body
    code, message = refusal("kms", "json", "TagResource", body=json.dumps({"KeyId": "k", "Tags": [{"TagKey": ""}]}))
    assert code == "ValidationException"
    assert "'tags.1.member.tagKey' failed to satisfy constraint: Member must have length greater than" in message
    assert "Value null at 'tags.1.member.tagValue' failed" in message
    _, message = refusal("kms", "json", "UntagResource", body=json.dumps({"KeyId": "k", "TagKeys": ["x", ""]}))
    assert message == (
        "1 validation error detected: Value '[x, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy "
        "constraint: [Member must have length less than or equal to 128, "
        "Member must have length greater than or equal to 1]"
    )


def test_sensitive_values_are_not_repeated() -> None:
    body = json.dumps({"UserPoolId": "us-east-1_x", "Username": "u", "Password": "p" * 300, "Permanent": True})
    _, message = refusal("cognito-idp", "json", "AdminSetUserPassword", body=body)
    assert "Value at 'password' failed to satisfy constraint" in message
    assert "ppp" not in message


def test_ec2_names_the_parameter() -> None:
    assert refusal("ec2", "ec2", "CreateSecurityGroup", GroupName="g") == (
        "MissingParameter",
        "The request must contain the parameter GroupDescription",
    )
    code, message = refusal("ec2", "ec2", "CreateVpc", CidrBlock="10.0.0.0/16", InstanceTenancy="shared")
    assert code == "InvalidParameterValue"
    assert message.startswith("Value (shared) for parameter InstanceTenancy is invalid.")


def test_ec2_refuses_what_it_does_not_know() -> None:
    assert refusal("ec2", "ec2", "DescribeVpcs", Nope="1") == (
        "UnknownParameter",
        "The parameter Nope is not recognized",
    )
    assert refusal("ec2", "ec2", "DescribeVpcs", **{"Filter.1.Name": "x", "Filter.1.Nope": "1"}) == (
        "UnknownParameter",
        "The parameter Filter.1.Nope is not recognized",
    )


def test_query_ignores_what_it_does_not_know() -> None:
    request = WireRequest("POST", "/", "", {}, b"Action=DescribeTargetGroups&Nope=1&Names.member.1=x")
    assert wire.operation("elbv2", "query", "DescribeTargetGroups").parse(request) == {"Names": ["x"]}


@pytest.mark.parametrize(
    ("service", "protocol", "operation", "parameters", "expected"),
    [
        ("ec2", "ec2", "DescribeVpcs", {"MaxResults": "many"}, "InvalidParameterValue"),
        ("ec2", "ec2", "DescribeVpcs", {"DryRun": "maybe"}, "InvalidParameterValue"),
        ("ec2", "ec2", "DescribeVpcs", {"MaxResults": str(2**31)}, "InvalidParameterValue"),
        ("elbv2", "query", "DescribeTargetGroups", {"PageSize": "many"}, "MalformedInput"),
        ("elbv2", "query", "DescribeTargetGroups", {"Names": "x"}, "MalformedInput"),
        ("elbv2", "query", "DescribeTargetGroups", {"LoadBalancerArn.a": "x"}, "MalformedInput"),
        ("dynamodb", "json", "ListTables", {"body": '{"Limit": "ten"}'}, "SerializationException"),
        ("dynamodb", "json", "ListTables", {"body": '{"Limit": true}'}, "SerializationException"),
        ("dynamodb", "json", "ListTables", {"body": '{"Limit": 2147483648}'}, "SerializationException"),
        ("dynamodb", "json", "ListTables", {"body": "{"}, "SerializationException"),
        ("dynamodb", "json", "ListTables", {"body": "[]"}, "SerializationException"),
        ("dynamodb", "json", "DescribeTable", {"body": '{"TableName": {}}'}, "SerializationException"),
    ],
)
def test_values_of_the_wrong_type(
    service: str, protocol: str, operation: str, parameters: dict[str, str], expected: str
) -> None:
    assert refusal(service, protocol, operation, **parameters)[0] == expected


def test_idempotency_tokens_are_filled_in() -> None:
    request = WireRequest("POST", "/", "", {}, b"Action=CreateNatGateway&SubnetId=subnet-1")
    operation = wire.operation("ec2", "ec2", "CreateNatGateway")
    first, second = operation.parse(request), operation.parse(request)
    assert first["ClientToken"] != second["ClientToken"]
    given = WireRequest("POST", "/", "", {}, b"Action=CreateNatGateway&SubnetId=subnet-1&ClientToken=t")
    assert operation.parse(given)["ClientToken"] == "t"


def test_patterns_that_could_hang_are_not_checked() -> None:
    assert compiled(r"(a+)+$") is None
    assert compiled(r"(a|ab|b)*x") is None
    assert compiled(r"(\w+\s?)*") is None
    assert compiled(r"\P{C}+") is None


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"[\w+=,.@-]*", "a.b@c", "a b"),
        (r"arn:aws[a-z-]*:iam::\d{12}:role/.+", "arn:aws:iam::000000000000:role/x", "arn:aws:iam::1:role/x"),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "é 漢_1", "a*"),
        (r"[a-zA-Z0-9]+(?:[-_.][a-zA-Z0-9]+)*", "a-b-c", "a--b"),
        (r"[\w-_]*", "a-b_c", "a b"),
        ("[\\u0009\\u000A\\u000D\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF]*", "a😀", "\x00"),
    ],
)
def test_patterns_match_whole_values(pattern: str, good: str, bad: str) -> None:
    found = compiled(pattern)
    assert found is not None
    assert found.accepts(good)
    assert not found.accepts(bad)
