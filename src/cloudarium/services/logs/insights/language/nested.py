"""Queries within a query: what ``join``, ``appendcols`` and ``in (…)`` take.

* https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Join.html: one ``join`` in a query, with
  equality only, and no subqueries on its right side. What may be on that side besides SOURCE is not said; commands are.
* https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Subqueries.html: none within another.
* https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Appendcols.html
"""

from __future__ import annotations

from collections.abc import Callable

from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.expressions import Expressions
from cloudarium.services.logs.insights.language.lexer import QueryFault, Token
from cloudarium.services.logs.insights.language.options import Options

MOST_NESTED = 10
"""Queries within a query. AWS gives no number; each reads groups of its own."""
MOST_KEYS = 20
MOST_COLUMNS_ROWS = 100_000


class Nesting:
    """Parses nested queries; ``query`` is what parses a whole one."""

    def __init__(self, parser: Expressions, query: Callable[[bool], tree.Query]) -> None:
        self._parser = parser
        self._query = query
        self._within = ""
        self._joined = False
        self._count = 0

    def subquery(self) -> tree.Query:
        """What comes in brackets after ``in``."""
        if self._within == "join":
            token = self._parser.lexer.token
            raise QueryFault("subqueries on the right side of join are not supported", token.start, token.end)
        return self._nested("subquery")

    def join(self, start: int) -> tree.Command:
        """``join [type=inner|left] left=a right=b where a.x=b.y [and …] (SOURCE …)``."""
        lexer = self._parser.lexer
        if self._joined:
            raise QueryFault("only one join command is supported per query", start, lexer.last_end)
        self._joined = True
        options = Options(self._parser, ("type", "left", "right"))
        kind = options.one_of("type", ("inner", "left"), "inner")
        left, right = options.text("left"), options.text("right")
        if not left or not right or not self._parser.at_word("where"):
            raise lexer.unexpected()
        if left == right:
            raise QueryFault("the sides of a join must have different aliases", start, lexer.last_end)
        lexer.advance()
        keys = [self._key(left, right)]
        while self._parser.take_word("and"):
            keys.append(self._key(left, right))
        if len(keys) > MOST_KEYS:
            raise QueryFault(f"a join may have at most {MOST_KEYS} keys", start, lexer.last_end)
        opening = lexer.token
        query = self._nested("join")
        if query.source is None:
            raise QueryFault("the right side of join needs a SOURCE", opening.start, lexer.last_end)
        return tree.Join(kind == "left", left, right, tuple(keys), query, start=start, end=lexer.last_end)

    def _key(self, left: str, right: str) -> tuple[tree.Field, tree.Field]:
        first = self._parser.field()
        token = self._parser.lexer.token
        if token.kind == "sign" and token.text in ("!=", "<", "<=", ">", ">=", "=~"):
            raise QueryFault("only equality (=) is supported in join", token.start, token.end)
        self._parser.expect_sign("=")
        second = self._parser.field()
        sides = {field.parts[0]: _without_alias(field) for field in (first, second) if len(field.parts) > 1}
        if left not in sides or right not in sides:
            raise QueryFault(f"the condition of join must compare fields of {left[:60]} and {right[:60]}",
                             first.start, second.end)  # fmt: skip
        return sides[left], sides[right]

    def appendcols(self, start: int) -> tree.Command:
        """``appendcols [override=false] [max=10000] ( query )``."""
        options = Options(self._parser, ("override", "max"))
        override = options.truth("override", False)
        most = int(options.number("max", 10_000, 1, MOST_COLUMNS_ROWS, whole=True))
        query = self._nested("appendcols")
        return tree.Appendcols(override, most, query, start=start, end=self._parser.lexer.last_end)

    def _nested(self, within: str) -> tree.Query:
        token: Token = self._parser.lexer.token
        self._parser.expect_sign("(")
        if self._within:
            raise QueryFault("nested subqueries are not supported", token.start, token.end)
        self._count += 1
        if self._count > MOST_NESTED:
            raise QueryFault(f"a query may have at most {MOST_NESTED} subqueries", token.start, token.end)
        self._within = within
        made = self._query(True)
        self._within = ""
        self._parser.expect_sign(")")
        return made


def _without_alias(field: tree.Field) -> tree.Field:
    return tree.Field(field.parts[1:], start=field.start, end=field.end)
