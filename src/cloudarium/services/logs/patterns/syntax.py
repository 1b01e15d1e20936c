"""Tokens and boolean expressions, as they are the same in JSON patterns and in space-delimited ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

MOST_NESTED = 50
MOST_REGEXES = 2
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<paren>[()]) | (?P<logic>&&|\|\|) | (?P<op><=|>=|!=|=!|=|<|>) |
    "(?P<string>(?:[^"\\]|\\.)*)" | %(?P<regex>(?:[^%\\]|\\.)+)% |
    (?P<word>(?:\['[^']*'\]|[^\s()&|=!<>",%])+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class PatternError(ValueError):
    """A pattern that AWS would not take, with its words."""


class Token(NamedTuple):
    """``kind`` is paren, logic, op, string, regex or word; ``at`` the position behind it."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """Split an expression; raises ``PatternError`` for what is no token."""
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise PatternError(f"Invalid character(s) in term '{text[at:].split()[0]}'")
        kind, value = match.lastgroup, match[match.lastgroup]
        if kind == "string":
            value = _ESCAPE.sub(r"\1", value)
        at = match.end()
        found.append(Token(kind, "!=" if value == "=!" and kind == "op" else value, at))
    return found


T = TypeVar("T")


class Expressions(Generic[T]):
    """Parses ``a || b && (c || d)`` over tokens; what a comparison is says ``comparison``."""

    def __init__(
        self,
        words: list[Token],
        comparison: Callable[[Expressions[T]], T],
        both: Callable[[list[T]], T],
        either: Callable[[list[T]], T],
    ) -> None:
        self.words = words
        self.at = 0
        self._comparison = comparison
        self._both = both
        self._either = either
        self._depth = 0

    def whole(self) -> T:
        """Parse everything."""
        result = self._any()
        if self.at < len(self.words):
            raise self.unexpected()
        return result

    def peek(self, kind: str, *texts: str) -> bool:
        """Whether the next token is of a kind, and one of some texts (in any case)."""
        if self.at >= len(self.words):
            return False
        token = self.words[self.at]
        return token.kind == kind and (not texts or token.text.upper() in texts)

    def take(self) -> Token:
        """The next token."""
        if self.at >= len(self.words):
            raise PatternError("Invalid filter pattern: unexpected end")
        self.at += 1
        return self.words[self.at - 1]

    def unexpected(self) -> PatternError:
        """The error for the next token."""
        word = self.words[min(self.at, len(self.words) - 1)] if self.words else Token("", "", 0)
        return PatternError(f"Invalid filter pattern: unexpected '{word.text}' at position {word.at}")

    def _any(self) -> T:
        parts = [self._all()]
        while self.peek("logic", "||"):
            self.at += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else self._either(parts)

    def _all(self) -> T:
        parts = [self._one()]
        while self.peek("logic", "&&"):
            self.at += 1
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else self._both(parts)

    def _one(self) -> T:
        if not self.peek("paren", "("):
            return self._comparison(self)
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise PatternError(f"Invalid filter pattern: more than {MOST_NESTED} nested parentheses")
        self.at += 1
        inner = self._any()
        if not self.peek("paren", ")"):
            raise PatternError("Invalid filter pattern: a parenthesis is not closed")
        self.at += 1
        self._depth -= 1
        return inner
