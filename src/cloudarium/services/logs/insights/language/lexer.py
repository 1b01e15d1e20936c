"""Tokens, made one at a time."""

from __future__ import annotations

import re
from typing import NamedTuple


class QueryFault(Exception):
    """Something is wrong with a query, from character ``start`` to ``end``."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end


class Token(NamedTuple):
    """``kind`` is name, quoted (a name in backticks), number, period, string, sign or end; ``text`` what it means."""

    kind: str
    text: str
    start: int
    end: int


_SPACE = re.compile(r"(?:\s+|#[^\n]*)+")
_NAME = re.compile(r"[@A-Za-z_\u0080-\U0010ffff][@\w]*")
_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+(?!\w))?")
_SIGN = re.compile(r"=~|!=|<=|>=|[-=<>+*/%^(),|\[\]{}:.!]")
_STRING = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\", "/": "/"}


class Lexer:
    """A query and how far it has been read. ``token`` is the next one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.last_end = 0
        self.token = self._scan(0)

    def advance(self) -> Token:
        """Step over the next token and return it."""
        taken = self.token
        self.last_end = taken.end
        self.token = self._scan(taken.end)
        return taken

    def unexpected(self, token: Token | None = None) -> QueryFault:
        """The fault of a token that may not be there; by default the next one."""
        found = token or self.token
        if found.kind == "end":
            return QueryFault("unexpected end of query", found.start, found.end)
        before = self.text[: found.start]
        line, column = before.count("\n") + 1, found.start - (before.rfind("\n") + 1)
        shown = self.text[found.start : found.end][:60]
        return QueryFault(
            f"unexpected symbol found {shown} at line {line} and position {column}", found.start, found.end
        )

    def raw(self, pattern: re.Pattern[str]) -> str | None:
        """What an expression matches from the next token's first character on, and step over it; None without match."""
        found = pattern.match(self.text, self.token.start)
        if found is None:
            return None
        self.last_end = found.end()
        self.token = self._scan(found.end())
        return found.group()

    def regex(self) -> tuple[str, int, int] | None:
        """What is between slashes if a slash comes next, and its place; None otherwise."""
        start = self.token.start
        if not self.text.startswith("/", start):
            return None
        at, end, text = start + 1, len(self.text), self.text
        in_class = False
        while at < end and (in_class or text[at] != "/"):
            if text[at] == "\\":
                at += 1
            elif text[at] == "[":
                in_class = True
            elif text[at] == "]":
                in_class = False
            at += 1
        if in_class:
            # An unclosed bracket: then slashes end it after all, and the expression will be found invalid.
            at = text.find("/", start + 1)
            at = end if at < 0 else at
        if at >= end or text[at] != "/":
            raise QueryFault("unterminated regular expression", start, min(at, end))
        pattern = text[start + 1 : at]
        self.last_end = at + 1
        self.token = self._scan(at + 1)
        return pattern, start, at + 1

    def _scan(self, at: int) -> Token:
        text = self.text
        if (space := _SPACE.match(text, at)) is not None:
            at = space.end()
        if at >= len(text):
            return Token("end", "", len(text), len(text))
        if (found := _NAME.match(text, at)) is not None:
            return Token("name", found.group(), at, found.end())
        if (found := _NUMBER.match(text, at)) is not None:
            return self._number(found)
        first = text[at]
        if first in "\"'":
            if (found := _STRING.match(text, at)) is None:
                raise QueryFault("unterminated string", at, len(text))
            inner = found[1] if found[1] is not None else found[2]
            return Token("string", _ESCAPE.sub(_unescaped, inner), at, found.end())
        if first == "`":
            close = text.find("`", at + 1)
            if close <= at + 1:
                raise QueryFault("unterminated field name", at, len(text))
            return Token("quoted", text[at + 1 : close], at, close + 1)
        if (found := _SIGN.match(text, at)) is not None:
            return Token("sign", found.group(), at, found.end())
        raise self.unexpected(Token("sign", first, at, at + 1))

    def _number(self, found: re.Match[str]) -> Token:
        at = found.end()
        unit = _NAME.match(self.text, at)
        if unit is None:
            return Token("number", found.group(), found.start(), at)
        return Token("period", found.group() + unit.group(), found.start(), unit.end())


def _unescaped(found: re.Match[str]) -> str:
    # An escape that is none stays as it is: strings often hold Windows paths and expressions.
    return _ESCAPES.get(found[1], found[0])
