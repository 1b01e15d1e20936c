r"""AWS's wildcard patterns and regular expressions as Python's.

A pattern is literal but for ``*`` (nothing or more) and ``?`` (one character); ``\`` takes the meaning from the
character after it. Matching takes at most time proportional to the product of the lengths of text and pattern.
"""

from __future__ import annotations

import re
from re import Pattern

_NESTED = re.compile(r"[+*}]\)*[+*{]|\([^()]*[+*}][^()]*\)[+*{]")


def wildcards(pattern: str) -> int:
    """How many wildcard characters a pattern has."""
    return len(re.findall(r"[*?]", re.sub(r"\\.", "", pattern)))


def is_literal(pattern: str) -> bool:
    """Whether a pattern matches exactly one text."""
    return wildcards(pattern) == 0


def unescape(pattern: str) -> str:
    """The one text that a literal pattern matches."""
    return re.sub(r"\\(.)", r"\1", pattern)


def expression(pattern: str) -> str:
    """The regular expression (without anchors) of a wildcard pattern, for a full match."""
    pieces = _pieces(pattern)
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    # The earliest place of a middle piece is as good as any later one, so it need not be tried again (atomic group).
    return first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + ".*" + last


def _pieces(pattern: str) -> list[str]:
    """The pattern split at its stars; each piece an expression of fixed length."""
    pieces = [""]
    for token in re.findall(r"\\.|.|\\$", pattern, re.DOTALL):
        if token == "*":
            pieces.append("")
        elif token == "?":
            pieces[-1] += "."
        elif len(token) == 2:
            pieces[-1] += re.escape(token[1])
        else:
            pieces[-1] += re.escape(token)
    return pieces


def regex(text: str, *, ignore_case: bool = False) -> Pattern[str]:
    """Compile a regular expression of a rule; raises ``re.error`` when malformed.

    The load balancer's own engine matches in linear time; Python's does not. So an expression whose repetition is
    itself repeated, the usual cause of exponential time, raises ``ValueError``.
    """
    if _NESTED.search(re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", text)):
        raise ValueError("repetition within repetition")
    return re.compile(text, re.IGNORECASE | re.DOTALL if ignore_case else re.DOTALL)
