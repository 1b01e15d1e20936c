"""Pages of a Describe: ``MaxResults`` and an opaque ``NextToken``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from cloudarium.kernel.errors import AwsError
from cloudarium.services.ec2.errors import combination, invalid

T = TypeVar("T")

DEFAULT_PAGE = 1000
"""Items in an answer when the caller sets no limit: EC2's own page size for most resources."""


class _Position(msgspec.Struct, array_like=True, frozen=True):
    call: str
    offset: int


def page(
    items: Sequence[T],
    request: Mapping[str, Any],
    member: str,
    *,
    ids: str = "",
    size: int = DEFAULT_PAGE,
    least: int = 1,
) -> dict[str, Any]:
    """One page as ``{member: items, "NextToken": …}``.

    ``ids`` names the parameter that excludes ``MaxResults`` where AWS documents that. Of more than ``size`` only
    ``size`` are returned. Raises ``InvalidParameterCombination`` for both together, ``InvalidNextToken`` for a token
    of another call, and ``InvalidParameterValue`` for fewer than ``least``, which the model states for some only.
    """
    limit = request.get("MaxResults")
    if limit is not None and limit < least:
        raise invalid(f"Value ( {limit} ) for parameter maxResults is invalid. Expecting a value greater than {least}.")
    token = request.get("NextToken")
    if limit is None and token is None and len(items) <= size:
        return {member: items}
    if ids and limit is not None and request.get(ids):
        name = ids[0].lower() + ids[1:]
        raise combination(f"The parameter {name} cannot be used with the parameter maxResults")
    start = _read(token, member) if token else 0
    if start > len(items):
        start = len(items)
    end = start + min(limit or size, size)
    answer: dict[str, Any] = {member: items[start:end]}
    if end < len(items):
        answer["NextToken"] = _write(member, end)
    return answer


def _write(call: str, offset: int) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(_Position(call, offset))).decode()


def _read(token: str, call: str) -> int:
    try:
        position = msgspec.msgpack.decode(base64.urlsafe_b64decode(token.encode()), type=_Position)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        position = None
    if position is None or position.call != call or position.offset < 0:
        raise AwsError("InvalidNextToken", f"The token '{token}' is invalid")
    return position.offset
