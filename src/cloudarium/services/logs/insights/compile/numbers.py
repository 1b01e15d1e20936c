"""Functions of numbers, and those that make numbers of texts.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html#CWL_QuerySyntax-operations-numeric
"""

from __future__ import annotations

from collections.abc import Sequence

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.makers import Function, Functions, of_numbers
from cloudarium.services.logs.insights.compile.sql import Value, value

_ANY = 1_000
_EARTH = 6371.0
"""Kilometers: the mean radius. AWS does not say which one it takes."""
_PLACES = 15
_HEX = r"^\s*(?:0[xX])?([0-9a-fA-F]{1,15})\s*$"
"""As many digits as surely fit into 64 bits."""


def _extreme(function: str) -> Function:
    return lambda given: value(f"{function}({', '.join(sql.number(each) for each in given)})", "number")


def _haversine(given: Sequence[Value]) -> Value:
    lat_1, lon_1, lat_2, lon_2 = (f"radians(p[{place}])" for place in range(1, 5))
    chord = f"pow(sin(({lat_2} - {lat_1}) / 2), 2) + cos({lat_1}) * cos({lat_2}) * pow(sin(({lon_2} - {lon_1}) / 2), 2)"
    # ``least`` leaves out what is missing.
    distance = f"CASE WHEN {chord} IS NOT NULL THEN {2 * _EARTH} * asin(sqrt(least(1.0, {chord}))) END"
    points = ", ".join(f"CAST({sql.number(each)} AS DOUBLE)" for each in given)
    return value(f"list_transform([[{points}]], lambda p: {distance})[1]", "number")


def _round(given: Sequence[Value]) -> Value:
    number = f"CAST({sql.number(given[0])} AS DOUBLE)"
    if len(given) == 1:
        return value(f"round({number})", "number")
    places = f"CAST(least(greatest({sql.number(given[1])}, -{_PLACES}), {_PLACES}) AS INTEGER)"
    return value(f"round({number}, {places})", "number")


def _to_long(given: Sequence[Value]) -> Value:
    # Not by way of a DOUBLE where the text is a whole number: identifiers have more digits than that can hold.
    exact = f"TRY_CAST(regexp_extract({sql.scalar(given[0])}, '^[+-]?[0-9]+$') AS BIGINT)"
    whole = f"COALESCE({exact}, TRY_CAST(trunc({sql.number(given[0])}) AS BIGINT))"
    # The smallest one has no absolute value of 64 bits.
    return value(f"NULLIF({whole}, -9223372036854775807 - 1)", "number")


def _hex_to_dec(given: Sequence[Value]) -> Value:
    digits = f"regexp_extract({sql.scalar(given[0])}, {sql.literal(_HEX)}, 1)"
    return value(f"CAST(TRY_CAST(NULLIF('0x' || {digits}, '0x') AS BIGINT) AS DOUBLE)", "number")


def _dec_to_hex(given: Sequence[Value]) -> Value:
    def made(whole: str) -> str:
        sign = f"CASE WHEN {whole} < 0 THEN '-0x' ELSE '0x' END"
        return f"({sign} || lower(hex(abs(NULLIF({whole}, -9223372036854775807 - 1)))))"

    return value(sql.once(f"TRY_CAST(trunc({sql.number(given[0])}) AS BIGINT)", made), "text")


FUNCTIONS: Functions = {
    "abs": (1, 1, of_numbers("abs({})")),
    "ceil": (1, 1, of_numbers("ceil({})")),
    "floor": (1, 1, of_numbers("floor({})")),
    "round": (1, 2, _round),
    "greatest": (1, _ANY, _extreme("greatest")),
    "least": (1, _ANY, _extreme("least")),
    "log": (1, 1, of_numbers("(CASE WHEN {0} > 0 THEN ln({0}) END)")),
    "sqrt": (1, 1, of_numbers("(CASE WHEN {0} >= 0 THEN sqrt({0}) END)")),
    "haversine": (4, 4, _haversine),
    "tonumber": (1, 1, of_numbers("{}")),
    "todouble": (1, 1, of_numbers("CAST({} AS DOUBLE)")),
    "toint": (1, 1, of_numbers("CAST(TRY_CAST(trunc({}) AS INTEGER) AS BIGINT)")),
    "tolong": (1, 1, _to_long),
    "isnumeric": (1, 1, of_numbers("COALESCE(isfinite(CAST({} AS DOUBLE)), false)", "bool")),
    "hextodec": (1, 1, _hex_to_dec),
    "dectohex": (1, 1, _dec_to_hex),
}
