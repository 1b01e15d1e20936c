"""Filters of the Describe operations: one mechanism for all of them.

A filter's name leads to one or more values inside the answer's own item, along a path such as
``CidrBlockAssociationSet[].CidrBlockState.State``; an item passes when, for every filter of the request, one of those
values matches one of the filter's. ``*`` stands for any characters, ``?`` for one, and a backslash makes either (or
itself) literal. Names and values are case-sensitive
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from cloudarium.kernel.errors import AwsError
from cloudarium.services.ec2.errors import invalid, missing

MAX_VALUES = 200

Item = Mapping[str, Any]
Getter = Callable[[Item], Iterable[str]]
Test = Callable[[Item], bool]
I = TypeVar("I")  # noqa: E741  (an item of an answer)


class FilterSet:
    """The filters of one Describe operation: names, and where each finds its values."""

    def __init__(self, paths: Mapping[str, str | Getter], *, tags: str = "Tags") -> None:
        """``tags`` is the member that holds the item's tags; empty when the operation has no tag filters."""
        self._getters: dict[str, Getter] = {
            name: path_getter(path) if isinstance(path, str) else path for name, path in paths.items()
        }
        self._tags = tags
        if tags:
            self._getters["tag-key"] = path_getter(f"{tags}[].Key")
            self._getters["tag-value"] = path_getter(f"{tags}[].Value")

    def apply(self, items: Sequence[I], filters: Sequence[Mapping[str, Any]] | None) -> list[I]:
        """The items that pass every filter, in their order. Raises ``InvalidParameterValue`` for an unknown name."""
        tests = self.compile(filters)
        if not tests:
            return items if isinstance(items, list) else list(items)
        return [item for item in items if all(test(item) for test in tests)]  # type: ignore[arg-type]

    def compile(self, filters: Sequence[Mapping[str, Any]] | None) -> list[Test]:
        """One test per filter of the request."""
        return [self._test(each.get("Name"), each.get("Values")) for each in filters or ()]

    def _test(self, name: str | None, values: Sequence[str] | None) -> Test:
        if not name:
            raise missing("Filter.Name")
        getter = self._getters.get(name)
        if getter is None and self._tags and name.startswith("tag:"):
            getter = _tag_getter(self._tags, name[4:])
        if getter is None:
            raise invalid(f"The filter '{name}' is invalid")
        if not values:
            raise invalid(f"The filter '{name}' has no values")
        if len(values) > MAX_VALUES:
            raise AwsError(
                "FilterLimitExceeded", f"The maximum number of filter values specified on a single call is {MAX_VALUES}"
            )
        return _matcher(getter, values)


def _matcher(getter: Getter, values: Sequence[str]) -> Test:
    literal = frozenset(value for value in values if not _is_pattern(value))
    patterns = [wildcard(value) for value in values if _is_pattern(value)]

    def test(item: Item) -> bool:
        for value in getter(item):
            if value in literal:
                return True
            for pattern in patterns:
                if pattern.fullmatch(value):
                    return True
        return False

    return test


def _is_pattern(value: str) -> bool:
    return "*" in value or "?" in value or "\\" in value


def wildcard(pattern: str) -> re.Pattern[str]:
    """A filter value with ``*``, ``?`` and backslashes as a regular expression for the whole value.

    What stands between two stars is taken where it first occurs, for good: were every place tried, a value of a few
    hundred letters could keep everybody waiting for hours.
    """
    pieces = [""]
    letters = iter(pattern)
    for letter in letters:
        if letter == "*":
            pieces.append("")
        elif letter == "?":
            pieces[-1] += "."
        elif letter == "\\":
            pieces[-1] += re.escape(next(letters, "\\"))
        else:
            pieces[-1] += re.escape(letter)
    first, *others = pieces
    if not others:
        return re.compile(first, re.DOTALL)
    *between, last = others
    return re.compile(f"{first}{''.join(f'(?>.*?{piece})' for piece in between if piece)}.*{last}", re.DOTALL)


def text(value: object) -> str:
    """A value as a filter sees it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return str(value)


def path_getter(path: str) -> Getter:
    """The values at a path: names joined by dots, ``[]`` after a name that holds a list."""
    steps = [(step[:-2], True) if step.endswith("[]") else (step, False) for step in path.split(".")]
    if len(steps) == 1 and not steps[0][1]:
        name = steps[0][0]
        return lambda item: (text(item[name]),) if name in item else ()

    def get(item: Item) -> Iterable[str]:
        found: list[Any] = [item]
        for name, is_list in steps:
            following: list[Any] = []
            for each in found:
                value = each.get(name) if name else each
                if value is None:
                    continue
                if is_list:
                    following.extend(value)
                else:
                    following.append(value)
            found = following
        return [text(value) for value in found]

    return get


def _tag_getter(member: str, key: str) -> Getter:
    return lambda item: [tag["Value"] for tag in item.get(member, ()) if tag["Key"] == key]


def nothing(_: Item) -> Iterable[str]:
    """For filters on what no resource here has (IPv6 blocks, Outposts, transit gateways): they never match."""
    return ()
