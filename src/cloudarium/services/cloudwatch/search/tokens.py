"""The words that a name is made of: cut at changes of case, at numbers, and at what is neither letter nor digit.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+")
_RUN = re.compile(r"[^\W_]+")


@lru_cache(maxsize=16_384)
def words(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case and in order."""
    return tuple(word.lower() for word in cased(name))


def cased(name: str) -> tuple[str, ...]:
    """The words of a name as they are written."""
    return tuple(_WORD.findall(name))


@lru_cache(maxsize=4_096)
def _as_written(term: str) -> frozenset[int]:
    """The places of a term's words whose case counts: those that follow each other without a mark between them."""
    places: set[int] = set()
    at = 0
    for run in _RUN.findall(term):
        size = len(cased(run))
        if size > 1:
            places.update(range(at, at + size))
        at += size
    return frozenset(places)


def contains(name: str, term: str) -> bool:
    """Whether a term's words follow each other among the name's words, or the term is the whole name."""
    wanted = words(term)
    if not wanted or (name.isascii() and not _may_contain(name.lower(), wanted)):
        return False
    there = words(name)
    if "".join(wanted) == "".join(there):
        return True
    size, exact = len(wanted), _as_written(term)
    return any(
        there[at : at + size] == wanted and all(cased(name)[at + place] == cased(term)[place] for place in exact)
        for at in range(len(there) - size + 1)
    )


def _may_contain(name: str, wanted: tuple[str, ...]) -> bool:
    """Whether a lower-case name is worth being cut into words: a search looks at very many, and most have nothing."""
    first = wanted[0]
    if first in name:
        return True
    whole = "".join(wanted)
    begins = name[:1] == whole[0] or not name[:1].isalnum()
    return begins and len(name) >= len(whole) and "".join(_RUN.findall(name)) == whole
