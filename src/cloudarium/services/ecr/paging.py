"""Pages of a listing: ``maxResults`` and ``nextToken``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from cloudarium.kernel import paging
from cloudarium.services.ecr.errors import invalid

T = TypeVar("T")


def page(
    items: Sequence[T], request: Mapping[str, Any], key: Callable[[T], str], default: int = 100
) -> tuple[list[T], dict[str, str]]:
    """The page a request asks for, and ``{"nextToken": …}`` unless it is the last.

    The token holds the key of the last item seen, and its place for when that item is gone by then.
    """
    asked = {name: value for name, value in request.items() if name not in ("nextToken", "maxResults")}
    start = 0
    if token := request.get("nextToken"):
        try:
            place, last = paging.position(token, asked)
        except (paging.BadToken, ValueError, TypeError):
            raise invalid("nextToken", "Invalid token provided") from None
        start = next((n + 1 for n, item in enumerate(items) if key(item) == last), min(place, len(items)))
    end = start + (request.get("maxResults") or default)
    found = list(items[start:end])
    return found, ({"nextToken": paging.token((end, key(found[-1])), asked)} if end < len(items) else {})
