"""AWS's resource schemas: what a type has, coercion, checks, replacement."""

# AWS's messages are as long as they are.

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.schemas import Schema, failure, find
from cloudarium.services.cloudformation.schemas import schema as where


def schema(name: str) -> Schema:
    found = find(f"AWS::{name}")
    assert found is not None
    return found


def test_a_type_is_found_and_remembered() -> None:
    assert find("AWS::SQS::Queue") is find("AWS::SQS::Queue")
    assert find("AWS::SQS::Nope") is None and find("") is None and find("../x") is None


def test_what_a_type_has() -> None:
    queue = schema("SQS::Queue")
    assert queue.type == "AWS::SQS::Queue"
    assert queue.create_only == {"FifoQueue", "QueueName"}
    assert queue.read_only >= {"Arn", "QueueUrl"}
    assert queue.attributes >= {"Arn", "QueueName", "QueueUrl"}
    assert (queue.tag_property, queue.system_tags) == ("Tags", False)
    group = schema("EC2::SecurityGroup")
    assert group.required == {"GroupDescription"}
    assert (group.tag_property, group.system_tags) == ("Tags", True)
    assert schema("SSM::Parameter").tag_property == "Tags"
    assert schema("Cognito::UserPool").tag_property == "UserPoolTags"
    assert schema("EC2::Route").tag_property == ""
    assert schema("EC2::VPC").conditional_create_only == {"InstanceTenancy"}


def test_attributes_within_attributes() -> None:
    database = schema("RDS::DBInstance")
    assert {"Endpoint.Address", "Endpoint.Port", "DBInstanceArn"} <= database.attributes
    assert database.has_attribute("Endpoint.Address") and not database.has_attribute("Engine")
    stack = schema("CloudFormation::Stack")
    assert stack.has_attribute("Outputs.Anything") and not stack.has_attribute("StackId.X")
    custom = find("Custom::Thing")
    assert custom is not None and custom.has_attribute("Anything")


# -- coercion ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given_", "coerced"),
    [
        (
            "SQS::Queue",
            {"DelaySeconds": "5", "FifoQueue": "TRUE", "QueueName": 12},
            {"DelaySeconds": 5, "FifoQueue": True, "QueueName": "12"},
        ),
        ("SQS::Queue", {"DelaySeconds": "5.0", "QueueName": True}, {"DelaySeconds": 5, "QueueName": "true"}),
        ("SQS::Queue", {"DelaySeconds": 5.0, "QueueName": 1.5}, {"DelaySeconds": 5, "QueueName": "1.5"}),
        ("SQS::Queue", {"DelaySeconds": "five", "FifoQueue": "yes"}, {"DelaySeconds": "five", "FifoQueue": "yes"}),
        ("SQS::Queue", {"RedrivePolicy": {"maxReceiveCount": "5"}}, {"RedrivePolicy": {"maxReceiveCount": 5}}),
        ("SQS::Queue", {"RedrivePolicy": '{"a": 1}'}, {"RedrivePolicy": '{"a": 1}'}),
        ("SQS::Queue", {"Tags": [{"Key": 1, "Value": True}]}, {"Tags": [{"Key": "1", "Value": "true"}]}),
        ("SQS::Queue", {"Nope": "5"}, {"Nope": "5"}),
        (
            "ECS::TaskDefinition",
            {"Cpu": 256, "ContainerDefinitions": [{"PortMappings": [{"ContainerPort": "80"}], "Essential": "false"}]},
            {"Cpu": "256", "ContainerDefinitions": [{"PortMappings": [{"ContainerPort": 80}], "Essential": False}]},
        ),
        (
            "CloudWatch::Alarm",
            {"Threshold": "1.5", "EvaluationPeriods": "2"},
            {"Threshold": 1.5, "EvaluationPeriods": 2},
        ),
        (
            "EC2::SecurityGroup",
            {"SecurityGroupIngress": [{"FromPort": "80", "IpProtocol": 6}]},
            {"SecurityGroupIngress": [{"FromPort": 80, "IpProtocol": "6"}]},
        ),
        (
            "IAM::Role",
            {"AssumeRolePolicyDocument": {"Statement": [{"Action": "a"}]}, "MaxSessionDuration": "3600"},
            {"AssumeRolePolicyDocument": {"Statement": [{"Action": "a"}]}, "MaxSessionDuration": 3600},
        ),
    ],
)
def test_scalars_become_what_the_schema_says(name: str, given_: dict[str, Any], coerced: dict[str, Any]) -> None:
    before = repr(given_)
    found = schema(name).coerced(given_)
    assert repr(found) == repr(coerced)
    assert repr(given_) == before


