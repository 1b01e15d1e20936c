"""Pages of the List and Describe operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from cloudarium.kernel.paging import BadToken, position, token
from cloudarium.services.cloudformation.errors import invalid

T = TypeVar("T")
SIZE = 100


def page(items: Sequence[T], request: Mapping[str, Any], size: int = SIZE) -> tuple[Sequence[T], dict[str, str]]:
    """One page of items, and the answer's NextToken, if any."""
    start = 0
    if text := request.get("NextToken"):
        try:
            start = int(position(text, request))
        except (BadToken, ValueError, TypeError):
            raise invalid("The specified next token is invalid.") from None
    end = start + size
    return items[start:end], {"NextToken": token(end, request)} if end < len(items) else {}
