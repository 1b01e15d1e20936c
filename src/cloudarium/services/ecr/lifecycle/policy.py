"""Reading a lifecycle policy, with AWS's rules for it. Pure.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html and LifecyclePolicies.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecr.errors import invalid

MAX_TEXT = 30_720
MIN_TEXT = 100
MAX_RULES = 50
_MAX_WILDCARDS = 4

_RULE = {"rulePriority", "selection", "action"}
_SELECTION = {"tagStatus", "countType", "countNumber"}
_COUNT_TYPES = ("imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned")


class Rule(msgspec.Struct, frozen=True):
    """One rule. ``count`` is a number of images, or of days for the ``since…`` types."""

    priority: int
    tag_status: str
    prefixes: tuple[str, ...]
    patterns: tuple[str, ...]
    storage_class: str
    count_type: str
    count: int
    action: str
    description: str = ""


def parse(text: str) -> tuple[Rule, ...]:
    """The rules of a policy, first priority first; raises InvalidParameterException with AWS's reason."""
    if not MIN_TEXT <= len(text) <= MAX_TEXT:
        least = len(text) < MIN_TEXT
        bound = f"greater than or equal to {MIN_TEXT}" if least else f"less than or equal to {MAX_TEXT}"
        raise invalid("LifecyclePolicyText", f"Member must have length {bound}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _bad("Could not map policyString into LifecyclePolicy.")
    _has(document, {"rules"}, set())
    rules = document["rules"]
    if not isinstance(rules, list):
        raise _wrong_type(rules, "array")
    if not rules:
        raise _bad("array is too short: must have at least 1 elements but instance has 0 elements")
    if len(rules) > MAX_RULES:
        raise _bad(f"array is too long: must have at most {MAX_RULES} elements but instance has {len(rules)} elements")
    read = sorted((_rule(each) for each in rules), key=lambda rule: rule.priority)
    _together(read)
    return tuple(read)


def _rule(value: Any) -> Rule:
    rule = _object(value)
    _has(rule, _RULE, {"description"})
    priority = _number(rule["rulePriority"])
    description = rule.get("description", "")
    if not isinstance(description, str):
        raise _wrong_type(description, "string")
    selection = _object(rule["selection"])
    _has(selection, _SELECTION, {"tagPrefixList", "tagPatternList", "countUnit", "storageClass"})
    action = _object(rule["action"])
    _has(action, {"type"}, {"targetStorageClass"})
    kind = _one_of(action["type"], ("expire", "transition"))
    if kind == "transition":
        _has(action, {"type", "targetStorageClass"}, set())
        _one_of(action["targetStorageClass"], ("archive",))
    elif "targetStorageClass" in action:
        raise _bad("targetStorageClass is only allowed for the transition action")
    status = _one_of(selection["tagStatus"], ("any", "tagged", "untagged"))
    prefixes, patterns = _lists(selection, status)
    count_type = _one_of(selection["countType"], _COUNT_TYPES)
    _unit(selection, count_type)
    return Rule(
        priority,
        status,
        prefixes,
        patterns,
        _storage_class(selection, count_type, kind),
        count_type,
        _number(selection["countNumber"]),
        kind,
        description,
    )


def _lists(selection: Mapping[str, Any], status: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    prefixes, patterns = _texts(selection, "tagPrefixList"), _texts(selection, "tagPatternList")
    if status == "tagged":
        if prefixes and patterns:
            raise _bad("tagPrefixList and tagPatternList cannot both be specified in a rule")
        if not prefixes and not patterns:
            raise _bad("tagPrefixList or tagPatternList must be specified when tagStatus is tagged")
    elif "tagPrefixList" in selection or "tagPatternList" in selection:
        raise _bad(f"tagPrefixList and tagPatternList must not be specified when tagStatus is {status}")
    for pattern in patterns:
        if pattern.count("*") > _MAX_WILDCARDS:
            raise _bad(f"tag pattern '{pattern}' has more than {_MAX_WILDCARDS} wildcards")
    return prefixes, patterns


def _unit(selection: Mapping[str, Any], count_type: str) -> None:
    if count_type == "imageCountMoreThan":
        if "countUnit" in selection:
            raise _bad("countUnit must not be specified when countType is imageCountMoreThan")
        return
    if "countUnit" not in selection:
        raise _bad('object has missing required properties (["countUnit"])')
    _one_of(selection["countUnit"], ("days",))


def _storage_class(selection: Mapping[str, Any], count_type: str, action: str) -> str:
    if count_type == "sinceImageTransitioned":
        _has(selection, {"storageClass"}, set(selection))
        if _one_of(selection["storageClass"], ("archive", "standard")) != "archive":
            raise _bad("storageClass must be archive when countType is sinceImageTransitioned")
        if action == "transition":
            raise _bad("images of the archive storage class cannot be transitioned to archive")
        return "archive"
    if _one_of(selection.get("storageClass", "standard"), ("archive", "standard")) != "standard":
        raise _bad(f"storageClass must be standard when countType is {count_type}")
    return "standard"


def _together(rules: list[Rule]) -> None:
    """What holds between rules: priorities and lists are unique, ``any`` comes last."""
    if len({rule.priority for rule in rules}) != len(rules):
        raise _bad("rulePriority must be unique across rules")
    seen: set[object] = set()
    for place, rule in enumerate(rules):
        # Two rules may select the same images in different storage classes, or once to archive and once to expire.
        kind = (rule.storage_class, rule.action)
        if rule.tag_status == "any" and any(
            later.tag_status != "any" and later.storage_class == rule.storage_class for later in rules[place + 1 :]
        ):
            raise _bad("rule with tagStatus any must have the highest value for rulePriority and be evaluated last")
        what: object = (kind, rule.tag_status, frozenset(rule.prefixes), frozenset(rule.patterns))
        if what in seen:
            same = {"untagged": "untagged", "any": "any"}.get(rule.tag_status, "the same tags")
            raise _bad(f"only one rule is allowed to select {same}")
        seen.add(what)


# -- JSON, in the words of AWS's schema validator ----------------------------------------------------------------------


def _bad(why: str) -> AwsError:
    return invalid("LifecyclePolicyText", f"Lifecycle policy validation failure: {why}")


def _kind(value: object) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def _wrong_type(value: object, wanted: str) -> AwsError:
    return _bad(f'instance type ({_kind(value)}) does not match any allowed primitive type (allowed: ["{wanted}"])')


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong_type(value, "object")
    return value


def _has(value: Mapping[str, Any], required: set[str], optional: set[str]) -> None:
    if missing := sorted(required - value.keys()):
        raise _bad(f"object has missing required properties ({_quoted(missing)})")
    if optional is not None and (more := sorted(value.keys() - required - optional)):
        raise _bad(f"object instance has properties which are not allowed by the schema: ({_quoted(more)})")


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(value, "integer")
    if value < 1:
        raise _bad(f"numeric instance is lower than the required minimum (minimum: 1, found: {value})")
    return value


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise _bad(
            f"instance value ({json.dumps(value)[:100]}) not found in enum (possible values: {_quoted(allowed)})"
        )
    return str(value)


def _texts(selection: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = selection.get(name, [])
    if not isinstance(values, list):
        raise _wrong_type(values, "array")
    for each in values:
        if not isinstance(each, str):
            raise _wrong_type(each, "string")
    return tuple(values)


def _quoted(values: Iterable[str]) -> str:
    return json.dumps(list(values), separators=(",", ":"))
