"""Key-value attributes: each kind of resource has a table of what AWS documents, with defaults and rules.

A resource stores only what was set; ``effective`` lays that over the defaults. A key that AWS has and this cloud
cannot honour yet is in the table too, and refuses every value but the one it has anyway.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.elbv2.errors import invalid

Check = Callable[[str, str], AwsError | None]
"""``(key, value) -> error or None``."""


class Attribute:
    """One key: its default and what values it takes."""

    __slots__ = ("check", "default", "key")

    def __init__(self, key: str, default: str, check: Check) -> None:
        self.key = key
        self.default = default
        self.check = check


class Attributes:
    """The table of one kind of resource."""

    def __init__(self, what: str, attributes: Sequence[Attribute]) -> None:
        """``what`` begins AWS's error texts: ``Load balancer attribute``."""
        self._what = what
        self._table = {attribute.key: attribute for attribute in attributes}
        self._defaults = {attribute.key: attribute.default for attribute in attributes}

    def effective(self, stored: Mapping[str, str]) -> dict[str, str]:
        """Every attribute with the value in force."""
        return {**self._defaults, **stored}

    def parse(self, given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """The attributes of a Modify request, each checked on its own."""
        changes: dict[str, str] = {}
        for pair in given:
            key, value = pair.get("Key", ""), pair.get("Value", "")
            if key in changes:
                raise invalid(f"{self._what} key '{key}' was specified more than once")
            attribute = self._table.get(key)
            if attribute is None:
                raise invalid(f"{self._what} key '{key}' is not recognized")
            if (error := attribute.check(key, value)) is not None:
                raise error
            changes[key] = value
        return changes


def to_response(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    """Attributes in the shape of the API."""
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


def one_of(*values: str) -> Check:
    """A value from a list."""

    def check(key: str, value: str) -> AwsError | None:
        return None if value in values else invalid(f"'{key}' must be one of [{', '.join(values)}]")

    return check


boolean = one_of("true", "false")


def integer(low: int, high: int, *also: str) -> Check:
    """A decimal number from ``low`` to ``high``, or one of the words ``also``."""

    def check(key: str, value: str) -> AwsError | None:
        if value in also or (re.fullmatch(r"\d{1,9}", value) and low <= int(value) <= high):
            return None
        return invalid(f"'{key}' value '{value}' must be between '{low}-{high}' inclusive")

    return check


def text(pattern: str = ".*", longest: int = 1024) -> Check:
    """Free text of a form."""
    compiled = re.compile(pattern, re.DOTALL)

    def check(key: str, value: str) -> AwsError | None:
        if len(value) > longest or not compiled.fullmatch(value):
            return invalid(f"'{value}' is not a valid value for '{key}'")
        return None

    return check


def not_yet(allowed: Check, *harmless: str) -> Check:
    """A key whose ``harmless`` values change nothing; any other valid value is refused by name."""

    def check(key: str, value: str) -> AwsError | None:
        if (error := allowed(key, value)) is not None:
            return error
        return None if value in harmless else NotThere(f"{key}={value}")

    return check
