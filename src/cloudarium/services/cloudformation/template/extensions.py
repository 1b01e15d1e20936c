"""The transform AWS::LanguageExtensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.template.model import Parameter


def expanded(document: dict[str, Any], parameters: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """A document without what the transform takes away."""
    return document
