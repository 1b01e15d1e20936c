"""What templates call a thing becomes what the API calls it, for everything that AWS's schemas let one set."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from botocore.validate import ParamValidator
from tests.support.operations import operation_model

from cloudarium.services.cloudformation.kinds import shapes
from cloudarium.services.cloudformation.kinds.ecs import common

spec = find_spec("cfnlint")
assert spec is not None and spec.origin is not None
_SCHEMAS = Path(spec.origin).parent / "data/schemas"
_REQUESTS = {
    "AWS::ECS::Cluster": "create_cluster",
    "AWS::ECS::ClusterCapacityProviderAssociations": "put_cluster_capacity_providers",
    "AWS::ECS::Service": "create_service",
    "AWS::ECS::TaskDefinition": "register_task_definition",
    "AWS::ECS::TaskSet": "create_task_set",
}
_ELSEWHERE = {"ForceNewDeployment", "Tags"}
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


@pytest.mark.parametrize("type_", _REQUESTS)
def test_every_property_is_a_parameter(type_: str) -> None:
    schema = _schema(type_)
    gone = {each.removeprefix("/properties/") for each in schema.get("readOnlyProperties") or ()} | _ELSEWHERE
    properties = {name: _sample(schema, each) for name, each in schema["properties"].items() if name not in gone}
    shape = operation_model("ecs", _REQUESTS[type_]).input_shape
    report = ParamValidator().validate(common.parameters(properties), shape).generate_report()
    assert [line for line in report.splitlines() if "Missing required" not in line] == []


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
    assert common.parameters({"ContainerDefinitions": [given], "Tags": []}) == {
        "containerDefinitions": [
            {
                "dockerLabels": {"Com.Example": "A"},
                "logConfiguration": {"logDriver": "awslogs", "options": {"A-B": "C"}},
            }
        ]
    }
