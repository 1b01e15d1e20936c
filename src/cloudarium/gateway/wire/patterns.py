r"""The models' regular expressions, made safe to run on an event loop.

They are written for Java and nobody promised that they are fast on hostile input. What Python spells otherwise is
translated (``\p{L}``, surrogate pairs, ``\z``, ``[\w-_]``). Then the expression is analysed: where the character ahead
always decides what to do next, matching is linear and values of any length are checked. Each choice that the next
character does not decide multiplies the time by the length, so the length of what is checked shrinks; choices inside
a repetition could take exponential time, and such expressions are not checked at all. AWS matches whole values.
"""

from __future__ import annotations

import functools
import importlib
import re
import warnings
from collections.abc import Iterable
from typing import Any

MAX_LENGTH_BY_CHOICES = (100_000, 1024, 96)
_TRANSLATIONS = (
    (re.compile(r"\\uD800\\uDC00-\\uDBFF\\uDFFF", re.IGNORECASE), r"\\U00010000-\\U0010FFFF"),
    (re.compile(r"\\p\{(?:Is)?(?:L|N|Nd|Alphabetic|Alnum)\}|\\pL|\\pN"), r"\\w"),
    (re.compile(r"\\p\{(?:Is)?(?:Z|Zs|Space)\}|\\pZ"), r"\\s"),
    (re.compile(r"\\x\{([0-9A-Fa-f]{4})\}"), r"\\u\1"),
    (re.compile(r"\\z"), r"\\Z"),
    (re.compile(r"(\\[wsd])-(?!\])"), r"\1\\-"),
)
_ANYTHING = frozenset(range(129))
_OTHER = 128
_HOPELESS = 99


class Pattern:
    """An expression of the model, and up to which length of value it is checked."""

    __slots__ = ("_match", "max_length")

    def __init__(self, expression: re.Pattern[str], max_length: int) -> None:
        self._match = expression.fullmatch
        self.max_length = max_length

    def accepts(self, value: str) -> bool:
        """Whether a value satisfies the expression, or is too long to be asked."""
        return len(value) > self.max_length or self._match(value) is not None


@functools.lru_cache(maxsize=2048)
def compiled(pattern: str) -> Pattern | None:
    """The expression ready for use, or None when it is one that is not checked."""
    for java, python in _TRANSLATIONS:
        pattern = java.sub(python, pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            choices = Analysis().of(importlib.import_module("re._parser").parse(pattern), frozenset()).choices
            if choices >= len(MAX_LENGTH_BY_CHOICES):
                return None
            return Pattern(re.compile(pattern), MAX_LENGTH_BY_CHOICES[choices])
    except (re.error, OverflowError, RecursionError):
        return None


class Facts:
    """Of a part of an expression: what it may start with, whether it may be empty, its undecided choices."""

    __slots__ = ("ambiguous", "choices", "first", "nullable")

    def __init__(self, first: frozenset[int], nullable: bool, choices: int = 0, ambiguous: bool = False) -> None:
        self.first = first
        self.nullable = nullable
        self.choices = choices
        self.ambiguous = ambiguous


class Analysis:
    """Walks a parsed expression from its end, knowing at each place which characters may follow."""

    def of(self, items: Iterable[tuple[Any, Any]], follow: frozenset[int]) -> Facts:
        """The facts of a sequence."""
        whole = Facts(frozenset(), True)
        for operation, argument in reversed(list(items)):
            after = whole.first | follow if whole.nullable else whole.first
            part = self._part(str(operation), argument, after)
            whole = Facts(
                part.first | whole.first if part.nullable else part.first,
                part.nullable and whole.nullable,
                whole.choices + part.choices,
                whole.ambiguous or part.ambiguous,
            )
        return whole

    def _part(self, operation: str, argument: Any, after: frozenset[int]) -> Facts:
        match operation:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                return Facts(_characters(operation, argument), False)
            case "AT":
                return Facts(frozenset(), True)
            case "SUBPATTERN":
                return self.of(argument[3], after)
            case "ATOMIC_GROUP":
                return self.of(argument, after)
            case "BRANCH":
                return self._branch([self.of(branch, after) for branch in argument[1]])
            case "ASSERT" | "ASSERT_NOT":
                inside = self.of(argument[1], _ANYTHING)
                return Facts(frozenset(), True, inside.choices, inside.ambiguous)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, body = argument
                return self._repeat(least, most, body, after)
            case _:
                return Facts(_ANYTHING, True, _HOPELESS, True)

    def _branch(self, branches: list[Facts]) -> Facts:
        first: frozenset[int] = frozenset()
        ambiguous = any(branch.ambiguous or branch.nullable for branch in branches)
        for branch in branches:
            ambiguous = ambiguous or bool(first & branch.first)
            first |= branch.first
        nullable = any(branch.nullable for branch in branches)
        return Facts(first, nullable, sum(branch.choices for branch in branches), ambiguous)

    def _repeat(self, least: int, most: int, body: Any, after: frozenset[int]) -> Facts:
        again = self.of(body, frozenset()).first if most > 1 else frozenset()
        inside = self.of(body, after | again)
        nullable = inside.nullable or least == 0
        undecided = most != least and bool(inside.first & after)
        if most > 1 and (inside.choices or inside.ambiguous or inside.nullable):
            return Facts(inside.first, nullable, _HOPELESS, True)
        if not undecided:
            return Facts(inside.first, nullable, inside.choices, inside.ambiguous)
        return Facts(inside.first, nullable, inside.choices + (most > 2), True)


def _characters(operation: str, argument: Any) -> frozenset[int]:
    """The ASCII characters a single-character item matches; 128 stands for every other one."""
    match operation:
        case "LITERAL":
            return frozenset((min(argument, _OTHER),))
        case "NOT_LITERAL":
            return _ANYTHING - {argument}
        case "ANY":
            return _ANYTHING
    result: set[int] = set()
    negated = False
    for kind, value in argument:
        match str(kind):
            case "NEGATE":
                negated = True
            case "LITERAL":
                result.add(min(value, _OTHER))
            case "RANGE":
                low, high = value
                result.update(range(min(low, _OTHER), min(high, _OTHER) + 1))
            case _:
                result |= _category(str(value))
    return (_ANYTHING - result) | {_OTHER} if negated else frozenset(result)


_CATEGORIES = {"DIGIT": re.compile(r"\d"), "SPACE": re.compile(r"\s"), "WORD": re.compile(r"\w")}


@functools.cache
def _category(name: str) -> frozenset[int]:
    kind = name.removeprefix("CATEGORY_")
    expression = _CATEGORIES[kind.removeprefix("NOT_")]
    wanted = not kind.startswith("NOT_")
    return frozenset(code for code in range(128) if (expression.match(chr(code)) is not None) is wanted) | {_OTHER}
