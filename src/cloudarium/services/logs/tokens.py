"""Paging tokens: opaque to clients, and only good for the request they were given for."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from cloudarium.services.logs.errors import invalid

Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Number = Annotated[int, msgspec.Meta(ge=-1, lt=1 << 62)]
"""Kinds that a position may be made of: how many have been shown; a time or sequence number, or -1 for none."""
_FREE = ("nextToken", "limit", "maxResults", "startFromHead", "unmask", "interleaved")
"""What may differ between the pages of one listing."""


def token(position: Any, request: Mapping[str, Any]) -> str:
    """A token for ``position`` in the answer to ``request``."""
    return base64.urlsafe_b64encode(msgspec.json.encode([_mark(request), position])).decode()


def position(request: Mapping[str, Any], kind: Any) -> Any:
    """Where ``nextToken`` of a request points; None without one.

    Raises InvalidParameterException for a foreign one, and for one that is not of the ``kind`` that ours are.
    """
    if (text := request.get("nextToken")) is None:
        return None
    whole: Any = tuple
    try:
        mark, where = msgspec.json.decode(base64.urlsafe_b64decode(text.encode()), type=whole[str, kind])
    except (ValueError, TypeError, RecursionError, msgspec.MsgspecError):
        raise bad_token() from None
    if mark != _mark(request):
        raise bad_token()
    return where


def bad_token() -> Exception:
    """The error for a token that is none of ours."""
    return invalid("The specified nextToken is invalid.")


def _mark(request: Mapping[str, Any]) -> str:
    asked = {key: value for key, value in request.items() if key not in _FREE}
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()[:16]


def page(
    names: list[str], request: Mapping[str, Any], most: int, limit: str = "limit"
) -> tuple[list[str], dict[str, str]]:
    """One page of sorted names, and ``nextToken`` for the answer if there are more."""
    after = position(request, str)
    if after is not None:
        names = [name for name in names if name > after]
    size = request.get(limit) or most
    shown = names[:size]
    return shown, {"nextToken": token(shown[-1], request)} if len(names) > size else {}
