"""Tags of resources, as lists of pairs or by key, and what to change about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def difference(now: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The tags to set and the keys to remove."""
    changed = {key: value for key, value in wanted.items() if now.get(key) != value}
    return changed, [key for key in now if key not in wanted and not key.startswith("aws:")]
