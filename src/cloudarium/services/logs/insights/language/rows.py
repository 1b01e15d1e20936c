"""Commands that look at more than one row: running sums, rows before, gaps, totals, sessions.

Each function parses what comes after a command's name; ``start`` is where that name begins. The pages are those of
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html, ``CWL_QuerySyntax-Accum.html`` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.expressions import Expressions
from cloudarium.services.logs.insights.language.lexer import QueryFault
from cloudarium.services.logs.insights.language.options import Options

MOST_LAGS = 100
MOST_FIELDS = 200
_LAGS = re.compile(r"p\s*=\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?", re.IGNORECASE)
_WILDCARD = re.compile(r"[@\w*][@\w.*]*")
_THIRTY_MINUTES = 30 * 60_000
Parser = Callable[[Expressions, int], tree.Command]


def accum(parser: Expressions, start: int) -> tree.Command:
    """``accum field [as name]``."""
    field = parser.field()
    name = parser.field().name if parser.take_word("as") else field.name
    return tree.Accum(field, name, start=start, end=parser.lexer.last_end)


def autoregress(parser: Expressions, start: int) -> tree.Command:
    """``autoregress field [as name] [p=1[-4]]``."""
    field = parser.field()
    name = parser.field().name if parser.take_word("as") else ""
    first = last = 1
    several = False
    at = parser.lexer.token.start
    if parser.at_word("p") and (given := parser.lexer.raw(_LAGS)) is not None:
        found = _LAGS.fullmatch(given)
        assert found is not None
        first, several = int(found[1]), found[2] is not None
        last = int(found[2]) if several else first
        if not 1 <= first <= last <= MOST_LAGS:
            raise QueryFault(f"p must be between 1 and {MOST_LAGS}", at, parser.lexer.last_end)
    return tree.Autoregress(field, name, first, last, several, start=start, end=parser.lexer.last_end)


def filldown(parser: Expressions, start: int) -> tree.Command:
    """``filldown [field …]``, with ``*`` for anything in names."""
    patterns: list[str] = []
    while (token := parser.lexer.token).kind != "end" and not parser.at_sign("|", ")"):
        if token.kind == "quoted":
            patterns.append(parser.field().name.replace("*", ""))
        elif (found := parser.lexer.raw(_WILDCARD)) is not None:
            patterns.append(found)
        else:
            raise parser.lexer.unexpected()
        parser.take_sign(",")
    _few(patterns, start, parser)
    return tree.Filldown(tuple(patterns), start=start, end=parser.lexer.last_end)


def fillmissing(parser: Expressions, start: int) -> tree.Command:
    """``fillmissing [with value for field, …]``."""
    values: list[tuple[tree.Field, tree.Number | tree.String]] = []
    if parser.take_word("with"):
        while not values or parser.take_sign(","):
            if values:
                parser.take_word("with")
            value = _constant(parser)
            if not parser.take_word("for"):
                raise parser.lexer.unexpected()
            values.append((parser.field(), value))
    _few(values, start, parser)
    return tree.Fillmissing(tuple(values), start=start, end=parser.lexer.last_end)


def _constant(parser: Expressions) -> tree.Number | tree.String:
    start = parser.lexer.token.start
    negative = parser.take_sign("-")
    token = parser.lexer.token
    if token.kind == "string" and not negative:
        parser.lexer.advance()
        return tree.String(token.text, start=start, end=token.end)
    if token.kind != "number":
        raise parser.lexer.unexpected()
    parser.lexer.advance()
    text = ("-" if negative else "") + token.text
    return tree.Number(float(text), text, start=start, end=token.end)


def addtotals(parser: Expressions, start: int) -> tree.Command:
    """``addtotals [fieldname=Total] [row=true] [col=false] [field, …]``."""
    options = Options(parser, ("fieldname", "row", "col"))
    fields = _fields(parser) if parser.lexer.token.kind in ("name", "quoted") else ()
    return tree.Addtotals(
        options.text("fieldname", "Total"), options.truth("row", True), options.truth("col", False), fields,
        start=start, end=parser.lexer.last_end,
    )  # fmt: skip


def outlier(parser: Expressions, start: int) -> tree.Command:
    """``outlier [action=transform] [param=2.5] [uselower=false] [mark=false] field …``."""
    options = Options(parser, ("action", "param", "uselower", "mark"))
    remove = options.one_of("action", ("remove", "transform"), "transform") == "remove"
    fields = _fields(parser, spaces=True)
    return tree.Outlier(
        fields, remove, options.number("param", 2.5, 0, 1e9), options.truth("uselower", False),
        options.truth("mark", False), start=start, end=parser.lexer.last_end,
    )  # fmt: skip


def sessionize(parser: Expressions, start: int) -> tree.Command:
    """``sessionize field, … [maxspan 30m] [as session_id]``."""
    fields = _fields(parser)
    gap = _THIRTY_MINUTES
    if parser.take_word("maxspan"):
        gap = parser.length("maxspan")
    name = parser.field().name if parser.take_word("as") else "session_id"
    return tree.Sessionize(fields, gap, name, start=start, end=parser.lexer.last_end)


def count_frequent(parser: Expressions, start: int) -> tree.Command:
    """``countFrequent field, …``."""
    return tree.CountFrequent(_fields(parser), start=start, end=parser.lexer.last_end)


def relevant_fields(parser: Expressions, start: int) -> tree.Command:
    """``relevantfields [field, …] where condition``."""
    fields = () if parser.at_word("where") else _fields(parser)
    if not parser.take_word("where"):
        raise parser.lexer.unexpected()
    return tree.RelevantFields(fields, parser.expression(), start=start, end=parser.lexer.last_end)


def _fields(parser: Expressions, spaces: bool = False) -> tuple[tree.Field, ...]:
    found = [parser.field()]
    while parser.take_sign(",") or (spaces and parser.lexer.token.kind in ("name", "quoted")):
        found.append(parser.field())
    _few(found, found[0].start, parser)
    return tuple(found)


def _few(found: list[tree.Field] | list[str] | list[tuple[tree.Field, tree.Number | tree.String]], start: int,
         parser: Expressions) -> None:  # fmt: skip
    if len(found) > MOST_FIELDS:
        raise QueryFault(f"a command may name at most {MOST_FIELDS} fields", start, parser.lexer.last_end)


PARSERS: dict[str, Parser] = {
    "accum": accum,
    "autoregress": autoregress,
    "filldown": filldown,
    "fillmissing": fillmissing,
    "addtotals": addtotals,
    "outlier": outlier,
    "sessionize": sessionize,
    "countfrequent": count_frequent,
    "count_frequent": count_frequent,
    "relevantfields": relevant_fields,
}
"""By the command's name in lower case."""
