"""Tags in the shape of the API, and their rules.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.services.ecs.errors import invalid

MOST = 50


def parse(tags: Sequence[Mapping[str, Any]] | None, existing: Mapping[str, str] | None = None) -> dict[str, str]:
    """``existing`` with the request's tags laid over; refuses duplicates, AWS's own keys and too many."""
    given: dict[str, str] = {}
    for tag in tags or ():
        key = tag.get("key")
        if not key:
            raise invalid("Tag keys can not be empty.")
        if key in given:
            raise invalid(f"Duplicate tag keys found. Please note that Tag keys are case insensitive. Key: {key}")
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys can not start with 'aws:'.")
        given[key] = tag.get("value") or ""
    merged = {**(existing or {}), **given}
    if sum(not key.startswith("aws:") for key in merged) > MOST:
        raise invalid(f"The number of tags exceeds the limit of {MOST}.")
    return merged


def shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in the shape of the API."""
    return [{"key": key, "value": value} for key, value in tags.items()]
