"""Answers that are given often and change seldom: built once, and turned into text once."""

from __future__ import annotations

from typing import Any


class Kept(dict[str, Any]):
    """An operation's answer that is the same object for many calls, and never changed: what is new is a new one.

    ``texts`` is where those who put it on the wire keep what they made of it, by whatever tells them apart.
    """

    __slots__ = ("texts",)

    def __init__(self, members: dict[str, Any]) -> None:
        super().__init__(members)
        self.texts: dict[object, str] = {}
