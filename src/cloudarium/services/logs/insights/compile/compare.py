"""Comparisons: as numbers where both sides are numbers, as truths where one side is one, else as texts.

A value that is missing equals nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.sql import Value, value

_NUMERIC = ("number", "bool")


def compared(operator: str, left: Value, right: Value) -> Value:
    """``= != < <= > >=`` of two values. Maps and lists compare with nothing."""
    made = _compared(operator, left, right)
    tests = [test for each in (left, right) if (test := sql.no_structure(each))]
    return value(f"({' AND '.join([*tests, made.sql])})", "bool") if tests else made


def _compared(operator: str, left: Value, right: Value) -> Value:
    sign = "IS DISTINCT FROM" if operator == "!=" else operator
    if left.kind == "time" or right.kind == "time":
        return value(f"({sql.moment(left)} {sign} {sql.moment(right)})", "bool")
    if {left.kind, right.kind} in ({"bool", "text"}, {"bool", "json"}) and operator in ("=", "!="):
        return value(f"({sql.known_truth(left)} {sign} {sql.known_truth(right)})", "bool")
    if left.kind in _NUMERIC or right.kind in _NUMERIC:
        return value(f"({sql.number(left)} {sign} {sql.number(right)})", "bool")
    as_texts = f"({sql.text(left)} {sign} {sql.text(right)})"
    if operator in ("=", "!="):
        return value(as_texts, "bool")
    constants = [each.constant for each in (left, right) if isinstance(each.constant, str)]
    if constants and not all(_is_number(each) for each in constants):
        return value(as_texts, "bool")
    a, b = sql.number(left), sql.number(right)
    return value(f"(CASE WHEN ({a} {sign} {b}) IS NULL THEN {as_texts} ELSE ({a} {sign} {b}) END)", "bool")


def among(one: Value, options: Sequence[Value]) -> Value:
    """Whether a value equals one of others."""
    texts = [each.sql for each in options if isinstance(each.constant, str)]
    numbers = [each.sql for each in options if isinstance(each.constant, float)]
    tests = []
    if texts and one.kind in ("text", "json"):
        tests.append(f"{sql.text(one)} IN ({', '.join(texts)})")
    if numbers and one.kind in ("text", "json", "number"):
        tests.append(f"{sql.number(one)} IN ({', '.join(numbers)})")
    plain = (texts if one.kind in ("text", "json") else []) + (numbers if one.kind != "time" else [])
    tests += [compared("=", one, each).sql for each in options if each.sql not in plain]
    return value(f"({' OR '.join(tests)})", "bool")


def ordering(column: str, kind: str, descending: bool) -> list[str]:
    """ORDER BY terms for a column. What is missing comes last; texts that are no numbers come before numbers, in their
    natural order (``a2`` before ``a10``).

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Sort.html
    """
    direction = "DESC" if descending else "ASC"
    if kind in ("number", "time", "bool"):
        return [f"{column} {direction} NULLS LAST"]
    shown = f"json_extract_string({column}, '$')" if kind == "json" else column
    as_number = f"TRY_CAST({shown} AS DOUBLE)"
    return [
        f"({column} IS NULL) ASC",
        f"({as_number} IS NOT NULL) {direction}",
        f"{as_number} {direction}",
        f"{_natural(shown)} {direction}",
    ]


def sorting(shown: str) -> str:
    """An SQL text as something whose smallest value comes first in ``ordering``."""
    as_number = f"TRY_CAST({shown} AS DOUBLE)"
    return f"row({as_number} IS NOT NULL, COALESCE({as_number}, 0), {_natural(shown)})"


def _natural(shown: str) -> str:
    return (
        f"list_transform(regexp_extract_all({shown}, '[0-9]+|[^0-9]+'), "
        "lambda part: CASE WHEN part[1] BETWEEN '0' AND '9' THEN lpad(part, 24, '0') ELSE part END)"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
