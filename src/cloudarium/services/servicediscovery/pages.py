"""Filters and pages of the List operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from cloudarium.kernel.paging import BadToken, position, token
from cloudarium.services.servicediscovery.errors import invalid_input

T = TypeVar("T")
Field = Callable[[Any], str]


def page(items: Sequence[T], request: Mapping[str, Any], size: int = 100) -> tuple[Sequence[T], dict[str, str]]:
    """One page of items, and the answer's NextToken, if any. Raises InvalidInput for a token of another request."""
    start = 0
    if (text := request.get("NextToken")) is not None:
        try:
            start = int(position(text, request))
        except (BadToken, ValueError, TypeError):
            raise invalid_input("The specified next token is invalid.") from None
    end = start + request.get("MaxResults", size)
    return items[start:end], {"NextToken": token(end, request)} if end < len(items) else {}


def matches(item: object, filters: Sequence[Mapping[str, Any]], fields: Mapping[str, Field]) -> bool:
    """Whether an item passes every filter; ``fields`` gives the text that each filter's name stands for."""
    for each in filters:
        name, values, condition = each["Name"], each["Values"], each.get("Condition", "EQ")
        if name not in fields:
            raise invalid_input(f"The filter {name} is not supported here.")
        text = fields[name](item)
        if condition == "BEGINS_WITH":
            passed = any(text.startswith(value) for value in values)
        elif condition == "BETWEEN":
            if len(values) != 2:
                raise invalid_input("The condition BETWEEN needs two values.")
            passed = float(values[0]) <= float(text) <= float(values[1])
        else:
            if condition == "EQ" and len(values) != 1:
                raise invalid_input("The condition EQ needs exactly one value.")
            passed = text in values
        if not passed:
            return False
    return True
