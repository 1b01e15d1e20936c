"""Regular expressions that templates and schemas bring, in a time that grows with the text alone.

They are meant for Java's engine, which looks ahead; RE2 does not. What people look ahead for stands at the beginning
(``^(?=.*[0-9])(?!aws).+$``), and there each part can be asked on its own.
"""

from __future__ import annotations

import functools
import re
from typing import Any

_MOST = 4_096
_LOOK = re.compile(r"\(\?([=!])")


class BadPattern(ValueError):
    """An expression that is malformed, or takes what RE2 does not have."""


def matches(pattern: str, text: str) -> bool:
    """Whether all of a text matches. Raises ``BadPattern``."""
    return all(_asked(part, text, wanted) for part, wanted in _compiled(pattern, whole=True))


def found(pattern: str, text: str) -> bool:
    """Whether any part of a text matches, as in JSON Schema. Raises ``BadPattern``."""
    return all(_asked(part, text, wanted) for part, wanted in _compiled(pattern, whole=False))


def _asked(part: Any, text: str, wanted: bool) -> bool:
    try:
        return (part.search(text) is not None) is wanted
    except UnicodeError:
        # Half a surrogate pair is no character that any expression could mean.
        return False


@functools.lru_cache(maxsize=512)
def _compiled(pattern: str, *, whole: bool) -> tuple[tuple[Any, bool], ...]:
    import re2

    if len(pattern) > _MOST:
        raise BadPattern(pattern)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    looks, rest = _ahead(pattern, whole)
    try:
        parts = [(re2.compile(rf"\A(?:{inner})", options), wanted) for inner, wanted in looks]
        parts.append((re2.compile(rf"\A(?:{rest})\z" if whole else rest, options), True))
    except (re2.error, UnicodeError):
        raise BadPattern(pattern) from None
    return tuple(parts)


def _ahead(pattern: str, whole: bool) -> tuple[list[tuple[str, bool]], str]:
    """What is asked of the beginning of a text, and the rest of the expression."""
    anchored = pattern.startswith("^")
    rest = pattern[1:] if anchored else pattern
    looks: list[tuple[str, bool]] = []
    while (anchored or whole) and (look := _LOOK.match(rest)) is not None:
        end = _closing(rest)
        if end is None:
            break
        looks.append((rest[3:end], look[1] == "="))
        rest = rest[end + 1 :]
    if not looks or "|" in _outside_groups(rest):
        return [], pattern
    return looks, f"^{rest}" if anchored else rest


def _closing(text: str) -> int | None:
    """Where the group that a text begins with ends."""
    depth, in_class, index = 0, False, 0
    while index < len(text):
        char = text[index]
        if char == "\\":
            index += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth:
                return index
        index += 1
    return None


def _outside_groups(text: str) -> str:
    """A text without its groups, classes and escapes; alternatives that are left hold for the whole expression."""
    kept, depth, in_class, index = [], 0, False, 0
    while index < len(text):
        char = text[index]
        if char == "\\":
            index += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif depth == 0:
            kept.append(char)
        index += 1
    return "".join(kept)
