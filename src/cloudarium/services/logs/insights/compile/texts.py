"""Functions of texts: their parts, other writings of them, and what they hash to.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html#CWL_QuerySyntax-string-functions
and https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-hash-functions.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.makers import Function, Functions, flag, literally, of_texts
from cloudarium.services.logs.insights.compile.regexes import translated
from cloudarium.services.logs.insights.compile.sql import Value, value
from cloudarium.services.logs.insights.language.lexer import QueryFault

_LONGEST = 10_000_000
"""Characters: no text has as many."""
_ANY = 1_000
_REFERENCE = re.compile(r"\\(.?)", re.DOTALL)


def _trim(function: str) -> Function:
    def made(given: Sequence[Value]) -> Value:
        characters = sql.scalar(given[1]) if len(given) > 1 else "E' \\t\\n\\r\\f'"
        return value(f"{function}({sql.scalar(given[0])}, {characters})", "text")

    return made


def _substr(given: Sequence[Value]) -> Value:
    first = f"CAST(least(greatest({sql.number(given[1])}, 0), {_LONGEST}) AS BIGINT) + 1"
    if len(given) == 2:
        return value(f"substring({sql.scalar(given[0])}, {first})", "text")
    length = f"CAST(least(greatest({sql.number(given[2])}, 0), {_LONGEST}) AS BIGINT)"
    return value(f"substring({sql.scalar(given[0])}, {first}, {length})", "text")


def _concat(given: Sequence[Value]) -> Value:
    return value(f"concat({', '.join(sql.scalar(each) for each in given)})", "text")


def _contains(given: Sequence[Value]) -> Value:
    text, sought = (sql.scalar(each) for each in given[:2])
    if len(given) > 2:
        folded = sql.truth(given[2])
        both = "contains(lower(p[1]), lower(p[2])) ELSE contains(p[1], p[2])"
        test = f"list_transform([[{text}, {sought}]], lambda p: CASE WHEN {folded} THEN {both} END)[1]"
        return value(flag(test), "number")
    return value(flag(f"contains({text}, {sought})"), "number")


def _regex_replace(given: Sequence[Value]) -> Value:
    r"""Every match replaced; ``\1`` in the replacement is what the first group matched, as in RE2."""
    regex = translated(literally(given[1], "A regular expression"), 0, 0)
    replacement = literally(given[2], "A replacement")
    allowed = {"\\", *(str(place) for place in range(min(len(regex.groups), 9) + 1))}
    for found in _REFERENCE.finditer(replacement):
        if found[1] not in allowed:
            raise QueryFault(f"invalid replacement: {replacement[:60]}", 0, 0)
    pattern, by = sql.literal(regex.pattern), sql.literal(replacement)
    return value(f"regexp_replace({sql.scalar(given[0])}, {pattern}, {by}, 'g')", "text")


def _split(given: Sequence[Value]) -> Value:
    def made(text: str) -> str:
        return f"(CASE WHEN {text} IS NOT NULL THEN to_json(string_split({text}, {sql.scalar(given[1])})) END)"

    return value(sql.once(sql.scalar(given[0]), made), "json")


FUNCTIONS: Functions = {
    "isempty": (1, 1, of_texts("(COALESCE({}, '') = '')", "bool")),
    "isblank": (1, 1, of_texts("(trim(COALESCE({}, ''), E' \\t\\n\\r\\f') = '')", "bool")),
    "concat": (1, _ANY, _concat),
    "ltrim": (1, 2, _trim("ltrim")),
    "rtrim": (1, 2, _trim("rtrim")),
    "trim": (1, 2, _trim("trim")),
    "strlen": (1, 1, of_texts("CAST(length({}) AS DOUBLE)", "number")),
    "messagesize": (1, 1, of_texts("CAST(strlen({}) AS DOUBLE)", "number")),
    "toupper": (1, 1, of_texts("upper({})")),
    "tolower": (1, 1, of_texts("lower({})")),
    "substr": (2, 3, _substr),
    "replace": (3, 3, of_texts("replace({}, {}, {})")),
    "regexreplace": (3, 3, _regex_replace),
    "strcontains": (2, 3, _contains),
    "startswith": (2, 2, of_texts(flag("starts_with({}, {})"), "number")),
    "endswith": (2, 2, of_texts(flag("ends_with({}, {})"), "number")),
    "split": (2, 2, _split),
    "urlencode": (1, 1, of_texts("url_encode({})")),
    "urldecode": (1, 1, of_texts("TRY(url_decode({}))")),
    "base64encode": (1, 1, of_texts("base64(encode({}))")),
    "base64decode": (1, 1, of_texts("TRY(decode(from_base64({})))")),
    "hextoascii": (1, 1, of_texts("TRY(decode(unhex(regexp_replace({}, '^0[xX]', ''))))")),
    "md5": (1, 1, of_texts("md5({})")),
    "sha256": (1, 1, of_texts("sha256({})")),
}
