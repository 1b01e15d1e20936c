"""Patterns in which ``*`` stands for anything, and where asked for ``?`` for one character. Pure.

Two pointers and one place to go back to: the cost is at most the product of the lengths, whatever the pattern.
"""

from __future__ import annotations


def matches(text: str, pattern: str, *, single: bool = False) -> bool:
    """Whether a text matches a pattern as a whole; ``single`` lets ``?`` stand for one character."""
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and (pattern[place] == text[at] or (single and pattern[place] == "?")):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return all(letter == "*" for letter in pattern[place:])
