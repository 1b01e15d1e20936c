"""Results as the API gives them: every value a text, nothing for what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudarium.services.logs.eventids import pointer
from cloudarium.services.logs.insights.compile.plan import Plan
from cloudarium.services.logs.insights.compile.sql import Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rows(plan: Plan, found: Iterable[Sequence[Any]]) -> list[list[tuple[str, str]]]:
    """Fields and values of each result, in order; events have ``@ptr`` at the end."""
    count = len(plan.columns)
    made = []
    for row in found:
        fields = [
            (column.name, shown(value, column.kind))
            for column, value in zip(plan.columns, row[:count], strict=True)
            if value is not None
        ]
        if plan.pointers:
            fields.append(("@ptr", pointer(*row[count : count + 3])))
        made.append(fields)
    return made


def shown(value: Any, kind: Kind) -> str:
    """One value."""
    match kind:
        case "time":
            return moment(value)
        case "bool":
            return "1" if value else "0"
        case "number":
            return number(value)
        case _:
            return str(value)


def moment(milliseconds: int) -> str:
    """``2021-01-01 00:00:00.000``."""
    try:
        when = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return str(milliseconds)
    return when.strftime("%Y-%m-%d %H:%M:%S.") + f"{when.microsecond // 1000:03d}"


def number(value: float) -> str:
    """At most four decimals, and none that are zero."""
    if isinstance(value, int):
        return str(value)
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
