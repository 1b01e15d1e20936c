"""What a value is held against: a text with wildcards, a number, a regular expression."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from cloudarium.services.logs.patterns.syntax import PatternError

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_REGEX = re.compile(r"(?:[A-Za-z0-9 :_#=@/;,<>'\"&~!\-^$?\[\]{}|*+.]|\\[ -~])+")
_BOUNDS = re.compile(r"\\.|\{(\d*), ?(\d*)\}")
_NOT_IN_REGEX = re.compile(r"[!<>'\"&~]")
ORDERED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
Test = Callable[[str], bool]


def number(text: str) -> float | None:
    """A number as the syntax page describes them; None for other texts."""
    return float(text) if len(text) <= 64 and _NUMBER.fullmatch(text) else None


def wildcard(text: str) -> Test:
    """Equality with a text that may begin and end with ``*``."""
    if text == "*":
        return lambda value: True
    starts, ends = text.startswith("*"), text.endswith("*")
    inner = text[1 if starts else 0 : len(text) - 1 if ends else len(text)]
    if starts and ends:
        return lambda value: inner in value
    if starts:
        return lambda value: value.endswith(inner)
    if ends:
        return lambda value: value.startswith(inner)
    return lambda value: value == text


def literal(text: str) -> str:
    """The part of a text with wildcards that must be there as it is."""
    return text.strip("*") if "*" in text else text


def regex(expression: str) -> Test:
    """``%…%``: found anywhere. Raises ``PatternError`` for what AWS does not take.

    Parentheses, symbols other than the documented ones and characters beyond ASCII are not taken.
    """
    if not _REGEX.fullmatch(expression) or _NOT_IN_REGEX.search(re.sub(r"\\.", "", expression)):
        raise PatternError(f"Invalid character(s) in term '%{expression}%'")
    return search(_BOUNDS.sub(_bounds, expression))


def _bounds(found: re.Match[str]) -> str:
    """``{,5}`` is ``{0,5}`` here, which for RE2 are four characters."""
    least, most = found.groups()
    return f"{{{least or 0},{most}}}" if least or most else found[0]


def search(expression: str) -> Test:
    """A regular expression in RE2's syntax, searched in time linear in the text; raises ``PatternError``."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        found: Any = re2.compile(expression, options).search
    except (re2.error, ValueError, UnicodeError) as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(f"Invalid regular expression '{expression}': {text}") from error
    return lambda value: found(value) is not None
