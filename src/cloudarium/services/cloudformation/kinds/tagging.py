"""Tags of resources, as lists of pairs or by key, and what to change about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds.kind import Work


def own(work: Work) -> dict[str, str]:
    """All tags but AWS's own (``aws:…``), which moto refuses to anybody."""
    return {key: value for key, value in work.tags.items() if not key.startswith("aws:")}


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as most APIs take them."""
    return [{key: name, value: text} for name, text in tags.items()]


def by_key(tags: Iterable[Mapping[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags as most APIs answer them, by key."""
    return {each[key]: each.get(value, "") for each in tags}


STACK_ID, LOGICAL_ID = "aws:cloudformation:stack-id", "aws:cloudformation:logical-id"
"""The two of AWS's tags that together say which resource of which stack something is."""


def is_marked(work: Work, tags: Mapping[str, str]) -> bool:
    """Whether something with these tags is this resource."""
    return (tags.get(STACK_ID), tags.get(LOGICAL_ID)) == (work.stack_id, work.logical_id)


def dropped(work: Work) -> list[str]:
    """Keys of tags that the stack gave and no longer gives; what others have tagged stays."""
    had = {*by_key(work.before.get("Tags") or ()), *work.tags_before}
    return sorted(key for key in had if key not in work.tags and not key.startswith("aws:"))


def difference(now: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The tags to set and the keys to remove."""
    changed = {key: value for key, value in wanted.items() if now.get(key) != value}
    return changed, [key for key in now if key not in wanted and not key.startswith("aws:")]


async def settle(
    work: Work,
    now: Mapping[str, str],
    put: Callable[[dict[str, str]], Awaitable[Any]],
    take: Callable[[list[str]], Awaitable[Any]],
) -> None:
    """Make its tags, which are ``now`` these, what they should be, by the API's two calls for that.

    A tag that the stack never gave stays: somebody else's.
    """
    wanted, gone = difference(now, own(work))
    if wanted:
        await put(wanted)
    if given := [key for key in gone if key in work.tags_before]:
        await take(given)
