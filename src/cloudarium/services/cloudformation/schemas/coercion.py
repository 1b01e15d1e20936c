"""Scalars as the schema wants them. Templates know texts above all: parameters are texts, and YAML has its own mind."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.schemas.definitions import MOST_LEVELS, Definitions
from cloudarium.services.cloudformation.schemas.problems import pattern_of

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}(?:\.0{1,18})?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")


def of(definitions: Definitions, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a resource, coerced."""
    made = _coerced(dict(properties), definitions.root, definitions, 0)
    return made if isinstance(made, dict) else dict(properties)


def _coerced(value: Any, schema: Any, definitions: Definitions, level: int) -> Any:
    if level > MOST_LEVELS:
        return value
    schema = definitions.followed(schema)
    if isinstance(value, dict):
        named, patterns = definitions.members(schema)
        more = schema.get("additionalProperties")
        return {
            key: _coerced(member, named.get(key) or pattern_of(key, patterns) or more, definitions, level + 1)
            for key, member in value.items()
        }
    if isinstance(value, list):
        items = definitions.items(schema)
        return [_coerced(member, items, definitions, level + 1) for member in value]
    types = definitions.types(schema)
    return _scalar(value, types) if types else value


def _scalar(value: Any, types: frozenset[str]) -> Any:
    if isinstance(value, bool):
        return ("true" if value else "false") if "boolean" not in types and "string" in types else value
    if isinstance(value, int):
        if not types.isdisjoint(("integer", "number")) or "string" not in types:
            return value
        return str(value)
    if isinstance(value, float):
        if "number" in types:
            return value
        if "integer" in types:
            return int(value) if value.is_integer() else value
        return str(value) if "string" in types else value
    if not isinstance(value, str) or "string" in types:
        return value
    if "integer" in types and _INTEGER.fullmatch(value) is not None:
        return int(value.partition(".")[0])
    if "number" in types and _NUMBER.fullmatch(value) is not None:
        number = float(value)
        if _INTEGER.fullmatch(value) is not None:
            return int(value.partition(".")[0])
        return number if math.isfinite(number) else value
    if "boolean" in types and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