# -- checks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "properties", "problems"),
    [
        ("SQS::Queue", {}, []),
        ("SQS::Queue", {"QueueName": "a", "DelaySeconds": 5, "RedrivePolicy": {"maxReceiveCount": 5}}, []),
        ("SQS::Queue", {"Foo": 1}, ["#: extraneous key [Foo] is not permitted"]),
        ("SQS::Queue", {"Arn": "a"}, ["#: extraneous key [Arn] is not permitted"]),
        (
            "SQS::Queue",
            {"Tags": [{"Key": "a", "Other": "b"}]},
            ["#/Tags/0: required key [Value] not found", "#/Tags/0: extraneous key [Other] is not permitted"],
        ),
        ("SQS::Queue", {"QueueName": ["a"]}, ["#/QueueName: expected type: String, found: JSONArray"]),
        ("SQS::Queue", {"QueueName": {"a": "b"}}, ["#/QueueName: expected type: String, found: JSONObject"]),
        ("SQS::Queue", {"DelaySeconds": "x"}, ["#/DelaySeconds: expected type: Integer, found: String"]),
        ("SQS::Queue", {"DelaySeconds": 901}, ["#/DelaySeconds: failed validation constraint for keyword [maximum]"]),
        ("SQS::Queue", {"DelaySeconds": True}, ["#/DelaySeconds: expected type: Integer, found: Boolean"]),
        (
            "Logs::LogGroup",
            {"RetentionInDays": 2},
            [
                "#/RetentionInDays: #: only 1 subschema matches out of 2",
                "#/RetentionInDays: failed validation constraint for keyword [enum]",
            ],
        ),
        (
            "Logs::LogGroup",
            {"LogGroupName": "a b"},
            ["#/LogGroupName: failed validation constraint for keyword [pattern]"],
        ),
        (
            "Logs::LogGroup",
            {"LogGroupName": ""},
            [
                "#/LogGroupName: expected minLength: 1, actual: 0",
                "#/LogGroupName: failed validation constraint for keyword [pattern]",
            ],
        ),
        (
            "Logs::LogGroup",
            {"LogGroupName": "a" * 513},
            [
                "#/LogGroupName: expected maxLength: 512, actual: 513",
                "#/LogGroupName: failed validation constraint for keyword [pattern]",
            ],
        ),
        ("IAM::Role", {}, ["#: required key [AssumeRolePolicyDocument] not found"]),
        (
            "IAM::Role",
            {"AssumeRolePolicyDocument": {}, "ManagedPolicyArns": ["arn:aws:iam::aws:policy/a"] * 2},
            ["#/ManagedPolicyArns: array items are not unique"],
        ),
    ],
)
def test_problems_are_told_in_awss_words(name: str, properties: dict[str, Any], problems: list[str]) -> None:
    assert schema(name).problems(properties) == problems


def test_custom_resources_have_any_property() -> None:
    custom = find("Custom::Thing")
    assert custom is not None
    assert custom.problems({"ServiceToken": "arn", "Anything": {"a": [1]}}) == []
    assert custom.problems({"Anything": 1}) == ["#: required key [ServiceToken] not found"]


def test_a_failure_is_one_reason() -> None:
    assert failure("Q", ["#: a", "#: b"]) == "Properties validation failed for resource Q with message:\n#: a\n#: b"


def made(**document: Any) -> Schema:
    return Schema("AWS::Made::Up", {"additionalProperties": False, **document})


def test_alternatives() -> None:
    either = made(
        properties={
            "A": {"type": "string"},
            "B": {"type": "string"},
            "N": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
        },
        oneOf=[{"required": ["A"]}, {"required": ["B"]}],
    )
    assert either.problems({"A": "a"}) == []
    assert either.problems({}) == [
        "#: #: 0 subschemas matched instead of one",
        "#: required key [A] not found",
        "#: required key [B] not found",
    ]
    assert either.problems({"A": "a", "B": "b"}) == ["#: #: 2 subschemas matched instead of one"]
    assert either.problems({"A": "a", "N": "x"})[0] == ("#/N: #: no subschema matched out of the total 2 subschemas")
    assert either.coerced({"N": "5", "A": 5}) == {"N": 5, "A": "5"}


