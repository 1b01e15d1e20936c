"""What AWS's schemas let a template set has a place in the kind, or is refused by name."""

from __future__ import annotations

import importlib.util
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from cloudarium.services.cloudformation.kinds import ec2, elbv2
from cloudarium.services.cloudformation.kinds.ec2 import permissions
from cloudarium.services.cloudformation.kinds.kind import Kind

KINDS = {**ec2.KINDS, **elbv2.KINDS}
NOT_BY_NAME = {"SourceSecurityGroupId", "DestinationSecurityGroupId", "SourcePrefixListId", "DestinationPrefixListId"}
NOT_BY_NAME |= {"SourceSecurityGroupName", "SourceSecurityGroupOwnerId"}
"""Composed of two words in ``permissions``."""


def schema(type_: str) -> dict[str, Any]:
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or spec.origin is None:
        pytest.skip("cfn-lint, whose schemas these are, is not installed")
    folder = Path(spec.origin).parent / "data" / "schemas"
    digest = json.loads((folder / "providers" / "us-east-1.json").read_text())[type_]
    found: dict[str, Any] = json.loads((folder / "resources" / f"{digest}.json").read_text())
    return found


def names(schema: dict[str, Any], member: str) -> set[str]:
    return {path.removeprefix("/properties/") for path in schema.get(member, ())}


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_every_property_has_a_place(type_: str) -> None:
    kind = KINDS[type_]
    described = schema(type_)
    properties = set(described["properties"])
    assert kind.unbuilt <= properties, "what is refused is a property of the type"
    settable = properties - names(described, "readOnlyProperties") - kind.unbuilt
    source = _source(kind)
    whole = {name for name in settable if f'"{name}"' not in source}
    by_rule = {"Tags", *NOT_BY_NAME}
    # Everything about these is handed on as it is.
    if "**work.properties" in source:
        whole -= settable
    if hasattr(kind, "_attributes"):
        whole -= {f"{type_.rpartition('::')[2]}Attributes"}
    assert whole <= by_rule, f"{type_} does nothing with {sorted(whole - by_rule)}"


def _source(kind: Kind) -> str:
    module = inspect.getmodule(type(kind))
    assert module is not None
    return inspect.getsource(module) + inspect.getsource(permissions)
