"""The cluster query language: which container instances an expression selects.

    expression := conjunction (("or" | "||") conjunction)*
    conjunction := term (("and" | "&&") term)*
    term := ("not" | "!") term | "(" expression ")" | subject operator [argument]

A subject is ``agentConnected``, ``agentVersion``, ``attribute:<name>``, ``ec2InstanceId``, ``registeredAt``,
``runningTasksCount`` or ``task:group``. An expression is parsed once into functions of a ``Candidate``. An attribute
that is not there equals nothing and is in no list.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-query-language.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from cloudarium.services.ecs.placement.candidates import Candidate
from cloudarium.services.ecs.placement.subjects import (
    EQUALITY,
    QueryError,
    Subject,
    compare,
    matcher,
    subject_of,
)

__all__ = ["Expression", "QueryError", "compiled"]

Expression = Callable[[Candidate], bool]

LONGEST = 2000
DEEPEST = 40

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s()\[\],'\"!=<>~&|]+")
_RAW = re.compile(r"[^\s()]+")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_OPERATOR = re.compile(
    r"==|!=|>=|<=|=~|!~|>|<|!exists\b|!in\b|(?:equals|not_equals|greater_than_equal|greater_than|less_than_equal"
    r"|less_than|exists|not_exists|in|not_in|matches|not_matches)\b"
)
_OR = re.compile(r"\|\||or\b")
_AND = re.compile(r"&&|and\b")
_NOT = re.compile(r"not\b|!")

_NAMES = {
    "equals": "==",
    "not_equals": "!=",
    "greater_than": ">",
    "greater_than_equal": ">=",
    "less_than": "<",
    "less_than_equal": "<=",
    "not_exists": "!exists",
    "not_in": "!in",
    "matches": "=~",
    "not_matches": "!~",
}


@lru_cache(maxsize=512)
def compiled(text: str) -> Expression:
    """The expression as a function; raises ``QueryError`` saying what is wrong with it."""
    if len(text) > LONGEST:
        raise QueryError(f"An expression has at most {LONGEST} characters.")
    return _Parser(text).parse()


class _Parser:
    """A cursor over the text, descending once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse(self) -> Expression:
        found = self._any(0)
        self._skip()
        if self._at < len(self._text):
            raise QueryError(f"Unexpected '{self._text[self._at :][:20]}' at position {self._at}.")
        return found

    # -- characters ------------------------------------------------------------------------------------------------

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        self._skip()
        found = pattern.match(self._text, self._at)
        if found is None or not found.group():
            return None
        self._at = found.end()
        return found.group()

    def _literal(self, character: str) -> bool:
        self._skip()
        if self._text.startswith(character, self._at):
            self._at += 1
            return True
        return False

    # -- grammar ---------------------------------------------------------------------------------------------------

    def _any(self, depth: int) -> Expression:
        if depth > DEEPEST:
            raise QueryError("The expression is nested too deeply.")
        terms = [self._all(depth)]
        while self._take(_OR):
            terms.append(self._all(depth))
        if len(terms) == 1:
            return terms[0]
        return lambda instance: any(term(instance) for term in terms)

    def _all(self, depth: int) -> Expression:
        terms = [self._term(depth)]
        while self._take(_AND):
            terms.append(self._term(depth))
        if len(terms) == 1:
            return terms[0]
        return lambda instance: all(term(instance) for term in terms)

    def _term(self, depth: int) -> Expression:
        if depth > DEEPEST:
            raise QueryError("The expression is nested too deeply.")
        if self._take(_NOT):
            inner = self._term(depth + 1)
            return lambda instance: not inner(instance)
        if self._literal("("):
            found = self._any(depth + 1)
            if not self._literal(")"):
                raise QueryError("A parenthesis is not closed.")
            return found
        return self._comparison()

    def _comparison(self) -> Expression:
        name = self._take(_WORD)
        if name is None:
            raise QueryError(f"A subject is missing at position {self._at}.")
        subject = subject_of(name)
        written = self._take(_OPERATOR)
        if written is None:
            raise QueryError(f"'{name}' must be followed by an operator.")
        operator = _NAMES.get(written, written)
        if operator not in subject.operators:
            raise QueryError(f"The operator '{written}' cannot be used with '{name}'.")
        if operator == "exists":
            return subject.exists
        if operator == "!exists":
            return lambda instance: not subject.exists(instance)
        if operator in ("in", "!in"):
            return self._membership(subject, operator == "in")
        if operator in ("=~", "!~"):
            return self._match(subject, operator == "=~")
        argument = self._argument()
        if operator in EQUALITY:
            wanted = subject.convert(argument)
            positive = operator == "=="
            return lambda instance: (wanted in subject.values(instance)) is positive
        return compare(subject, operator, argument)

    def _membership(self, subject: Subject, positive: bool) -> Expression:
        if not self._literal("["):
            raise QueryError("'in' must be followed by a list such as [a, b].")
        wanted = {subject.convert(self._argument())}
        while self._literal(","):
            wanted.add(subject.convert(self._argument()))
        if not self._literal("]"):
            raise QueryError("A list is not closed.")
        return lambda instance: (not wanted.isdisjoint(subject.values(instance))) is positive

    def _match(self, subject: Subject, positive: bool) -> Expression:
        pattern = self._quoted()
        if pattern is None:
            pattern = self._take(_RAW)
        if pattern is None:
            raise QueryError("A pattern is missing.")
        matches = matcher(pattern)
        return lambda instance: any(matches(str(value)) for value in subject.values(instance)) is positive

    def _argument(self) -> str:
        found = self._quoted()
        if found is None:
            found = self._take(_WORD)
        if found is None:
            raise QueryError(f"An argument is missing at position {self._at}.")
        return found

    def _quoted(self) -> str | None:
        self._skip()
        found = _QUOTED.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[1] if found[1] is not None else found[2]
