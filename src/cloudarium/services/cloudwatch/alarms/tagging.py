"""Tags of alarms: how many, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOST = 50


def mistake(old: Mapping[str, str], keys: Sequence[str]) -> str:
    """What is wrong with adding tags of these keys to ``old``, "" when nothing is."""
    if len(set(keys)) != len(keys):
        return "Tags must not have the same key twice."
    if any(key.lower().startswith("aws:") for key in keys):
        return "Tag keys starting with aws: are reserved for system use."
    return f"A resource can have {MOST} tags at most." if len({*old, *keys}) > MOST else ""
