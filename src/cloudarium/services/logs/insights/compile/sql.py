"""Values in SQL: an expression and what kind of thing it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from cloudarium.services.logs.insights.language.lexer import QueryFault

Kind = Literal["text", "number", "bool", "time", "json"]
"""``text`` is VARCHAR, also of fields that may hold numbers; ``time`` milliseconds since 1970; ``json`` a document."""
_TIME = "DECIMAL(15, 0)"
"""Milliseconds up to the year 33658: what is beyond is no time, and must not overflow in what is computed of it."""
_WORDS = {"true": "true", "1": "true", "false": "false", "0": "false"}
_SHORT = 40
MOST_SQL = 200_000
"""Characters: some conversions name their operand twice, and nested ones would double without end."""


class Value(NamedTuple):
    """An SQL expression; ``constant`` is its value where the query gave it literally."""

    sql: str
    kind: Kind
    constant: str | float | None = None


def value(sql: str, kind: Kind) -> Value:
    """A value that is not too large to go on with."""
    if len(sql) > MOST_SQL:
        raise QueryFault("the query is too complex", 0, 0)
    return Value(sql, kind)


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def once(text: str, made: Callable[[str], str]) -> str:
    """What is made of an SQL text that it names several times, without the whole growing as often.

    Functions within functions would soon have more text than a database can read in a moment.
    """
    if len(text) <= _SHORT or made("\0").count("\0") < 2:
        return made(text)
    return f"list_transform([{text}], lambda it: {made('it')})[1]"


def text_constant(text: str) -> Value:
    """A text that the query says literally."""
    return Value(literal(text), "text", text)


def number_constant(number: float) -> Value:
    """A number that the query says literally."""
    return Value(f"CAST({number!r} AS DOUBLE)", "number", number)


def number(of: Value) -> str:
    """The value as DOUBLE; NULL where it is no number."""
    if isinstance(of.constant, str):
        return f"TRY_CAST({of.sql} AS DOUBLE)"
    match of.kind:
        case "number":
            return of.sql
        case "bool" | "time":
            return f"CAST({of.sql} AS DOUBLE)"
        case "json":
            return f"TRY_CAST(json_extract_string({of.sql}, '$') AS DOUBLE)"
        case "text":
            return f"TRY_CAST({of.sql} AS DOUBLE)"


def text(of: Value) -> str:
    """The value as VARCHAR, as results show it."""
    match of.kind:
        case "text":
            return of.sql
        case "number":
            # At most four decimals, and none that are zero.
            return f"regexp_replace(printf('%.4f', CAST({of.sql} AS DOUBLE)), '\\.?0+$', '')"
        case "bool":
            return f"CAST(CAST({of.sql} AS INTEGER) AS VARCHAR)"
        case "time":
            return f"strftime(make_timestamp(CAST({of.sql} AS BIGINT) * 1000), '%Y-%m-%d %H:%M:%S.%g')"
        case "json":
            return f"json_extract_string({of.sql}, '$')"


def scalar(of: Value) -> str:
    """The value as VARCHAR for what takes texts: maps and lists are nothing to that."""
    if of.kind != "json":
        return text(of)
    shown = "CASE WHEN json_type({0}) IN ('OBJECT', 'ARRAY') THEN NULL ELSE json_extract_string({0}, '$') END"
    return f"({once(of.sql, shown.format)})"


def no_structure(of: Value) -> str:
    """Whether the value is neither a map nor a list; empty for one that cannot be."""
    test = "COALESCE(json_type({}) NOT IN ('OBJECT', 'ARRAY'), true)"
    return test.format(of.sql) if of.kind == "json" else ""


def truth(of: Value) -> str:
    """The value as BOOLEAN."""
    match of.kind:
        case "bool":
            return of.sql
        case "number" | "time":
            return f"({of.sql} <> 0)"
        case _:
            return f"(lower({text(of)}) IN ('true', '1'))"


def known_truth(of: Value) -> str:
    """The value as BOOLEAN; NULL for a text that says neither."""
    if of.kind in ("text", "json"):
        whens = " ".join(f"WHEN '{word}' THEN {made}" for word, made in _WORDS.items())
        return f"(CASE lower({text(of)}) {whens} END)"
    return truth(of)


def moment(of: Value) -> str:
    """The value as milliseconds since 1970 (BIGINT); texts may hold those, or an ISO 8601 time."""
    if of.kind == "time":
        return of.sql
    if of.kind == "number":
        return f"CAST(TRY_CAST({of.sql} AS {_TIME}) AS BIGINT)"
    return once(text(of), _moment_of)


def _moment_of(shown: str) -> str:
    # Casting to TIMESTAMPTZ also knows words such as infinity.
    iso = f"TRY_CAST(regexp_extract({shown}, '^\\d{{4}}-\\d\\d-\\d\\d.*') AS TIMESTAMPTZ)"
    return f"COALESCE(CAST(TRY_CAST({shown} AS {_TIME}) AS BIGINT), epoch_ms({iso}))"


def document(of: Value) -> str:
    """The value as a JSON document."""
    return of.sql if of.kind == "json" else f"to_json({text(of)})"
