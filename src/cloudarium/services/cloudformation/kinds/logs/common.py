"""Parameters of the API of CloudWatch Logs from properties, and the error for what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds import shapes
from cloudarium.services.cloudformation.kinds.calls import picked

GONE = "ResourceNotFoundException"


def parameters(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Some of the properties as the API's parameters."""
    converted: dict[str, Any] = shapes.camel(picked(properties, names), {}, frozenset())
    return converted
