"""One resource type's schema, and where it is found."""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.schemas import coercion, problems
from cloudarium.services.cloudformation.schemas.definitions import Definitions

_REMEMBERED = 256
_CUSTOM = "AWS::CloudFormation::CustomResource"
_STACK = "AWS::CloudFormation::Stack"
_ALL_PROPERTIES = frozenset(
    {
        "AWS::EC2::CapacityReservation",
        "AWS::EC2::Instance",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::VPC",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::S3::AccessPoint",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
    }
)
"""Types of which every property can be asked, as cfn-lint has found; of others only what is read-only."""


class Schema:
    """What AWS says about a resource type."""

    def __init__(self, type_: str, document: Mapping[str, Any]) -> None:
        self.type = type_
        self.definitions = Definitions(document)
        self.properties: Mapping[str, Any] = document.get("properties", {})
        self.required: frozenset[str] = frozenset(document.get("required", ()))
        self.create_only = _paths(document, "createOnlyProperties")
        """Whose change takes a new resource: names, and dotted paths of what is further down (``A.*.B`` in lists)."""
        self.conditional_create_only = _paths(document, "conditionalCreateOnlyProperties")
        """Whose change may take a new resource; which, AWS's documentation of each property says."""
        self.read_only = _paths(document, "readOnlyProperties") - self.required
        self.attributes = self._attributes()
        """What ``Fn::GetAtt`` may ask; ``has_attribute`` also knows those that the schema cannot name."""
        tagging: Mapping[str, Any] = document.get("tagging", {})
        path = str(tagging.get("tagProperty", "/properties/Tags")).split("/")
        named = path[2] if len(path) == 3 and tagging.get("taggable", True) else ""
        self.tag_property = named if named in self.properties and named not in self.read_only else ""
        """The property that holds the tags; empty for a type that has none."""
        self.system_tags = bool(self.tag_property) and bool(tagging.get("cloudFormationSystemTags", True))
        """Whether CloudFormation gives it the tags aws:cloudformation:stack-name and so on."""

    def problems(self, properties: Mapping[str, Any]) -> list[str]:
        """What is wrong with a resource's properties, in AWS's words; empty when nothing is.

        They must be coerced before: "80" is no number here.
        """
        return problems.of(self.definitions, self.read_only, properties)

    def coerced(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The properties with their scalars as the schema wants them: 80 for "80" where a number is meant, and the
        other way round. What cannot be one stays as it is.
        """
        return coercion.of(self.definitions, properties)

    def replaced(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
        """The create-only properties that differ: the resource must be made anew. Both must be coerced."""
        return {path for path in self.create_only if self._differs(path.split("."), before, after)}

    def has_attribute(self, name: str) -> bool:
        """Whether ``Fn::GetAtt`` may ask for this attribute."""
        if self.type == _STACK:
            return name.startswith("Outputs.")
        return self.type == _CUSTOM or self.type.startswith("Custom::") or name in self.attributes

    def _differs(self, path: list[str], before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        schema = self.properties.get(path[0]) if len(path) == 1 else None
        first, second = (
            self.definitions.canonical(_at(each.get(path[0]), path[1:]), schema) for each in (before, after)
        )
        return bool(first != second)

    def _attributes(self) -> frozenset[str]:
        named = {path for path in self.read_only if "*" not in path}
        for path in list(named):
            schema = self.definitions.at(path.split("."))
            if schema is not None:
                named |= {f"{path}.{name}" for name in self.definitions.members(schema)[0]}
        if self.type in _ALL_PROPERTIES:
            named |= self.properties.keys()
        return frozenset(named)


@functools.lru_cache(maxsize=_REMEMBERED)
def find(type_: str) -> Schema | None:
    """The schema of a resource type; None when AWS has no such type. Custom resources share one.

    Raises ``AwsError`` when the package that has the schemas is not installed.
    """
    types, folder = _index()
    name = types.get(_CUSTOM if type_.startswith("Custom::") else type_)
    if name is None:
        return None
    return Schema(type_, json.loads((folder / f"{name}.json").read_bytes()))


@functools.cache
def _index() -> tuple[dict[str, str], Path]:
    found = importlib.util.find_spec("cfnlint")
    if found is None or not found.submodule_search_locations:
        raise AwsError(
            "NotImplemented",
            "CloudFormation needs AWS's resource schemas, which the package cfn-lint has: "
            "pip install 'cloudarium[cloudformation]'",
            501,
        )
    schemas = Path(found.submodule_search_locations[0]) / "data" / "schemas"
    return json.loads((schemas / "providers" / "us-east-1.json").read_bytes()), schemas / "resources"


def _paths(document: Mapping[str, Any], key: str) -> frozenset[str]:
    """JSON pointers as dotted paths: ``/properties/A/items/properties/B`` and ``/properties/A/*/B`` are ``A.*.B``."""
    paths = set()
    for pointer in document.get(key, ()):
        parts = [part for part in str(pointer).split("/")[1:] if part != "properties"]
        if parts:
            paths.add(".".join("*" if part == "items" else part for part in parts))
    return frozenset(paths)


def _at(value: Any, path: list[str]) -> Any:
    """What is at a path within a value; of lists what is in each member."""
    for index, part in enumerate(path):
        if part == "*" or isinstance(value, list):
            rest = path[index + 1 :] if part == "*" else path[index:]
            return [_at(member, rest) for member in value] if isinstance(value, list) else None
        value = value.get(part) if isinstance(value, dict) else None
    return value
