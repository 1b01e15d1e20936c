"""Pages of a listing. A marker is opaque; ours says after which key the next page starts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cloudarium.services.elbv2.errors import invalid

T = TypeVar("T")

DEFAULT_SIZE = 400


def page(items: Sequence[T], request: Any, key: Callable[[T], str], default: int = DEFAULT_SIZE) -> tuple[list[T], str]:
    """The page a request with Marker and PageSize asks for, and the marker of the next one (empty at the end).

    ``key`` must be unique and stay put while items come and go: a marker holds the last key seen, and an item that
    was deleted in between only shifts nothing when its neighbours are still found, so the position is kept as well.
    """
    size = request.get("PageSize") or default
    start = 0
    if marker := request.get("Marker"):
        position, last = _decode(marker)
        start = next((n + 1 for n, item in enumerate(items) if key(item) == last), min(position, len(items)))
    found = list(items[start : start + size])
    if start + size >= len(items):
        return found, ""
    return found, _encode(start + size, key(found[-1]))


def _encode(position: int, last: str) -> str:
    return base64.urlsafe_b64encode(f"{position}:{last}".encode()).decode()


def _decode(marker: str) -> tuple[int, str]:
    try:
        position, _, last = base64.urlsafe_b64decode(marker.encode()).decode().partition(":")
        return int(position), last
    except (binascii.Error, ValueError):
        raise invalid("Invalid Marker") from None
