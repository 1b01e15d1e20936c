r"""AWS's wildcard patterns as Python's regular expressions, and AWS's regular expressions as RE2's.

A pattern is literal but for ``*`` (nothing or more) and ``?`` (one character); ``\`` takes the meaning from the
character after it. Matching either takes at most time proportional to the product of the lengths of text and pattern:
a node decides for every load balancer on one thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol, cast

_UNICODE_CLASS = re.compile(r"\\[pP]")


class Found(Protocol):
    """Where a regular expression matched."""

    def group(self, number: int) -> str | None:
        """What a group matched; None when it took no part."""


class Regex(Protocol):
    """A compiled regular expression of a rule."""

    @property
    def groups(self) -> int:
        """How many groups it captures."""

    def search(self, text: str) -> Found | None:
        """The first match anywhere in the text."""

    def sub(self, repl: Callable[[Found], str], text: str, count: int = 0) -> str:
        """The text with the first `count` matches replaced."""


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


def expression_within(pattern: str, character: str) -> str:
    """The regular expression (RE2's, without anchors) of a pattern whose wildcards stand for `character` only."""
    wild = {"*": f"{character}*", "?": character}
    tokens = re.findall(r"\\.|.|\\$", pattern, re.DOTALL)
    return "".join(wild.get(token) or re.escape(token[1] if len(token) == 2 else token) for token in tokens)


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


def regex(text: str, *, ignore_case: bool = False, lines: bool = False) -> Regex:
    """Compile a regular expression of a rule; raises ``ValueError`` for what is malformed or what AWS does not take.

    With ``lines`` it is about each line of a text by itself, so that one search answers for many.

    RE2, like AWS, has no lookaheads, lookbehinds, backreferences, atomic groups, possessive quantifiers and recursion,
    and so it needs no more than linear time. Unicode character classes it has, and AWS has not.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
    """
    import re2

    if _UNICODE_CLASS.search(text.replace("\\\\", "")):
        raise ValueError("Unicode character classes are not supported")
    options = re2.Options()
    options.log_errors = False
    options.dot_nl, options.never_nl = not lines, lines
    options.case_sensitive = not ignore_case
    try:
        return cast(Regex, re2.compile(f"(?m){text}" if lines else text, options))
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error
