"""What templates call a thing becomes what the API calls it, for everything that AWS's schemas let one set."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from botocore.validate import ParamValidator
from tests.support.operations import operation_model

from cloudarium.services.cloudformation import kinds
from cloudarium.services.cloudformation.kinds import cloudwatch, ecr, ecs, logs, servicediscovery, shapes
from cloudarium.services.cloudformation.kinds.ecr.common import parameters as in_ecr
from cloudarium.services.cloudformation.kinds.ecs.common import parameters as in_ecs

spec = find_spec("cfnlint")
assert spec is not None and spec.origin is not None
_SCHEMAS = Path(spec.origin).parent / "data/schemas"


def _detector(properties: dict[str, Any]) -> dict[str, Any]:
    given = properties["Configuration"]
    moment = {"StartTime": "2026-07-01T00:00:00", "EndTime": "2026-07-02T00:00:00"}
    given["ExcludedTimeRanges"] = [moment for _ in given["ExcludedTimeRanges"]]
    return {**properties, "Configuration": cloudwatch._configuration(given)}


_REQUESTS: dict[str, tuple[str, str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "AWS::CloudWatch::Alarm": ("cloudwatch", "put_metric_alarm", dict),
    "AWS::CloudWatch::AnomalyDetector": ("cloudwatch", "put_anomaly_detector", _detector),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "put_composite_alarm", dict),
    "AWS::ECR::PullThroughCacheRule": ("ecr", "create_pull_through_cache_rule", in_ecr),
    "AWS::ECR::RegistryScanningConfiguration": ("ecr", "put_registry_scanning_configuration", in_ecr),
    "AWS::ECR::ReplicationConfiguration": ("ecr", "put_replication_configuration", in_ecr),
    "AWS::ECR::RepositoryCreationTemplate": ("ecr", "create_repository_creation_template", in_ecr),
    "AWS::ECS::Cluster": ("ecs", "create_cluster", in_ecs),
    "AWS::ECS::ClusterCapacityProviderAssociations": ("ecs", "put_cluster_capacity_providers", in_ecs),
    "AWS::ECS::Service": ("ecs", "create_service", in_ecs),
    "AWS::ECS::TaskDefinition": ("ecs", "register_task_definition", in_ecs),
    "AWS::ECS::TaskSet": ("ecs", "create_task_set", in_ecs),
}
"""Types whose properties are handed on as they are, but for their case."""
_BY_NAME = {
    "AWS::ECR::PublicRepository": ecr.repositories,
    "AWS::ECR::RegistryPolicy": ecr.registry,
    "AWS::ECR::Repository": ecr.repositories,
    "AWS::ECS::PrimaryTaskSet": ecs.task_sets,
    "AWS::Logs::AccountPolicy": logs.policies,
    "AWS::Logs::LogGroup": logs.groups,
    "AWS::Logs::LogStream": logs.groups,
    "AWS::Logs::MetricFilter": logs.filters,
    "AWS::Logs::QueryDefinition": logs.queries,
    "AWS::Logs::ResourcePolicy": logs.policies,
    "AWS::Logs::SubscriptionFilter": logs.filters,
    "AWS::CloudWatch::Dashboard": cloudwatch,
    **dict.fromkeys(servicediscovery.KINDS, servicediscovery),
}
"""Types whose properties are named one by one."""
_ELSEWHERE = {"ForceNewDeployment", "ResourceTags", "Tags"}
"""Not parameters of the request, or in another shape."""


def _schema(type_: str) -> dict[str, Any]:
    by_type = json.loads((_SCHEMAS / "providers/us-east-1.json").read_text())
    found: dict[str, Any] = json.loads((_SCHEMAS / f"resources/{by_type[type_]}.json").read_text())
    return found


def _sample(schema: dict[str, Any], of: dict[str, Any]) -> Any:
    """A value with everything in it that a schema has."""
    if "$ref" in of:
        return _sample(schema, schema["definitions"][of["$ref"].rpartition("/")[2]])
    if "enum" in of:
        return of["enum"][0]
    match of.get("type"):
        case "array":
            return [_sample(schema, of["items"])]
        case "object" if "properties" in of:
            return {key: _sample(schema, each) for key, each in of["properties"].items() if key not in _ELSEWHERE}
        case "object":
            return {"Their-Own.Key": "Value"}
        case "integer":
            return 1
        case "number":
            return 1.0
        case "boolean":
            return True
    return "text"


def _settable(schema: dict[str, Any]) -> set[str]:
    gone = {each.removeprefix("/properties/") for each in schema.get("readOnlyProperties") or ()}
    return set(schema["properties"]) - gone - _ELSEWHERE


def test_every_type_is_looked_at() -> None:
    every = {*cloudwatch.KINDS, *ecr.KINDS, *ecs.KINDS, *logs.KINDS, *servicediscovery.KINDS}
    assert every == {*_REQUESTS, *_BY_NAME}


@pytest.mark.parametrize("type_", _REQUESTS)
def test_every_property_is_a_parameter(type_: str) -> None:
    schema = _schema(type_)
    service, operation, converted = _REQUESTS[type_]
    kind = kinds.find(type_)
    assert kind is not None
    properties = {name: _sample(schema, schema["properties"][name]) for name in _settable(schema) - kind.unbuilt}
    shape = operation_model(service, operation).input_shape
    report = ParamValidator().validate(converted(properties), shape).generate_report()
    assert [line for line in report.splitlines() if line.startswith(("Unknown parameter", "Invalid type"))] == []


@pytest.mark.parametrize("type_", _BY_NAME)
def test_every_property_is_named(type_: str) -> None:
    source = inspect.getsource(_BY_NAME[type_])
    assert [name for name in _settable(_schema(type_)) if f'"{name}"' not in source] == []


@pytest.mark.parametrize("type_", {**_REQUESTS, **_BY_NAME})
def test_what_is_refused_is_a_property(type_: str) -> None:
    kind = kinds.find(type_)
    assert kind is not None and kind.unbuilt <= _settable(_schema(type_))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Family", "family"),
        ("CpuArchitecture", "cpuArchitecture"),
        ("EFSVolumeConfiguration", "efsVolumeConfiguration"),
        ("S3FilesVolumeConfiguration", "s3FilesVolumeConfiguration"),
        ("IAM", "iam"),
        ("EnableECSManagedTags", "enableECSManagedTags"),
        ("already", "already"),
        ("", ""),
    ],
)
def test_names_begin_small(name: str, expected: str) -> None:
    assert shapes.decapitalized(name) == expected


def test_keys_of_data_stay() -> None:
    given = {
        "DockerLabels": {"Com.Example": "A"},
        "LogConfiguration": {"LogDriver": "awslogs", "Options": {"A-B": "C"}},
    }
    assert in_ecs({"ContainerDefinitions": [given], "Tags": []}) == {
        "containerDefinitions": [
            {
                "dockerLabels": {"Com.Example": "A"},
                "logConfiguration": {"logDriver": "awslogs", "options": {"A-B": "C"}},
            }
        ]
    }
