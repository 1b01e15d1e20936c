"""Which tags may move to another image. Pure.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html: with exclusion filters a repository is
immutable, or mutable, but for the tags that match one of up to five wildcard patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cloudarium.services.ecr.errors import invalid
from cloudarium.services.ecr.wildcards import matches

SETTINGS = ("MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION")
MOST_FILTERS = 5
_FILTER = re.compile(r"[0-9a-zA-Z._*-]{1,128}")


def is_immutable(tag: str, setting: str, filters: Sequence[str]) -> bool:
    """Whether an existing tag must stay where it is."""
    excluded = setting.endswith("_WITH_EXCLUSION") and any(matches(tag, each) for each in filters)
    return setting.startswith("IMMUTABLE") != excluded


def read_setting(request: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The setting and filters of a request; raises ``AwsError`` when they do not go together."""
    setting = request.get("imageTagMutability") or "MUTABLE"
    if setting not in SETTINGS:
        raise invalid("imageTagMutability", f"Member must satisfy enum value set: [{', '.join(SETTINGS)}]")
    filters: Iterable[Mapping[str, str]] = request.get("imageTagMutabilityExclusionFilters") or ()
    name = "imageTagMutabilityExclusionFilters"
    given = tuple(each["filter"] for each in filters)
    with_exclusion = setting.endswith("_WITH_EXCLUSION")
    if with_exclusion and not given:
        raise invalid(
            name, f"ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as {setting}"
        )
    if given and not with_exclusion:
        raise invalid(
            name, f"ImageTagMutabilityExclusionFilters should be null when imageTagMutability is set as {setting}"
        )
    if len(given) > MOST_FILTERS:
        raise invalid(name, f"Member must have length less than or equal to {MOST_FILTERS}")
    for each in given:
        if _FILTER.fullmatch(each) is None:
            raise invalid(name, f"Invalid value for 'filter' in mutability exclusion filter: {each}")
    if len(set(given)) != len(given):
        raise invalid(name, "Duplicate filters are not allowed")
    return setting, given


def shown(filters: Iterable[str]) -> list[dict[str, str]]:
    """Filters as the API shows them."""
    return [{"filterType": "WILDCARD", "filter": each} for each in filters]