def test_schemas_that_lead_back_to_themselves_come_to_an_end() -> None:
    tree = made(
        definitions={
            "Node": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"Left": {"$ref": "#/definitions/Node"}, "Size": {"type": "integer"}},
            },
            "Loop": {"$ref": "#/definitions/Loop"},
            "Many": {"oneOf": [{"$ref": "#/definitions/Many"}, {"$ref": "#/definitions/Many"}]},
        },
        properties={
            "Root": {"$ref": "#/definitions/Node"},
            "Loop": {"$ref": "#/definitions/Loop"},
            "Gone": {"$ref": "#/x"},
            "Many": {"$ref": "#/definitions/Many"},
        },
    )
    assert tree.coerced({"Root": {"Left": {"Size": "1"}}, "Loop": "1", "Gone": "1"}) == {
        "Root": {"Left": {"Size": 1}},
        "Loop": "1",
        "Gone": "1",
    }
    assert tree.problems({"Root": {"Left": {"Left": {"No": 1}}}, "Loop": [1], "Gone": {}, "Many": 1}) == [
        "#/Root/Left/Left: extraneous key [No] is not permitted"
    ]
    deep: Any = {"Size": "1"}
    for _ in range(5000):
        deep = {"Left": deep}
    assert tree.problems({"Root": deep}) == [] and tree.coerced({"Root": deep})["Root"]["Left"]


# -- replacement -------------------------------------------------------------------------------------------------------


def test_what_cannot_be_changed_takes_a_new_resource() -> None:
    queue = schema("SQS::Queue")
    before = {"QueueName": "a", "DelaySeconds": 1}
    assert queue.replaced(before, before) == set()
    assert queue.replaced(before, {**before, "DelaySeconds": 2}) == set()
    assert queue.replaced(before, {**before, "QueueName": "b", "FifoQueue": True}) == {"QueueName", "FifoQueue"}
    assert queue.replaced(before, {"DelaySeconds": 1}) == {"QueueName"}


def test_replacement_further_down_and_in_whatever_order() -> None:
    thing = made(
        properties={
            "Net": {"type": "object", "properties": {"Vpc": {}, "Groups": {}}},
            "Disks": {"type": "array"},
            "Names": {"type": "array", "insertionOrder": False},
            "Steps": {"type": "array"},
        },
        createOnlyProperties=[
            "/properties/Net/Vpc",
            "/properties/Disks/*/Size",
            "/properties/Names",
            "/properties/Steps",
        ],
    )
    assert thing.create_only == {"Net.Vpc", "Disks.*.Size", "Names", "Steps"}
    before = {
        "Net": {"Vpc": "v", "Groups": 1},
        "Disks": [{"Size": 1, "Name": "a"}],
        "Names": ["a", "b"],
        "Steps": [1, 2],
    }
    assert thing.replaced(before, {**before, "Net": {"Vpc": "v", "Groups": 2}}) == set()
    assert thing.replaced(before, {**before, "Net": {"Vpc": "w"}}) == {"Net.Vpc"}
    assert thing.replaced(before, {**before, "Disks": [{"Size": 1, "Name": "b"}]}) == set()
    assert thing.replaced(before, {**before, "Disks": [{"Size": 2}]}) == {"Disks.*.Size"}
    assert thing.replaced(before, {**before, "Names": ["b", "a"]}) == set()
    assert thing.replaced(before, {**before, "Steps": [2, 1]}) == {"Steps"}


# -- all of them -------------------------------------------------------------------------------------------------------


def test_every_type_can_be_asked_everything() -> None:
    types, _ = where._index()
    assert len(types) > 1000
    for name in types:
        found = find(name)
        assert found is not None and found.properties
        texts = dict.fromkeys(found.properties, "1")
        coerced = found.coerced(texts)
        assert found.coerced(coerced) == coerced
        found.problems(coerced)
        assert found.replaced(coerced, coerced) == set()
        if found.tag_property:
            assert found.tag_property in found.properties


_VALUES = st.recursive(
    st.text(max_size=3) | st.integers() | st.booleans() | st.floats() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Key", "Value", "FromPort", "X"]), inner)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.data(), st.sampled_from(["SQS::Queue", "EC2::SecurityGroup", "ECS::Service", "S3::Bucket", "WAFv2::WebACL"]))
def test_any_properties_are_coerced_and_checked(data: st.DataObject, name: str) -> None:
    found = schema(name)
    properties = data.draw(st.dictionaries(st.sampled_from(sorted(found.properties)), _VALUES, max_size=4))
    coerced = found.coerced(properties)
    assert repr(found.coerced(coerced)) == repr(coerced)
    assert all(problem.startswith("#") for problem in found.problems(coerced))
    found.replaced(properties, coerced)


def test_without_the_package_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AwsError) as caught:
        where._index.__wrapped__()
    assert caught.value.code == "NotImplemented"
    assert "pip install 'cloudarium[cloudformation]'" in caught.value.message
