"""A small validator of JSON values: what a field may hold, which fields an object may have.

The bounds are those of the agent's published schema (``amazon-cloudwatch-agent-schema.json``). A field that the agent
knows and this one does not do is refused by name, never skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cloudarium.agent.config.problems import under

Check = Callable[[Any], "str | None"]
"""Says what is wrong with a value, or None."""


def text(most: int = 4096, least: int = 1) -> Check:
    """A string of so many characters."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return f"Invalid type. Expected: string, given: {kind(value)}"
        if len(value) < least:
            return f"String length must be greater than or equal to {least}"
        return f"String length must be less than or equal to {most}" if len(value) > most else None

    return check


def whole(least: int, most: int) -> Check:
    """An integer between two bounds."""

    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return f"Invalid type. Expected: integer, given: {kind(value)}"
        return None if least <= value <= most else f"Must be between {least} and {most}"

    return check


def flag(value: Any) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else f"Invalid type. Expected: boolean, given: {kind(value)}"


def one_of(*allowed: Any) -> Check:
    """One of some values."""

    def check(value: Any) -> str | None:
        fine = any(value == each and type(value) is type(each) for each in allowed)
        return None if fine else f"Must be one of the following: {', '.join(map(str, allowed))}"

    return check


def texts(most_items: int = 256, most: int = 4096, least_items: int = 0) -> Check:
    """An array of strings."""
    each = text(most)

    def check(value: Any) -> str | None:
        if not isinstance(value, list):
            return f"Invalid type. Expected: array, given: {kind(value)}"
        if not least_items <= len(value) <= most_items:
            return f"Array must have between {least_items} and {most_items} items"
        return next((wrong for item in value if (wrong := each(item))), None)

    return check


def dimensions(value: Any) -> str | None:
    """An object of at most 30 names and texts."""
    if not isinstance(value, dict):
        return f"Invalid type. Expected: object, given: {kind(value)}"
    if len(value) > 30:
        return "Must have at most 30 properties"
    each = text(1024)
    return next((wrong for item in value.values() if (wrong := each(item))), None)


interval = whole(1, 172_800)
interval_or_none = whole(0, 172_800)


def kind(value: Any) -> str:
    """What JSON calls the type of a value."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")


def fields(
    value: Any,
    path: str,
    table: Mapping[str, Check | None],
    problems: list[str],
    *,
    required: Sequence[str] = (),
    refused: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The object at ``path`` with what is right in it; everything wrong is appended to ``problems``.

    A field whose check is None is looked into by the caller. ``refused`` are fields the agent knows and this one does
    not do, each with the reason.
    """
    if not isinstance(value, dict):
        problems.append(under(path, f"Invalid type. Expected: object, given: {kind(value)}"))
        return {}
    good: dict[str, Any] = {}
    for name, item in value.items():
        if name not in table:
            reason = (refused or {}).get(name)
            known = f"{name} is not supported: {reason}" if reason else f"Additional property {name} is not allowed"
            problems.append(under(path, known))
            continue
        check = table[name]
        wrong = check(item) if check else None
        if wrong:
            problems.append(under(f"{path}/{name}", wrong))
        else:
            good[name] = item
    problems.extend(under(path, f"{name} is required") for name in required if name not in value)
    return good
