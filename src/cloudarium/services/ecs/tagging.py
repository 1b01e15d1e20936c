"""Tags in the shape of the API, and their rules.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.tags import is_reserved
from cloudarium.services.ecs.errors import invalid

MOST = 50


def parse(
    principal: Principal, tags: Sequence[Mapping[str, Any]] | None, existing: Mapping[str, str] | None = None
) -> dict[str, str]:
    """``existing`` with the request's tags laid over; refuses duplicates, AWS's own keys and too many."""
    given: dict[str, str] = {}
    for tag in tags or ():
        key = tag.get("key")
        if not key:
            raise invalid("Tag keys can not be empty.")
        if key in given:
            raise invalid(f"Duplicate tag keys found. Please note that Tag keys are case insensitive. Key: {key}")
        if is_reserved(key, principal):
            raise _reserved()
        given[key] = tag.get("value") or ""
    merged = {**(existing or {}), **given}
    if sum(not key.startswith("aws:") for key in merged) > MOST:
        raise invalid(f"The number of tags exceeds the limit of {MOST}.")
    return merged


def without(principal: Principal, tags: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """``tags`` less those of some keys; AWS's own are refused."""
    if any(is_reserved(key, principal) for key in keys):
        raise _reserved()
    gone = set(keys)
    return {key: value for key, value in tags.items() if key not in gone}


def propagated(tags: Mapping[str, str]) -> dict[str, str]:
    """What a task gets of its service's or task definition's tags: AWS's own stay where they were set."""
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def _reserved() -> AwsError:
    return invalid("Tag keys can not start with 'aws:'.")


def shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in the shape of the API."""
    return [{"key": key, "value": value} for key, value in tags.items()]
