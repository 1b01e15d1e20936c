"""JSON and YAML texts as documents of maps, lists, texts, numbers and booleans.

YAML is read as events and put together here, without recursion, so that neither depth nor size can hurt. As on AWS its
aliases are refused, keys are always texts, and dates stay texts; short forms become the long ones.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from cloudarium.services.cloudformation.template.errors import TemplateError, too_deep

MOST_CHARACTERS = 1_048_576
"""AWS's limit for a template in S3. What is sent inline may have 51,200 bytes, which the API checks."""
MOST_LEVELS = 100
"""Maps and lists within each other. AWS names no limit; templates that people write have some twenty."""
_LONGEST_NUMBER = 40
"""Longer ones stay texts: nothing holds them exactly, and reading them takes time."""
_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset({f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null")})
_WITHOUT_PREFIX = frozenset({"Ref", "Condition"})


def read(text: str) -> dict[str, Any]:
    """The document that a template's text is, in JSON or YAML. Raises ``TemplateError``."""
    if len(text) > MOST_CHARACTERS:
        raise TemplateError(f"Template may not exceed {MOST_CHARACTERS} bytes in size.")
    text = text.lstrip("\ufeff")
    document = _json(text) if text.lstrip().startswith("{") else _yaml(text)
    if not isinstance(document, dict):
        raise TemplateError("Template format error: unsupported structure.")
    return document


# -- JSON --------------------------------------------------------------------------------------------------------------


def _json(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=lambda name: name,
        )
    except json.JSONDecodeError as error:
        refused = f"Template format error: JSON not well-formed. (line {error.lineno}, column {error.colno})"
    except RecursionError:
        raise too_deep(MOST_LEVELS) from None
    try:
        # What begins with a brace can be YAML all the same.
        return _yaml(text)
    except TemplateError:
        raise TemplateError(refused) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise TemplateError(f"Template format error: JSON not well-formed. Duplicate key: {key[:100]}")
        made[key] = value
    return made


# -- YAML --------------------------------------------------------------------------------------------------------------


class _Open:
    """A map or list that is not complete yet."""

    __slots__ = ("is_map", "items", "key", "start", "tag")

    def __init__(self, start: Any, tag: str, is_map: bool) -> None:
        self.start = start
        self.tag = tag
        self.is_map = is_map
        self.items: Any = {} if is_map else []
        self.key: str | None = None


def _yaml(text: str) -> Any:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _put_together(yaml.parse(text, Loader=loader), yaml)
    except yaml.MarkedYAMLError as error:
        raise _malformed(error.problem_mark or error.context_mark, "") from None
    except (yaml.YAMLError, UnicodeError, ValueError):
        raise _malformed(None, "") from None


def _put_together(events: Iterable[Any], yaml: Any) -> Any:
    resolver = yaml.resolver.Resolver()
    stack: list[_Open] = []
    document: Any = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.ScalarEvent):
            if stack and stack[-1].is_map and stack[-1].key is None:
                _open_key(stack[-1], event)
                continue
            made = _scalar(event, resolver, yaml)
        elif isinstance(event, yaml.CollectionStartEvent):
            if stack and stack[-1].is_map and stack[-1].key is None:
                raise _malformed(event.start_mark, "A key must be a string")
            if len(stack) >= MOST_LEVELS:
                raise too_deep(MOST_LEVELS)
            stack.append(_Open(event, event.tag or "", isinstance(event, yaml.MappingStartEvent)))
            continue
        elif isinstance(event, yaml.CollectionEndEvent):
            done = stack.pop()
            made = _tagged(done.tag, done.items, done.start.start_mark)
        elif isinstance(event, yaml.AliasEvent):
            raise TemplateError("Template error: YAML aliases are not allowed in CloudFormation templates")
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _malformed(event.start_mark, "Only one document is allowed")
            continue
        else:
            continue
        if not stack:
            document = made
        elif stack[-1].is_map:
            stack[-1].items[stack[-1].key] = made
            stack[-1].key = None
        else:
            stack[-1].items.append(made)
    return document


def _open_key(into: _Open, event: Any) -> None:
    if event.tag is not None and event.tag not in _PLAIN:
        raise _malformed(event.start_mark, "A key must be a string")
    if event.value in into.items:
        raise _malformed(event.start_mark, f"Duplicate key: {event.value[:100]}")
    into.key = event.value


def _scalar(event: Any, resolver: Any, yaml: Any) -> Any:
    tag, text = event.tag, event.value
    if tag is None or tag == "!":
        tag = resolver.resolve(yaml.ScalarNode, text, event.implicit) if tag is None else f"{_TAG}str"
    elif tag not in _PLAIN:
        return _tagged(tag, text, event.start_mark)
    match tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() in ("yes", "true", "on")
        case "int":
            return _yaml_integer(text)
        case "float":
            return _number(text.replace("_", "")) if ":" not in text else text
    return text


def _tagged(tag: str, value: Any, mark: Any) -> Any:
    """A value in the long form of its tag: ``!Sub x`` is ``{"Fn::Sub": "x"}``."""
    if not tag or tag in (f"{_TAG}map", f"{_TAG}seq"):
        return value
    name = tag[1:]
    if tag[0] != "!" or not name.isalnum() or not name.isascii():
        raise _malformed(mark, f"could not determine a constructor for the tag {tag[:100]}")
    if name == "GetAtt" and isinstance(value, str):
        resource, _, attribute = value.partition(".")
        return {"Fn::GetAtt": [resource, attribute]}
    return {name if name in _WITHOUT_PREFIX else f"Fn::{name}": value}


# -- numbers -----------------------------------------------------------------------------------------------------------


def _yaml_integer(text: str) -> int | str:
    """YAML 1.1 has octal, hexadecimal and binary numbers, and ``1:30`` in base 60."""
    digits = text.replace("_", "").lower()
    if len(digits) > _LONGEST_NUMBER:
        return text
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if ":" in digits:
        value = 0
        for part in digits.split(":"):
            value = value * 60 + int(part)
        return sign * value
    if digits.startswith("0b"):
        return sign * int(digits[2:] or "0", 2)
    if digits.startswith("0x"):
        return sign * int(digits[2:] or "0", 16)
    return sign * (int(digits, 8) if digits.startswith("0") else int(digits))


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_NUMBER else text


def _number(text: str) -> float | str:
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


# -- errors ------------------------------------------------------------------------------------------------------------


def _malformed(mark: Any, why: str) -> TemplateError:
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    return TemplateError(f"Template format error: YAML not well-formed.{where}{' ' + why if why else ''}")
