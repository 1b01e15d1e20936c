"""Circles in what needs what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def unordered(needed: Mapping[str, Iterable[str]]) -> list[str]:
    """Everything that can never be begun, in the order given: what needs itself, and what needs such things."""
    others = {name: {other for other in each if other in needed} for name, each in needed.items()}
    users: dict[str, list[str]] = {}
    for name, each in others.items():
        for other in each:
            users.setdefault(other, []).append(name)
    missing = {name: len(each) for name, each in others.items()}
    todo = [name for name, count in missing.items() if not count]
    while todo:
        for user in users.get(todo.pop(), ()):
            missing[user] -= 1
            if not missing[user]:
                todo.append(user)
    return [name for name, count in missing.items() if count]
