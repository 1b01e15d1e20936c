"""Paging tokens: opaque to clients, and only good for the request they were given for."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec


class BadToken(Exception):
    """Not a token of ours, or one of another request."""


def token(position: Any, request: Mapping[str, Any]) -> str:
    """A token for ``position`` in the answer to ``request``."""
    return base64.urlsafe_b64encode(msgspec.json.encode([_mark(request), position])).decode()


def position(text: str, request: Mapping[str, Any]) -> Any:
    """The position that a token stands for; raises ``BadToken``."""
    try:
        mark, where = msgspec.json.decode(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, TypeError, msgspec.MsgspecError):
        raise BadToken(text) from None
    if mark != _mark(request):
        raise BadToken(text)
    return where


def _mark(request: Mapping[str, Any]) -> str:
    asked = {key: value for key, value in request.items() if key not in ("NextToken", "MaxDatapoints", "MaxResults")}
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()[:16]
