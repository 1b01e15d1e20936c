"""``SOURCE``: which groups are asked, and when.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Source.html. Names without quotes, ``start``
and ``end`` are known from the examples of CWL_QuerySyntax-Logcompare.html and CWL_QuerySyntax-Appendcols.html only, and
from the console, which begins queries with ``SOURCE logGroups(namePrefix: [], class: "STANDARD") START=-1w END=0s |``.
"""

from __future__ import annotations

import re

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.expressions import Expressions
from cloudarium.services.logs.insights.language.lexer import Lexer, QueryFault

MOST_PREFIXES = 5
MOST_ACCOUNTS = 20
MOST_TAGS = 5
MOST_VALUES = 5
_KEYWORDS = {
    "nameprefix": "prefixes",
    "nameprefixes": "prefixes",
    "accountidentifier": "accounts",
    "accountidentifiers": "accounts",
    "class": "classes",
    "loggroupclass": "classes",
}
_NAME = re.compile(r"[\w./][\w./-]{0,511}(?!\w)")
_NOW = re.compile(r"-?0+[A-Za-z]+")
_VALUE = re.compile(r"!?\*?[^*!]{0,256}\*?")
_OPTION = re.compile(r"(start|end)\s*=", re.IGNORECASE)


def source(parser: Expressions, start: int, before: tree.Source | None) -> tree.Source:
    """What comes after SOURCE; ``before`` is the SOURCE that the query had already."""
    lexer = parser.lexer
    token = lexer.token
    if token.kind == "string":
        names = list(before.names) if before is not None and not before.selected else []
        names.append(lexer.advance().text)
        while parser.take_sign(","):
            if lexer.token.kind != "string":
                raise lexer.unexpected()
            names.append(lexer.advance().text)
        return _narrowed(parser, tree.Source(tuple(names), start=start, end=lexer.last_end))
    if before is not None:
        raise lexer.unexpected()
    if not _called(lexer):
        name = lexer.raw(_NAME)
        if name is None:
            raise lexer.unexpected()
        return _narrowed(parser, tree.Source((name,), start=start, end=lexer.last_end))
    return _narrowed(parser, _selected(parser, start))


def _called(lexer: Lexer) -> bool:
    return lexer.token.kind == "name" and lexer.text[lexer.token.end :].lstrip().startswith("(")


def _selected(parser: Expressions, start: int) -> tree.Source:
    lexer = parser.lexer
    given: dict[str, tuple[str, ...]] = {}
    tags: tuple[tree.TagFilter, ...] = ()
    seen: set[str] = set()
    while _called(lexer):
        token = lexer.advance()
        name = token.text.lower()
        if name not in ("loggroups", "loggrouptags"):
            raise NotThere(f"SOURCE {token.text[:60]} of CloudWatch Logs Insights")
        if name in seen:
            raise lexer.unexpected(token)
        seen.add(name)
        if name == "loggroups":
            given = _selection(parser, token.start)
        else:
            tags = _tags(parser)
    return tree.Source(
        selected=True, prefixes=given.get("prefixes", ()), accounts=given.get("accounts", ()),
        classes=given.get("classes", ()), tags=tags, start=start, end=lexer.last_end,
    )  # fmt: skip


def _selection(parser: Expressions, start: int) -> dict[str, tuple[str, ...]]:
    lexer = parser.lexer
    parser.expect_sign("(")
    given: dict[str, tuple[str, ...]] = {}
    while not parser.at_sign(")"):
        keyword = lexer.token
        if keyword.kind != "name":
            raise lexer.unexpected()
        lexer.advance()
        if keyword.text.lower() not in _KEYWORDS:
            raise NotThere(f"SOURCE logGroups({keyword.text[:60]}: …) of CloudWatch Logs Insights")
        parser.expect_sign(":")
        given[_KEYWORDS[keyword.text.lower()]] = _strings(parser)
        if not parser.take_sign(",") and not parser.at_sign(")"):
            raise lexer.unexpected()
    parser.expect_sign(")")
    end = lexer.last_end
    for kind, most in (("prefixes", MOST_PREFIXES), ("accounts", MOST_ACCOUNTS)):
        if len(given.get(kind, ())) > most:
            raise QueryFault(f"SOURCE may name at most {most} {kind}", start, end)
    return given


