"""The parts of a schema: references followed, and what alternatives have in common; bounded, for they can recur."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MOST_LEVELS = 64
_MOST_REFERENCES = 16
_MOST_ALTERNATIVES = 200
ANYTHING: Mapping[str, Any] = {}
"""The schema of what is not described. One object, so that what is remembered of it stays true."""
_NESTED = ("allOf", "anyOf", "oneOf")


class Definitions:
    """A schema's document, with what was found in it remembered."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.root: Mapping[str, Any] = document
        self._members: dict[int, tuple[dict[str, Any], list[tuple[str, Any]]]] = {}
        self._types: dict[int, frozenset[str]] = {}

    def followed(self, schema: Any) -> Mapping[str, Any]:
        """A schema itself instead of references to it; an empty one, which allows anything, when it is none."""
        for _ in range(_MOST_REFERENCES):
            if not isinstance(schema, dict) or not schema:
                return ANYTHING
            if "$ref" not in schema:
                return schema
            node: Any = self.root
            for part in str(schema["$ref"]).removeprefix("#/").split("/"):
                node = node.get(part) if isinstance(node, dict) else None
            schema = node
        return ANYTHING

    def at(self, path: list[str]) -> Mapping[str, Any] | None:
        """The schema of what is at a path of properties; None when there is nothing."""
        schema: Mapping[str, Any] = self.root
        for part in path:
            if part == "*":
                schema = self.followed(schema.get("items"))
                continue
            named, _ = self.members(schema)
            if part not in named:
                return None
            schema = self.followed(named[part])
        return schema

    def members(self, schema: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
        """The properties of a map by name, and those by pattern, of the schema and of all its alternatives."""
        known = self._members.get(id(schema))
        if known is None:
            named: dict[str, Any] = {}
            patterns: list[tuple[str, Any]] = []
            for each in self._alternatives(schema):
                for name, member in _map(each.get("properties")).items():
                    # One alternative may only say that a property is there; another says what it is.
                    if not named.get(name):
                        named[name] = member
                patterns.extend(_map(each.get("patternProperties")).items())
            known = self._members[id(schema)] = named, patterns
        return known

    def types(self, schema: Mapping[str, Any]) -> frozenset[str]:
        """The types that a value may have; empty when any may."""
        known = self._types.get(id(schema))
        if known is None:
            found: set[str] = set()
            for each in self._alternatives(schema):
                declared = each.get("type", [])
                found |= {declared} if isinstance(declared, str) else set(declared)
            known = self._types[id(schema)] = frozenset(found)
        return known

    def items(self, schema: Mapping[str, Any]) -> Any:
        """The schema of a list's members."""
        return next((each["items"] for each in self._alternatives(schema) if "items" in each), ANYTHING)

    def canonical(self, value: Any, schema: Any, level: int = 0) -> Any:
        """A value such that two are equal when they mean the same: where the schema says so, in whatever order."""
        schema = self.followed(schema)
        if level > MOST_LEVELS:
            return value
        if isinstance(value, list):
            members = [self.canonical(member, self.items(schema), level + 1) for member in value]
            return sorted(members, key=text_of) if schema.get("insertionOrder") is False else members
        if isinstance(value, dict):
            named, _ = self.members(schema)
            return {key: self.canonical(member, named.get(key), level + 1) for key, member in value.items()}
        return value

    def _alternatives(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        todo = [schema]
        for _ in range(_MOST_ALTERNATIVES):
            if not todo:
                return
            each = self.followed(todo.pop(0))
            yield each
            for key in _NESTED:
                nested = each.get(key)
                todo.extend(nested if isinstance(nested, list) else ())


def text_of(value: Any) -> str:
    """A value as a text that is the same for equal values."""
    return json.dumps(value, sort_keys=True, default=str)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
