"""Tags of alarms and dashboards: how many, and what they may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cloudarium.kernel.identity import Principal
from cloudarium.kernel.tags import is_reserved

MOST = 50


def mistake(principal: Principal, old: Mapping[str, str], keys: Sequence[str]) -> str:
    """What is wrong with adding tags of these keys to ``old``, "" when nothing is."""
    if len(set(keys)) != len(keys):
        return "Tags must not have the same key twice."
    if problem := reserved(principal, keys):
        return problem
    # AWS's own do not count.
    count = sum(not key.startswith("aws:") for key in {*old, *keys})
    return f"A resource can have {MOST} tags at most." if count > MOST else ""


def reserved(principal: Principal, keys: Iterable[str]) -> str:
    """What is wrong with setting or removing tags of these keys, "" when nothing is."""
    if any(is_reserved(key, principal) for key in keys):
        return "Tag keys starting with aws: are reserved for system use."
    return ""