def _tags(parser: Expressions) -> tuple[tree.TagFilter, ...]:
    """``([{"key": "a", "values": ["b", …]}, …])``."""
    lexer = parser.lexer
    start = lexer.token.start
    parser.expect_sign("(")
    parser.expect_sign("[")
    found = [_tag(parser)]
    while parser.take_sign(","):
        found.append(_tag(parser))
    parser.expect_sign("]")
    parser.expect_sign(")")
    if len(found) > MOST_TAGS:
        raise QueryFault(f"SOURCE may name at most {MOST_TAGS} tags", start, lexer.last_end)
    return tuple(found)


def _tag(parser: Expressions) -> tree.TagFilter:
    lexer = parser.lexer
    start, key, values = lexer.token.start, "", None
    parser.expect_sign("{")
    while not parser.at_sign("}"):
        token = lexer.advance()
        if token.kind not in ("name", "string"):
            raise lexer.unexpected(token)
        parser.expect_sign(":")
        if token.text == "key" and not key and lexer.token.kind == "string" and lexer.token.text:
            key = lexer.advance().text
        elif token.text == "values" and values is None:
            values = _strings(parser)
        else:
            raise lexer.unexpected(token)
        if not parser.take_sign(",") and not parser.at_sign("}"):
            raise lexer.unexpected()
    parser.expect_sign("}")
    made = tree.TagFilter(key, values or (), start=start, end=lexer.last_end)
    if not key:
        raise QueryFault("a tag of SOURCE needs a key", made.start, made.end)
    if len(made.values) > MOST_VALUES:
        raise QueryFault(f"a tag of SOURCE may have at most {MOST_VALUES} values", made.start, made.end)
    if any(_VALUE.fullmatch(each) is None for each in made.values):
        raise QueryFault("a value of a tag may have * at its ends and ! before it only", made.start, made.end)
    return made


def _strings(parser: Expressions) -> tuple[str, ...]:
    """A list of texts, or a text without brackets, as the console writes it."""
    if parser.lexer.token.kind == "string":
        return (parser.lexer.advance().text,)
    parser.expect_sign("[")
    found: list[str] = []
    while (not found and not parser.at_sign("]")) or parser.take_sign(","):
        if parser.lexer.token.kind != "string":
            raise parser.lexer.unexpected()
        found.append(parser.lexer.advance().text)
    parser.expect_sign("]")
    return tuple(found)


def _narrowed(parser: Expressions, made: tree.Source) -> tree.Source:
    """The source with ``start=-1d end=now`` after it."""
    ends: dict[str, tree.Moment] = {}
    while (option := parser.lexer.raw(_OPTION)) is not None:
        at, name = parser.lexer.token.start, option[:-1].strip().lower()
        if name in ends:
            raise parser.lexer.unexpected()
        if parser.take_word("now") or parser.lexer.raw(_NOW) is not None:
            ends[name] = tree.Moment(0, start=at, end=parser.lexer.last_end)
            continue
        if not parser.take_sign("-"):
            raise NotThere(f"SOURCE with {name} other than now or a period before it, such as -1d,")
        ends[name] = tree.Moment(parser.length(name), start=at, end=parser.lexer.last_end)
    first, last = ends.get("start"), ends.get("end")
    if first is not None and last is not None and first.before < last.before:
        raise QueryFault("the start of SOURCE is after its end", first.start, last.end)
    return tree.Source(
        made.names, made.selected, made.prefixes, made.accounts, made.classes, made.tags, first, last,
        start=made.start, end=parser.lexer.last_end,
    )  # fmt: skip
