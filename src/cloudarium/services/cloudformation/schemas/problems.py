"""What is wrong with a resource's properties, in the words of CloudFormation's validator.

The words are those of the JSON Schema library that AWS uses, of which messages with values in them are not shown:
https://github.com/aws-cloudformation/cloudformation-resource-schema
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cloudarium.services.cloudformation.schemas.definitions import MOST_LEVELS, Definitions, text_of
from cloudarium.services.cloudformation.template.patterns import BadPattern, found

_MOST_PROBLEMS = 20
_MOST_STEPS = 100_000
_NAMES = {
    "array": "JSONArray",
    "boolean": "Boolean",
    "integer": "Integer",
    "null": "Null",
    "number": "Number",
    "object": "JSONObject",
    "string": "String",
}
_TOO_SMALL = {
    "Items": "expected minimum item count: {}, found: {}",
    "Length": "expected minLength: {}, actual: {}",
    "Properties": "minimum size: [{}], found: [{}]",
}
_TOO_LARGE = {
    "Items": "expected maximum item count: {}, found: {}",
    "Length": "expected maxLength: {}, actual: {}",
    "Properties": "maximum size: [{}], found: [{}]",
}


def failure(logical_id: str, found_problems: Iterable[str]) -> str:
    """The status reason of a resource whose properties have problems."""
    return f"Properties validation failed for resource {logical_id} with message:\n" + "\n".join(found_problems)


def of(definitions: Definitions, read_only: frozenset[str], properties: Mapping[str, Any]) -> list[str]:
    """The problems of a resource's properties, the most important first, up to a bound."""
    check = _Check(definitions, read_only)
    return check.value(dict(properties), definitions.root, "#", "", 0)[:_MOST_PROBLEMS]


class _Check:
    """One look at one resource's properties. Its steps are bounded: alternatives multiply."""

    def __init__(self, definitions: Definitions, read_only: frozenset[str]) -> None:
        self._definitions = definitions
        self._read_only = read_only
        self._steps = _MOST_STEPS

    def value(self, value: Any, schema: Any, where: str, path: str, level: int) -> list[str]:
        """The problems of a value at a JSON pointer; ``path`` is that of its property, as the schema names it."""
        self._steps -= 1
        if level > MOST_LEVELS or self._steps < 0:
            return []
        schema = self._definitions.followed(schema)
        wrong = _wrong_type(value, schema.get("type"))
        if wrong is not None:
            return [f"{where}: {wrong}"]
        problems = self._alternatives(value, schema, where, path, level)
        if isinstance(value, dict):
            problems += self._map(value, schema, where, path, level)
        elif isinstance(value, list):
            problems += self._list(value, schema, where, path, level)
        elif isinstance(value, str):
            problems += _text(value, schema, where)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            problems += _number(value, schema, where)
        allowed = schema.get("enum")
        if isinstance(allowed, list) and value not in allowed:
            # Type and enumeration are two schemas to AWS's validator.
            problems += [f"{where}: #: only 1 subschema matches out of 2"] if "type" in schema else []
            problems.append(_failed(where, "enum"))
        if "const" in schema and value != schema["const"]:
            problems.append(_failed(where, "const"))
        return problems

    def _map(self, value: dict[str, Any], schema: Mapping[str, Any], where: str, path: str, level: int) -> list[str]:
        named = schema.get("properties", {})
        patterns = list(schema.get("patternProperties", {}).items())
        more = schema.get("additionalProperties", {})
        problems = [
            f"{where}: required key [{key}] not found" for key in schema.get("required", ()) if key not in value
        ]
        deeper: list[str] = []
        for key, member in value.items():
            inner = f"{path}.{key}" if path else key
            if inner in self._read_only:
                problems.append(f"{where}: extraneous key [{key}] is not permitted")
                continue
            described = named.get(key)
            if described is None:
                described = pattern_of(key, patterns)
            if described is None and more is False:
                problems.append(f"{where}: extraneous key [{key}] is not permitted")
                continue
            described = more if described is None else described
            deeper += self.value(member, described, f"{where}/{key}", inner, level + 1)
        problems += _sizes(len(value), schema, where, "Properties")
        for key, needs in schema.get("dependencies", {}).items():
            if key in value and isinstance(needs, list):
                problems += [f"{where}: property [{need}] is required" for need in needs if need not in value]
        return problems + deeper

    def _list(self, value: list[Any], schema: Mapping[str, Any], where: str, path: str, level: int) -> list[str]:
        problems = _sizes(len(value), schema, where, "Items")
        if schema.get("uniqueItems") is True and len({text_of(member) for member in value}) != len(value):
            problems.append(f"{where}: array items are not unique")
        items = schema.get("items")
        if isinstance(items, dict):
            for index, member in enumerate(value):
                problems += self.value(member, items, f"{where}/{index}", f"{path}.*", level + 1)
        return problems

    def _alternatives(self, value: Any, schema: Mapping[str, Any], where: str, path: str, level: int) -> list[str]:
        problems: list[str] = []
        for kind in ("allOf", "anyOf", "oneOf"):
            branches = schema.get(kind)
            if not isinstance(branches, list) or not branches:
                continue
            results = [self.value(value, branch, where, path, level + 1) for branch in branches]
            good = sum(not result for result in results)
            if kind == "allOf" and good < len(results):
                problems.append(f"{where}: #: only {good} subschema matches out of {len(results)}")
            elif kind == "anyOf" and not good:
                problems.append(f"{where}: #: no subschema matched out of the total {len(results)} subschemas")
            elif kind == "oneOf" and good != 1:
                problems.append(f"{where}: #: {good} subschemas matched instead of one")
            else:
                continue
            problems += [each for result in results for each in result]
        return problems


