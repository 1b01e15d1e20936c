"""Circles in what needs what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def circle(needed: Mapping[str, Iterable[str]]) -> list[str]:
    """Everything that needs itself by way of others, in the order given; empty when nothing does.

    What merely needs a member of a circle is peeled off from one side, what is merely needed by one from the other.
    """
    left = {name: {other for other in others if other in needed} for name, others in needed.items()}
    while True:
        before = len(left)
        left = _peeled(left)
        backwards: dict[str, set[str]] = {name: set() for name in left}
        for name, others in left.items():
            for other in others:
                backwards[other].add(name)
        kept = _peeled(backwards)
        left = {name: others & kept.keys() for name, others in left.items() if name in kept}
        if len(left) == before:
            return [name for name in needed if name in left]


def _peeled(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The graph without all from which every way ends."""
    users: dict[str, list[str]] = {}
    for name, others in graph.items():
        for other in others:
            users.setdefault(other, []).append(name)
    open_ = {name: len(others) for name, others in graph.items()}
    todo = [name for name, count in open_.items() if not count]
    gone: set[str] = set()
    while todo:
        name = todo.pop()
        gone.add(name)
        for user in users.get(name, ()):
            open_[user] -= 1
            if not open_[user]:
                todo.append(user)
    return {name: others - gone for name, others in graph.items() if name not in gone}
