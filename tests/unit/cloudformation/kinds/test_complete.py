"""Every property that a schema lets one set has effect, or is refused by name; and every attribute is told."""

from __future__ import annotations

import inspect
import re
import sys

import pytest

from cloudarium.services.cloudformation import kinds, schemas

TYPES = [
    "AWS::DynamoDB::Table",
    *(f"AWS::Events::{name}" for name in ("Rule", "EventBus", "EventBusPolicy", "Archive")),
    *(f"AWS::IAM::{name}" for name in ("Role", "User", "Group", "Policy", "RolePolicy", "UserPolicy", "GroupPolicy")),
    *(f"AWS::IAM::{name}" for name in ("ManagedPolicy", "InstanceProfile", "AccessKey", "UserToGroupAddition")),
    *(f"AWS::IAM::{name}" for name in ("ServiceLinkedRole", "OIDCProvider")),
    *(f"AWS::KMS::{name}" for name in ("Key", "Alias")),
    "AWS::Kinesis::Stream",
    *(f"AWS::Lambda::{name}" for name in ("Function", "Permission", "Version", "Alias", "LayerVersion")),
    "AWS::Lambda::EventSourceMapping",
    *(f"AWS::Route53::{name}" for name in ("HostedZone", "RecordSet", "RecordSetGroup")),
    *(f"AWS::S3::{name}" for name in ("Bucket", "BucketPolicy")),
    *(f"AWS::SNS::{name}" for name in ("Topic", "Subscription", "TopicPolicy", "TopicInlinePolicy")),
    *(f"AWS::SQS::{name}" for name in ("Queue", "QueuePolicy", "QueueInlinePolicy")),
    *(f"AWS::SSM::{name}" for name in ("Parameter", "Document")),
    *(f"AWS::SecretsManager::{name}" for name in ("Secret", "ResourcePolicy")),
    "AWS::StepFunctions::StateMachine",
]
READ_BY_ENGINE = {"Tags", "HostedZoneTags"}
CHANGES_NOTHING = {("AWS::IAM::AccessKey", "Serial")}
"""Whose change only means that another one is made, which the schema says."""
NOT_THERE = {
    "AWS::Kinesis::Stream": {"WarmThroughputObject"},
    "AWS::Lambda::Function": {"SnapStartResponse"},
    "AWS::SSM::Parameter": {"Tags"},
    "AWS::StepFunctions::StateMachine": {"StateMachineRevisionId"},
}
"""Attributes of what is unbuilt, or of which AWS's documentation knows nothing."""


def source(type_: str) -> str:
    """All that makes a type: its module, or those of its package."""
    kind = kinds.find(type_)
    assert kind is not None
    home = type(kind).__module__.removeprefix(f"{kinds.__name__}.").partition(".")[0]
    modules = [m for name, m in sys.modules.items() if name.startswith(f"{kinds.__name__}.{home}")]
    return "\n".join(inspect.getsource(module) for module in modules)


@pytest.mark.parametrize("type_", TYPES)
def test_every_property_has_effect_or_is_refused(type_: str) -> None:
    kind, schema = kinds.find(type_), schemas.find(type_)
    assert kind is not None and schema is not None
    read_only = {name for name in schema.read_only if "." not in name}
    known = set(schema.properties)
    assert kind.unbuilt <= known
    text = source(type_)
    read = {name for name in known if re.search(rf"\W{name}\W", text)}
    assert (
        known - read - read_only - kind.unbuilt - READ_BY_ENGINE - {name for of, name in CHANGES_NOTHING if of == type_}
        == set()
    )


@pytest.mark.parametrize("type_", TYPES)
def test_every_attribute_is_told(type_: str) -> None:
    schema, text = schemas.find(type_), source(type_)
    assert schema is not None
    wanted = {name for name in schema.attributes if "." not in name} - NOT_THERE.get(type_, set())
    assert {name for name in wanted if f'"{name}"' not in text} == set()
