"""The grammar of search expressions: an optional schema in braces, then terms with AND, OR, NOT and parentheses.

Terms side by side are meant with AND. A term may name the property it is about (``MetricName="Errors"``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.metrics import MetricKey
from cloudarium.services.cloudwatch.math.values import MathError
from cloudarium.services.cloudwatch.search.tokens import contains

MOST_CHARACTERS = 1_024
_DEEPEST = 30
_ACCOUNT = ":aws.accountid"
"""A search term for linked accounts."""

_SCHEMA_ITEM = r'(?:\s*"(?:[^"\\]|\\.)*"\s*|[^",{}]*)'
_SCHEMA = re.compile(rf"\s*\{{({_SCHEMA_ITEM}(?:,{_SCHEMA_ITEM})*)\}}\s*,?")
_TOKEN = re.compile(r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<mark>[()=])|(?P<word>[^\s()="]+)|(?P<end>$))')


class Term(NamedTuple):
    """A text to find: exactly, or as part of a name. ``property`` is "" when it may be anywhere."""

    text: str
    exact: bool
    property: str = ""

    def matches(self, key: MetricKey) -> bool:
        """Whether a metric has it."""
        return any(name == self.text if self.exact else contains(name, self.text) for name in self._where(key))

    def _where(self, key: MetricKey) -> list[str]:
        if self.property == "MetricName":
            return [key.name]
        if self.property == "Namespace":
            return [key.namespace]
        if self.property:
            return [value for name, value in key.dimensions if name == self.property]
        return [key.name, key.namespace, *(part for dimension in key.dimensions for part in dimension)]


class Not(NamedTuple):
    """What must not match."""

    part: Part

    def matches(self, key: MetricKey) -> bool:
        """Whether a metric does not match."""
        return not self.part.matches(key)


class Both(NamedTuple):
    """All of these must match."""

    parts: tuple[Part, ...]

    def matches(self, key: MetricKey) -> bool:
        """Whether a metric matches all."""
        return all(part.matches(key) for part in self.parts)


class Either(NamedTuple):
    """One of these must match."""

    parts: tuple[Part, ...]

    def matches(self, key: MetricKey) -> bool:
        """Whether a metric matches one."""
        return any(part.matches(key) for part in self.parts)


Part = Term | Not | Both | Either


class Query(NamedTuple):
    """A search. ``dimensions`` None: any; otherwise exactly those names. ``terms`` None: all."""

    namespace: str | None
    dimensions: frozenset[str] | None
    terms: Part | None

    def matches(self, key: MetricKey) -> bool:
        """Whether a metric is meant."""
        if self.namespace is not None and key.namespace != self.namespace:
            return False
        if self.dimensions is not None and {name for name, _ in key.dimensions} != self.dimensions:
            return False
        return self.terms is None or self.terms.matches(key)

    def only(self, name: str) -> str | None:
        """The one value that MetricName or Namespace must have, when the terms leave no other."""
        parts = self.terms.parts if isinstance(self.terms, Both) else (self.terms,)
        return next((p.text for p in parts if isinstance(p, Term) and p.exact and p.property == name), None)


def parse_query(text: str) -> Query:
    """Understand the first argument of SEARCH. Raises MathError; NotThere for accounts."""
    if len(text) > MOST_CHARACTERS:
        raise MathError(f"A search query may have {MOST_CHARACTERS} characters at most")
    namespace: str | None = None
    dimensions: frozenset[str] | None = None
    position = 0
    if text.lstrip()[:1] == "{":
        schema = _SCHEMA.match(text)
        if schema is None:
            raise MathError("Invalid search query: the metric schema in braces cannot be read")
        names = [_name(item) for item in re.findall(rf"(?:^|,)({_SCHEMA_ITEM})", schema[1])]
        if not all(names):
            raise MathError("Invalid search query: the metric schema has an empty name")
        namespace, position = names[0], schema.end()
        dimensions = frozenset(names[1:]) or None
    terms = _Parser(text, position).whole()
    if namespace is None and terms is None:
        raise MathError("Invalid search query: it needs a metric schema or a search term")
    return Query(namespace, dimensions, terms)


def _name(item: str) -> str:
    item = item.strip()
    return _unquoted(item) if item.startswith('"') and len(item) > 1 else item


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


class _Parser:
    def __init__(self, text: str, position: int) -> None:
        self._tokens: list[tuple[str, str]] = []
        while True:
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise MathError("Invalid search query: a quotation mark is not closed")
            if match.lastgroup == "end":
                break
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self._tokens.append(("end", ""))
        self._at = 0
        self._depth = 0

    def whole(self) -> Part | None:
        if self._tokens[0][0] == "end":
            return None
        part = self._either("")
        if self._tokens[self._at][0] != "end":
            raise self._unexpected()
        return part

    def _unexpected(self) -> MathError:
        text = self._tokens[self._at][1]
        return MathError(
            f"Invalid search query: unexpected {text!r}" if text else "Invalid search query: it ends early"
        )

    def _take(self, kind: str, text: str) -> bool:
        if self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False

    def _either(self, property_: str) -> Part:
        parts = [self._both(property_)]
        while self._take("word", "OR"):
            parts.append(self._both(property_))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self, property_: str) -> Part:
        parts = [self._one(property_)]
        while True:
            kind, text = self._tokens[self._at]
            begins = (kind in ("word", "quoted") and text != "OR") or (kind, text) == ("mark", "(")
            if self._take("word", "AND") or begins:
                parts.append(self._one(property_))
            else:
                return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _one(self, property_: str) -> Part:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise MathError("Invalid search query: it is nested too deeply")
        part = self._deeper(property_)
        self._depth -= 1
        return part

    def _deeper(self, property_: str) -> Part:
        if self._take("word", "NOT"):
            return Not(self._one(property_))
        if self._take("mark", "("):
            part = self._either(property_)
            if not self._take("mark", ")"):
                raise self._unexpected()
            return part
        kind, text = self._tokens[self._at]
        if kind not in ("word", "quoted") or text in ("AND", "OR"):
            raise self._unexpected()
        self._at += 1
        said = _unquoted(text) if kind == "quoted" else text
        if not property_ and self._take("mark", "="):
            if said.lower() == _ACCOUNT:
                raise NotThere(f"{said} in SEARCH")
            return self._one(said)
        return Term(said, kind == "quoted", property_)
