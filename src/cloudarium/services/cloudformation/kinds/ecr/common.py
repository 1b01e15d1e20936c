"""Parameters of ECR's API from properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds import shapes

_NAMES = {
    "ImageTagMutabilityExclusionFilterType": "filterType",
    "ImageTagMutabilityExclusionFilterValue": "filter",
}
"""Names that differ from the API's in more than case."""


def parameters(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as the API's parameters."""
    converted: dict[str, Any] = shapes.camel(properties, _NAMES, frozenset())
    return converted