def pattern_of(key: str, patterns: Sequence[tuple[str, Any]]) -> Any:
    """The schema of a property that is described by a pattern; None when there is none."""
    for pattern, schema in patterns:
        try:
            if found(pattern, key):
                return schema
        except BadPattern:
            # Better that the service refuses what is wrong than that we refuse what is right.
            return schema
    return None


def _wrong_type(value: Any, declared: Any) -> str | None:
    types = [declared] if isinstance(declared, str) else declared
    if not isinstance(types, list) or not types or any(_is(value, each) for each in types):
        return None
    return f"expected type: {_NAMES.get(str(types[0]), str(types[0]))}, found: {_name_of(value)}"


def _is(value: Any, type_: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match type_:
        case "string":
            return isinstance(value, str)
        case "integer":
            return is_number and (isinstance(value, int) or value.is_integer())
        case "number":
            return is_number
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
    return value is None


def _name_of(value: Any) -> str:
    match value:
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case float():
            return "Double"
        case str():
            return "String"
        case list():
            return "JSONArray"
        case dict():
            return "JSONObject"
    return "Null"


def _text(value: str, schema: Mapping[str, Any], where: str) -> list[str]:
    problems = _sizes(len(value), schema, where, "Length")
    pattern = schema.get("pattern")
    try:
        if isinstance(pattern, str) and not found(pattern, value):
            problems.append(_failed(where, "pattern"))
    except BadPattern:
        # The service knows its own expression.
        pass
    return problems


def _number(value: float, schema: Mapping[str, Any], where: str) -> list[str]:
    bounds = {
        key: bound
        for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
        if isinstance(bound := schema.get(key), int | float) and not isinstance(bound, bool)
    }
    wrong = {
        "minimum": value < bounds.get("minimum", value),
        "maximum": value > bounds.get("maximum", value),
        "exclusiveMinimum": "exclusiveMinimum" in bounds and value <= bounds["exclusiveMinimum"],
        "exclusiveMaximum": "exclusiveMaximum" in bounds and value >= bounds["exclusiveMaximum"],
        "multipleOf": bounds.get("multipleOf", 0) > 0 and value % bounds["multipleOf"] != 0,
    }
    return [_failed(where, key) for key, is_wrong in wrong.items() if is_wrong]


def _sizes(size: int, schema: Mapping[str, Any], where: str, what: str) -> list[str]:
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if isinstance(least, int) and size < least:
        return [f"{where}: {_TOO_SMALL[what].format(least, size)}"]
    if isinstance(most, int) and size > most:
        return [f"{where}: {_TOO_LARGE[what].format(most, size)}"]
    return []


def _failed(where: str, keyword: str) -> str:
    return f"{where}: failed validation constraint for keyword [{keyword}]"
