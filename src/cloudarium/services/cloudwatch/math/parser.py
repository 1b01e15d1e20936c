"""The grammar of metric math: text to a tree.

From weakest to strongest: OR, AND, comparisons, + and -, * and /, unary -, ^. A name in lower case is the id of another
query, one in upper case a function; some functions take words (``FILL(m1, REPEAT)``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudwatch.math.values import MathError

MOST_CHARACTERS = 2_048
_DEEPEST = 60

FUNCTIONS = frozenset(
    {"ABS", "ANOMALY_DETECTION_BAND", "AVG", "CEIL", "DATAPOINT_COUNT", "DATE", "DAY", "DIFF", "DIFF_TIME", "EPOCH"}
    | {"FILL", "FIRST", "FLOOR", "HOUR", "IF", "LAST", "LOG", "LOG10", "MAX", "METRIC_COUNT", "METRICS", "MIN"}
    | {"MINUTE", "MONTH", "PERIOD", "RATE", "REMOVE_EMPTY", "RUNNING_SUM", "SEARCH", "SLICE", "SORT", "STDDEV", "SUM"}
    | {"TIME_SERIES", "YEAR"}
)
_REFUSED = frozenset({"DB_PERF_INSIGHTS", "INSIGHT_RULE_METRIC", "LAMBDA", "SERVICE_QUOTA"})
WORDS = frozenset({"REPEAT", "LINEAR", "ASC", "DESC", "AVG", "MIN", "MAX", "SUM"})
"""What may stand in place of an argument."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<string>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
    | (?P<operator>==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],])
    | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)


class Number(NamedTuple):
    """A number as written."""

    value: float


class Text(NamedTuple):
    """A text in quotes; backslashes stay, but for those before the quote itself."""

    value: str


class Word(NamedTuple):
    """A word that a function understands, such as REPEAT."""

    value: str
    position: int


class Name(NamedTuple):
    """The id of another query."""

    id: str
    position: int


class ArrayOf(NamedTuple):
    """``[m1, m2]``."""

    items: tuple[Node, ...]
    position: int


class Negative(NamedTuple):
    """``-m1``."""

    operand: Node
    position: int


class Binary(NamedTuple):
    """Two operands; ``operator`` is one of the symbols, AND or OR."""

    operator: str
    left: Node
    right: Node
    position: int


class Call(NamedTuple):
    """A function and its arguments."""

    function: str
    arguments: tuple[Node, ...]
    position: int


Node = Number | Text | Word | Name | ArrayOf | Negative | Binary | Call


class Expression(NamedTuple):
    """An expression that was understood."""

    text: str
    root: Node

    def nodes(self) -> Iterator[Node]:
        """Every part."""
        pending = [self.root]
        while pending:
            node = pending.pop()
            yield node
            if isinstance(node, ArrayOf):
                pending += node.items
            elif isinstance(node, Negative):
                pending.append(node.operand)
            elif isinstance(node, Binary):
                pending += (node.left, node.right)
            elif isinstance(node, Call):
                pending += node.arguments

    def names(self) -> set[str]:
        """The ids of the queries it refers to (METRICS() refers to more)."""
        return {node.id for node in self.nodes() if isinstance(node, Name)}

    def calls(self, function: str) -> bool:
        """Whether it uses a function."""
        return any(isinstance(node, Call) and node.function == function for node in self.nodes())


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def parse(text: str) -> Expression:
    """Understand an expression. Raises MathError; NotThere for a function that AWS has and this cloud has not."""
    found = _parse(text)
    if isinstance(found, Exception):
        # A new one each time: the one that was kept would gather tracebacks.
        raise (
            NotThere(f"the metric math function {found}")
            if isinstance(found, LookupError)
            else MathError(found.message, found.position)
        )
    return found


@lru_cache(maxsize=1024)
def _parse(text: str) -> Expression | MathError | LookupError:
    if len(text) > MOST_CHARACTERS:
        return MathError(f"The expression is longer than {MOST_CHARACTERS} characters")
    try:
        return Expression(text, _Parser(text).whole())
    except MathError as error:
        return MathError(error.message, error.position)
    except LookupError as error:
        return LookupError(*error.args)


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    while position <= len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            while position < len(text) and text[position].isspace():
                position += 1
            raise MathError(f"Invalid syntax at position {position + 1}: unexpected {text[position]!r}", position)
        tokens.append(_Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
        if match.lastgroup == "end":
            return tokens
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._binary(0)
        if self._next().kind != "end":
            raise self._unexpected()
        return node

    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> _Token | None:
        token = self._next()
        if token.kind in ("operator", "name") and token.text in texts:
            self._at += 1
            return token
        return None

    def _need(self, text: str) -> None:
        if self._take(text) is None:
            raise self._unexpected(f"expected {text!r}")

    def _unexpected(self, wanted: str = "") -> MathError:
        token = self._next()
        what = "end of expression" if token.kind == "end" else repr(token.text)
        more = f", {wanted}" if wanted else ""
        return MathError(f"Invalid syntax at position {token.position + 1}: unexpected {what}{more}", token.position)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise MathError("Invalid syntax: the expression is nested too deeply", self._next().position)

    _LEVELS = (("OR", "||"), ("AND", "&&"), ("==", "!=", "<=", ">=", "<", ">"), ("+", "-"), ("*", "/"))

    def _binary(self, level: int) -> Node:
        if level == len(self._LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (token := self._take(*self._LEVELS[level])) is not None:
            operator = {"||": "OR", "&&": "AND"}.get(token.text, token.text)
            left = Binary(operator, left, self._binary(level + 1), token.position)
        return left

    def _unary(self) -> Node:
        self._deeper()
        if (token := self._take("-")) is not None:
            node: Node = Negative(self._unary(), token.position)
        else:
            node = self._primary()
            if (token := self._take("^")) is not None:
                node = Binary("^", node, self._unary(), token.position)
        self._depth -= 1
        return node

    def _primary(self) -> Node:
        token = self._next()
        if self._take("(") is not None:
            node = self._binary(0)
            self._need(")")
            return node
        if self._take("[") is not None:
            return ArrayOf(self._list("]"), token.position)
        self._at += 1
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "string":
            quote = token.text[0]
            return Text(token.text[1:-1].replace("\\" + quote, quote) if quote == "'" else token.text[1:-1])
        if token.kind == "name" and token.text not in ("AND", "OR"):
            return self._named(token)
        self._at -= 1
        raise self._unexpected()

    def _named(self, token: _Token) -> Node:
        if self._take("(") is not None:
            if token.text in _REFUSED:
                raise LookupError(token.text)
            if token.text not in FUNCTIONS:
                raise MathError(f"Function '{token.text}' not found", token.position)
            return Call(token.text, self._list(")"), token.position)
        if token.text in WORDS:
            return Word(token.text, token.position)
        return Name(token.text, token.position)

    def _list(self, closing: str) -> tuple[Node, ...]:
        if self._take(closing) is not None:
            return ()
        items = [self._binary(0)]
        while self._take(",") is not None:
            items.append(self._binary(0))
        self._need(closing)
        return tuple(items)
