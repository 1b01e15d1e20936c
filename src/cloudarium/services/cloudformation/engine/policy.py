"""Stack policies: what an update may do to which resource. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

import msgspec

MOST_BYTES = 16_384


class BadPolicy(ValueError):
    """Not a stack policy; the text says why."""


def checked(text: str) -> list[dict[str, Any]]:
    """The statements of a policy's text. Raises ``BadPolicy``."""
    if not 1 <= len(text.encode(errors="replace")) <= MOST_BYTES:
        raise BadPolicy(f"Stack policy must be 1 to {MOST_BYTES} bytes long")
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise BadPolicy("Error validating stack policy: Invalid stack policy") from None
    statements = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements or len(statements) > 100:
        raise BadPolicy("Error validating stack policy: Invalid stack policy")
    for each in statements:
        _check(each)
    return statements


def _check(statement: Any) -> None:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise BadPolicy("Error validating stack policy: Effect must be Allow or Deny")
    if "Action" not in statement and "NotAction" not in statement:
        raise BadPolicy("Error validating stack policy: Action is required")
    if statement.get("Principal") != "*":
        raise BadPolicy("Error validating stack policy: Principal must be *")
    for name in ("Action", "NotAction"):
        for action in _list(statement.get(name)):
            if action not in ("Update:Modify", "Update:Replace", "Update:Delete", "Update:*"):
                raise BadPolicy(f"Error validating stack policy: Unknown Action: {str(action)[:60]}")
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or any(
        operator not in ("StringEquals", "StringLike")
        or not isinstance(keys, dict)
        or any(key != "ResourceType" for key in keys)
        for operator, keys in condition.items()
    ):
        raise BadPolicy("Error validating stack policy: Condition must be on ResourceType")


def denied(statements: list[dict[str, Any]], action: str, logical_id: str, type_: str) -> str:
    """Why ``Update:Modify``, ``Update:Replace`` or ``Update:Delete`` of a resource is not allowed; empty when it is.

    A policy protects everything that it does not allow; a denial wins.
    """
    resource = f"LogicalResourceId/{logical_id}"
    allowed = False
    for number, statement in enumerate(statements, 1):
        if not _applies(statement, action, resource, type_):
            continue
        if statement["Effect"] == "Deny":
            return (
                f"Action denied by stack policy: Statement [#{number}] does not allow [{action}] for resource "
                f"[{resource}]"
            )
        allowed = True
    return "" if allowed else f"Action denied by stack policy: no statement allows [{action}] for resource [{resource}]"


def _applies(statement: Mapping[str, Any], action: str, resource: str, type_: str) -> bool:
    if "Action" in statement:
        if not any(_matches(action, each) for each in _list(statement["Action"])):
            return False
    elif any(_matches(action, each) for each in _list(statement["NotAction"])):
        return False
    if "NotResource" in statement:
        if any(_matches(resource, each) for each in _list(statement["NotResource"])):
            return False
    elif not any(_matches(resource, each) for each in _list(statement.get("Resource", "*"))):
        return False
    return all(
        any(type_ == each if operator == "StringEquals" else _matches(type_, each) for each in _list(keys[key]))
        for operator, keys in statement.get("Condition", {}).items()
        for key in keys
    )


def _matches(text: str, pattern: Any) -> bool:
    return fnmatch.fnmatchcase(text, str(pattern).replace("[", "[[]"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
