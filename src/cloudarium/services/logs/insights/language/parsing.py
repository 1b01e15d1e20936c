"""``parse`` in its modes, and ``json``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html, where XML is not among the modes:
those who use it tell of ``parse @message XML '/event/level' as level``, with a path and a name in each command.
"""

from __future__ import annotations

import re

from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.expressions import Expressions
from cloudarium.services.logs.insights.language.lexer import QueryFault
from cloudarium.services.logs.insights.language.xpaths import xpath

_FORMATS = ("logfmt", "csv")
_PATH = re.compile(r"\s*[\"']\s*/")


def parse_command(parser: Expressions, start: int) -> tree.Command:
    """``parse [field] "glob"|/regex/ [as name, …] [multi]``, ``… logfmt|csv as name, …`` or ``… XML "x" as name``."""
    # Without a field it is @message that is parsed.
    lexer = parser.lexer
    place = lexer.token.start
    message = tree.Field(("@message",), start=place, end=place)
    at_xml = parser.at_word("xml") and _PATH.match(lexer.text, lexer.token.end) is not None
    at_pattern = lexer.token.kind == "string" or lexer.text.startswith("/", place) or _at_format(parser) or at_xml
    # No whole expression: a slash after the field begins the pattern.
    operand = message if at_pattern else parser.primary()
    if parser.at_word("xml"):
        return _xml(parser, operand, start)
    begin = lexer.token.start
    if _at_format(parser):
        return _line(parser, operand, start)
    pattern, regex = parser.pattern()
    end = lexer.last_end
    names = _names(parser) if parser.take_word("as") else ()
    multi = regex and parser.take_word("multi")
    if not regex and len(names) != pattern.count("*"):
        raise QueryFault(
            f"the glob expression has {pattern.count('*')} wildcards but {len(names)} fields are named", begin, end
        )
    return tree.Parse(operand, pattern, regex, names, multi, start=begin, end=end)


def _at_format(parser: Expressions) -> bool:
    """Whether a format comes next, and not a field of that name: ``as`` comes after it."""
    token = parser.lexer.token
    following = parser.lexer.text[token.end : token.end + 80].split(None, 1)
    return parser.at_word(*_FORMATS) and bool(following) and following[0].lower() == "as"


def _line(parser: Expressions, operand: tree.Expression, start: int) -> tree.Command:
    token = parser.lexer.advance()
    if not parser.take_word("as"):
        raise parser.lexer.unexpected()
    names = _names(parser)
    if token.text.lower() == "logfmt" and len(names) != 1:
        raise QueryFault("parse logfmt needs one name", token.start, parser.lexer.last_end)
    return tree.ParseLine(operand, token.text.lower(), names, start=start, end=parser.lexer.last_end)


def _xml(parser: Expressions, operand: tree.Expression, start: int) -> tree.Command:
    parser.lexer.advance()
    token = parser.lexer.token
    if token.kind != "string":
        raise parser.lexer.unexpected()
    parser.lexer.advance()
    path = xpath(token.text, token.start, token.end)
    if not parser.take_word("as"):
        raise parser.lexer.unexpected()
    return tree.ParseXml(operand, path, parser.field().name, start=start, end=parser.lexer.last_end)


def _names(parser: Expressions) -> tuple[str, ...]:
    names = [parser.field().name]
    while parser.take_sign(","):
        names.append(parser.field().name)
    return tuple(names)


def json(parser: Expressions, start: int) -> tree.Command:
    """``json field=x "a.b" as name``."""
    if not parser.take_word("field"):
        raise parser.lexer.unexpected()
    parser.expect_sign("=")
    operand = parser.field()
    token = parser.lexer.token
    path = tuple(part for part in token.text.split(".") if part)
    if token.kind != "string" or not path:
        raise parser.lexer.unexpected()
    parser.lexer.advance()
    if not parser.take_word("as"):
        raise parser.lexer.unexpected()
    return tree.Json(operand, path, parser.field().name, start=start, end=parser.lexer.last_end)
