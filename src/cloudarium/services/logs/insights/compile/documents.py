"""Functions of JSON documents.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html#CWL_QuerySyntax-json-functions
"""

from __future__ import annotations

from collections.abc import Sequence

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.makers import Functions
from cloudarium.services.logs.insights.compile.sql import Value, value


def _parsed(given: Sequence[Value]) -> Value:
    if given[0].kind == "json":
        return given[0]
    made = sql.once(sql.text(given[0]), lambda it: f"(CASE WHEN json_valid({it}) THEN json({it}) END)")
    return value(made, "json")


def _stringified(given: Sequence[Value]) -> Value:
    return value(f"CAST({sql.document(given[0])} AS VARCHAR)", "text")


def _array_size(given: Sequence[Value]) -> Value:
    size = "CASE WHEN json_type({0}) = 'ARRAY' THEN json_array_length({0}) END"
    return value(f"CAST({sql.once(_parsed(given).sql, size.format)} AS DOUBLE)", "number")


def _array_contains(given: Sequence[Value]) -> Value:
    elements = sql.once(
        _parsed(given).sql,
        lambda it: f"CASE WHEN json_type({it}) = 'ARRAY' THEN json_extract_string({it}, '$[*]') END",
    )
    return value(f"COALESCE(list_contains({elements}, {sql.scalar(given[1])}), false)", "bool")


FUNCTIONS: Functions = {
    "jsonparse": (1, 1, _parsed),
    "jsonstringify": (1, 1, _stringified),
    "jsonarraysize": (1, 1, _array_size),
    "jsonarraycontains": (2, 2, _array_contains),
}
