"""``lookup table match-fields OUTPUT|OUTPUTNEW output-field[,…]``, and ``cidrlookup``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Lookup.html
"""

from __future__ import annotations

import re

from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.expressions import Expressions

_TABLE = re.compile(r"[A-Za-z0-9_]{1,256}")


def lookup(expressions: Expressions, start: int) -> tree.Lookup:
    """The command, whose first word has been read and began at ``start``. Raises ``QueryFault``."""
    table = _table(expressions)
    matches = [_match(expressions)]
    while expressions.take_sign(","):
        matches.append(_match(expressions))
    fresh = _fresh(expressions)
    outputs = [expressions.field()]
    while expressions.take_sign(","):
        outputs.append(expressions.field())
    return tree.Lookup(table, tuple(matches), tuple(outputs), fresh, start=start, end=expressions.lexer.last_end)


def cidr_lookup(expressions: Expressions, start: int) -> tree.CidrLookup:
    """``cidrlookup table field [as column] OUTPUT|OUTPUTNEW column [as name][, …]``.

    Which column has the ranges when none is named is not documented: the one called as the field, as in ``lookup``.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Cidrlookup.html
    """
    table = _table(expressions)
    field = expressions.field()
    column = expressions.field() if expressions.take_word("as") else field
    fresh = _fresh(expressions)
    outputs: list[tuple[tree.Field, str]] = []
    while not outputs or expressions.take_sign(","):
        output = expressions.field()
        outputs.append((output, expressions.field().name if expressions.take_word("as") else output.name))
    end = expressions.lexer.last_end
    return tree.CidrLookup(table, field, column, tuple(outputs), fresh, start=start, end=end)


def _table(expressions: Expressions) -> tree.String:
    lexer = expressions.lexer
    name = lexer.token
    # A name may begin with a digit, which makes the lexer think of numbers and periods.
    if name.kind not in ("name", "quoted", "number", "period") or not _TABLE.fullmatch(name.text):
        raise lexer.unexpected()
    lexer.advance()
    return tree.String(name.text, start=name.start, end=name.end)


def _fresh(expressions: Expressions) -> bool:
    """Whether it is OUTPUTNEW that comes, and not OUTPUT."""
    fresh = expressions.at_word("outputnew")
    if not expressions.take_word("output", "outputnew"):
        raise expressions.lexer.unexpected()
    return fresh


def _match(expressions: Expressions) -> tree.Match:
    column = expressions.field()
    field = expressions.field() if expressions.take_word("as") else column
    return tree.Match(column.name, field, start=column.start, end=column.end)
