"""Tags of any resource of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.tags import is_reserved
from cloudarium.services.elbv2.errors import invalid
from cloudarium.services.elbv2.quotas import TAGS_PER_RESOURCE


def from_request(
    ctx: Context, tags: Sequence[Mapping[str, Any]] | None, existing: Mapping[str, str] | None = None
) -> dict[str, str]:
    """``existing`` with the request's tags laid over; refuses duplicates, reserved keys and too many."""
    given: dict[str, str] = {}
    for tag in tags or ():
        key = tag["Key"]
        if key in given:
            raise AwsError("DuplicateTagKeys", f"Tag key '{key}' was specified more than once")
        check_key(ctx, key)
        given[key] = tag.get("Value", "")
    merged = {**(existing or {}), **given}
    # AWS's own tags do not count.
    if sum(not key.startswith("aws:") for key in merged) > TAGS_PER_RESOURCE:
        raise AwsError("TooManyTags", f"The maximum number of tags for a resource is {TAGS_PER_RESOURCE}")
    return merged


def check_key(ctx: Context, key: str) -> None:
    """Raise AWS's error when the caller may neither set nor remove a tag of this key."""
    if is_reserved(key, ctx.principal):
        raise invalid("Tag keys starting with 'aws:' are reserved for system use")


def to_response(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in the shape of the API."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
