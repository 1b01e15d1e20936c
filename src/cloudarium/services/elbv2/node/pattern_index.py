"""Many wildcard patterns against one text at the cost of few.

Each pattern stands for a set of rules, a bit mask. Exact patterns are found by one dictionary look-up. Patterns that
begin with plain text are found by looking up the text's beginnings, of only those lengths that occur; those that end
with plain text likewise by the ends. Only what these find is matched in full; what begins and ends with a wildcard
is matched one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from cloudarium.services.elbv2.patterns import Regex, expression, is_literal, unescape

_Found = tuple[Callable[[str], object] | None, int]
"""What must still match (None: nothing) and the mask."""


class PatternIndex:
    """An immutable index of patterns, each with a bit mask."""

    __slots__ = ("_exact", "_loose", "_prefix_lengths", "_prefixes", "_suffix_lengths", "_suffixes")

    def __init__(self, patterns: Iterable[tuple[str, int]], regexes: Iterable[tuple[Regex, int]] = ()) -> None:
        """``patterns`` are wildcard patterns; ``regexes`` are searched for anywhere in the text."""
        self._exact: dict[str, int] = {}
        self._prefixes: dict[str, list[_Found]] = {}
        self._suffixes: dict[str, list[_Found]] = {}
        self._loose: list[tuple[Callable[[str], object], int]] = []
        for pattern, mask in patterns:
            self._add(pattern, mask)
        self._loose += [(regex.search, mask) for regex, mask in regexes]
        self._prefix_lengths = sorted({len(prefix) for prefix in self._prefixes})
        self._suffix_lengths = sorted({len(suffix) for suffix in self._suffixes})

    def _add(self, pattern: str, mask: int) -> None:
        if is_literal(pattern):
            text = unescape(pattern)
            self._exact[text] = self._exact.get(text, 0) | mask
            return
        head, tail = _plain_ends(pattern)
        match = re.compile(expression(pattern), re.DOTALL).fullmatch
        if head:
            simple = pattern.endswith("*") and is_literal(pattern[:-1])
            self._prefixes.setdefault(head, []).append((None if simple else match, mask))
        elif tail:
            simple = pattern.startswith("*") and is_literal(pattern[1:])
            self._suffixes.setdefault(tail, []).append((None if simple else match, mask))
        else:
            self._loose.append((match, mask))

    def match(self, text: str) -> int:
        """The masks of all patterns that match, or-ed."""
        mask = self._exact.get(text, 0)
        for length in self._prefix_lengths:
            if length > len(text):
                break
            for rest, bits in self._prefixes.get(text[:length], ()):
                if rest is None or rest(text) is not None:
                    mask |= bits
        for length in self._suffix_lengths:
            if length > len(text):
                break
            for rest, bits in self._suffixes.get(text[-length:], ()):
                if rest is None or rest(text) is not None:
                    mask |= bits
        for matches, bits in self._loose:
            if matches(text) is not None:
                mask |= bits
        return mask


def _plain_ends(pattern: str) -> tuple[str, str]:
    """The plain text before the first and after the last wildcard."""
    tokens = re.findall(r"\\.|.|\\$", pattern, re.DOTALL)
    wild = [n for n, token in enumerate(tokens) if token in "*?"]
    return unescape("".join(tokens[: wild[0]])), unescape("".join(tokens[wild[-1] + 1 :]))
