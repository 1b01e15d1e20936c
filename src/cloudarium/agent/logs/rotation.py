"""What became of a file between two looks at it.

A file is known by device and inode, and by its beginning: inodes are used again, and a file that was copied and
truncated (``copytruncate``) may have grown past the position before anybody looked.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import NamedTuple

HEAD = 256
"""Bytes of a file's beginning that tell it from another."""


class Identity(NamedTuple):
    """Which file it is, while nobody deletes it."""

    device: int
    inode: int


class Head(NamedTuple):
    """A digest of some bytes near a file's start."""

    start: int
    length: int
    digest: str

    def matches(self, data: bytes) -> bool:
        """Whether ``data``, read from ``start``, begins with those bytes."""
        return len(data) >= self.length and digest(data[: self.length]) == self.digest


class Change(Enum):
    """What is to be done with an open file."""

    SAME = "same"
    TRUNCATED = "truncated"
    """Start over at its beginning."""
    REPLACED = "replaced"
    """Read it to its end; another file has its name."""
    GONE = "gone"
    """Read it to its end; its name is nobody's."""


def look(opened: Identity, size: int, position: int, head_same: bool, named: Identity | None) -> Change:
    """Compare an open file (``size`` bytes, read to ``position``) with whatever has its name now."""
    if size < position or not head_same:
        return Change.TRUNCATED
    if named is None:
        return Change.GONE
    return Change.SAME if named == opened else Change.REPLACED


def digest(data: bytes) -> str:
    """A short name for some bytes."""
    return hashlib.sha256(data).hexdigest()[:32]


def line_range(data: bytes, newline: bytes, first: int, last: int) -> tuple[int, int] | None:
    """Where lines ``first`` to ``last`` (from 1) lie in ``data``: start and length; None until all are there."""
    start = at = 0
    for number in range(1, last + 1):
        found = data.find(newline, at)
        if found < 0:
            return None
        if number == first:
            start = at
        at = found + len(newline)
    return start, at - start
