"""``lookup table match-fields OUTPUT|OUTPUTNEW output-field[,…]``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Lookup.html
"""

from __future__ import annotations

import re

from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.expressions import Expressions

_TABLE = re.compile(r"[A-Za-z0-9_]{1,256}")


def lookup(expressions: Expressions, start: int) -> tree.Lookup:
    """The command, whose first word has been read and began at ``start``. Raises ``QueryFault``."""
    lexer = expressions.lexer
    name = lexer.token
    # A name may begin with a digit, which makes the lexer think of numbers and periods.
    if name.kind not in ("name", "quoted", "number", "period") or not _TABLE.fullmatch(name.text):
        raise lexer.unexpected()
    lexer.advance()
    matches = [_match(expressions)]
    while expressions.take_sign(","):
        matches.append(_match(expressions))
    fresh = expressions.at_word("outputnew")
    if not expressions.take_word("output", "outputnew"):
        raise lexer.unexpected()
    outputs = [expressions.field()]
    while expressions.take_sign(","):
        outputs.append(expressions.field())
    table = tree.String(name.text, start=name.start, end=name.end)
    return tree.Lookup(table, tuple(matches), tuple(outputs), fresh, start=start, end=lexer.last_end)


def _match(expressions: Expressions) -> tree.Match:
    column = expressions.field()
    field = expressions.field() if expressions.take_word("as") else column
    return tree.Match(column.name, field, start=column.start, end=column.end)
