"""Results as the API gives them, and as they are kept: every value a text, nothing for what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from cloudarium.services.logs.eventids import pointer
from cloudarium.services.logs.insights.compile.plan import Plan
from cloudarium.services.logs.insights.compile.sql import Kind

Row = list[tuple[str, str]]
_DECODER = msgspec.json.Decoder(Row)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rows(plan: Plan, found: Iterable[Sequence[Any]]) -> Iterator[Row]:
    """Fields and values of each result, in order; events have ``@ptr`` at the end."""
    count = len(plan.columns)
    for row in found:
        fields = [
            (column.name, shown(value, column.kind))
            for column, value in zip(plan.columns, row[:count], strict=True)
            if value is not None
        ]
        if plan.pointers:
            fields.append(("@ptr", pointer(*row[count : count + 3])))
        yield fields


def write(path: Path, found: Iterable[Row]) -> int:
    """Put results into a file, which is there once it is whole; how many there are."""
    temporary, count = path.with_suffix(".tmp"), 0
    with temporary.open("wb") as file:
        for row in found:
            # A text has no break of a line in JSON.
            file.write(msgspec.json.encode(row) + b"\n")
            count += 1
    temporary.rename(path)
    return count


def read(path: Path, start: int, count: int) -> list[Row]:
    """Some of the results of a file, from number ``start`` on; none of a file that is gone."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        return [_DECODER.decode(line) for line in islice(file, start, start + count)]


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
