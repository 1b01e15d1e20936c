"""The grammar of Metrics Insights. Keywords in any case; names as they are, in double quotes where they are unusual.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.metrics import MetricKey

FUNCTIONS = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
MOST_SERIES = 500
_MOST_CHARACTERS = 2_048
_DEEPEST = 30
_KEYWORDS = frozenset(
    ["SELECT", "FROM", "SCHEMA", "WHERE", "AND", "OR", "GROUP", "BY", "ORDER", "ASC", "DESC", "LIMIT"]
)

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<quoted>"(?:[^"\\]|\\.)*")
    | (?P<number>\d+)(?![A-Za-z0-9_])
    | (?P<name>[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)
    | (?P<mark>!=|=|[(),])
    | (?P<end>$)
    )""",
    re.VERBOSE,
)


class SqlError(Exception):
    """A query that cannot be understood."""


class Is(NamedTuple):
    """A label must have a value, or must not."""

    label: str
    value: str
    equal: bool

    def matches(self, key: MetricKey) -> bool:
        """Whether a metric satisfies it; a metric without the label has no value at all."""
        return (dict(key.dimensions).get(self.label) == self.value) == self.equal


class All(NamedTuple):
    """Conditions with AND."""

    conditions: tuple[Condition, ...]

    def matches(self, key: MetricKey) -> bool:
        """Whether a metric satisfies them all."""
        return all(each.matches(key) for each in self.conditions)


class AnyOf(NamedTuple):
    """Conditions with OR."""

    conditions: tuple[Condition, ...]

    def matches(self, key: MetricKey) -> bool:
        """Whether a metric satisfies one."""
        return any(each.matches(key) for each in self.conditions)


Condition = Is | All | AnyOf


class Select(NamedTuple):
    """A query. ``schema`` None: metrics with any dimensions; otherwise with exactly those names."""

    function: str
    metric: str
    namespace: str
    schema: frozenset[str] | None
    where: Condition | None
    group_by: tuple[str, ...]
    order_by: str
    descending: bool
    limit: int


@lru_cache(maxsize=256)
def parse_select(text: str) -> Select:
    """Understand a query. Raises SqlError; NotThere for tags."""
    if len(text) > _MOST_CHARACTERS:
        raise SqlError(f"A query may have {_MOST_CHARACTERS} characters at most")
    return _Parser(text).select()


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[_Token] = []
        position = 0
        while not self._tokens or self._tokens[-1].kind != "end":
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise SqlError(f"Invalid syntax at position {position + 1}")
            kind = match.lastgroup
            self._tokens.append(_Token(kind, match[kind], match.start(kind)))
            position = match.end()
        self._at = 0
        self._depth = 0

    def select(self) -> Select:
        self._need("SELECT")
        function = self._function()
        self._mark("(")
        metric = self._name()
        self._mark(")")
        self._need("FROM")
        namespace, schema = self._from()
        where = self._either() if self._keyword("WHERE") else None
        group_by: tuple[str, ...] = ()
        if self._keyword("GROUP"):
            self._need("BY")
            group_by = self._names()
        order_by, descending = self._order()
        limit = self._limit()
        if self._tokens[self._at].kind != "end":
            raise self._unexpected()
        return Select(function, metric, namespace, schema, where, group_by, order_by, descending, limit)

    def _from(self) -> tuple[str, frozenset[str] | None]:
        if not self._keyword("SCHEMA"):
            return self._name(), None
        self._mark("(")
        names = self._names()
        self._mark(")")
        return names[0], frozenset(names[1:])

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._keyword("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._condition()]
        while self._keyword("AND"):
            parts.append(self._condition())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _condition(self) -> Condition:
        if self._takes("mark", "("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise SqlError("The query is nested too deeply")
            inner = self._either()
            self._mark(")")
            self._depth -= 1
            return inner
        label = self._label()
        equal = self._takes("mark", "=")
        if not equal and not self._takes("mark", "!="):
            raise self._unexpected("expected = or !=")
        token = self._tokens[self._at]
        if token.kind != "text":
            raise self._unexpected("expected a value in single quotes")
        self._at += 1
        return Is(label, _unquoted(token.text), equal)

    def _order(self) -> tuple[str, bool]:
        if not self._keyword("ORDER"):
            return "", False
        self._need("BY")
        function = self._function()
        self._mark("(")
        self._mark(")")
        if self._keyword("DESC"):
            return function, True
        self._keyword("ASC")
        return function, False

    def _limit(self) -> int:
        if not self._keyword("LIMIT"):
            return MOST_SERIES
        token = self._tokens[self._at]
        if token.kind != "number":
            raise self._unexpected("expected a number")
        self._at += 1
        if len(token.text) > 4 or not 1 <= int(token.text) <= MOST_SERIES:
            raise SqlError(f"LIMIT must be between 1 and {MOST_SERIES}")
        return int(token.text)

    def _names(self) -> tuple[str, ...]:
        names = [self._label()]
        while self._takes("mark", ","):
            names.append(self._label())
        return tuple(names)

    def _label(self) -> str:
        name = self._name()
        if name.startswith("tag.") or name.startswith("AWS.AccountId"):
            raise NotThere(f"{name} in a Metrics Insights query")
        return name

    def _name(self) -> str:
        token = self._tokens[self._at]
        if token.kind == "quoted":
            self._at += 1
            return _unquoted(token.text)
        if token.kind not in ("name", "number") or token.text.upper() in _KEYWORDS:
            raise self._unexpected("expected a name")
        self._at += 1
        return token.text

    def _function(self) -> str:
        token = self._tokens[self._at]
        if token.kind != "name" or token.text.upper() not in FUNCTIONS:
            raise self._unexpected(f"expected one of {', '.join(sorted(FUNCTIONS))}")
        self._at += 1
        return token.text.upper()

    def _takes(self, kind: str, text: str) -> bool:
        token = self._tokens[self._at]
        if token.kind == kind and token.text == text:
            self._at += 1
            return True
        return False

    def _keyword(self, word: str) -> bool:
        token = self._tokens[self._at]
        if token.kind == "name" and token.text.upper() == word:
            self._at += 1
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._keyword(word):
            raise self._unexpected(f"expected {word}")

    def _mark(self, mark: str) -> None:
        if not self._takes("mark", mark):
            raise self._unexpected(f"expected {mark!r}")

    def _unexpected(self, wanted: str = "") -> SqlError:
        token = self._tokens[self._at]
        what = "end of query" if token.kind == "end" else repr(token.text)
        more = f", {wanted}" if wanted else ""
        return SqlError(f"Invalid syntax at position {token.position + 1}: unexpected {what}{more}")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
