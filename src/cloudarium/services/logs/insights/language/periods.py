"""Periods such as ``5m``, with every unit and abbreviation that is documented for ``bin``."""

from __future__ import annotations

import re

from cloudarium.services.logs.insights.language.lexer import QueryFault, Token

MILLISECONDS = {
    "millisecond": 1,
    "second": 1_000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 7 * 86_400_000,
}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
_CAPS = {"millisecond": 1_000, "second": 60, "minute": 60, "hour": 24}
_WRITTEN = {
    "millisecond": ("ms", "msec"),
    "second": ("s", "sec"),
    "minute": ("m", "min"),
    "hour": ("h", "hr"),
    "day": ("d",),
    "week": ("w",),
    "month": ("mo", "mon"),
    "quarter": ("q", "qtr"),
    "year": ("y", "yr"),
}
UNITS = {name: unit for unit, names in _WRITTEN.items() for name in (unit, *names)}
_PERIOD = re.compile(r"(\d+)(\D+)")
_MOST = 100_000_000
_MOST_MONTHS = 1_000


def period(token: Token) -> tuple[int, str]:
    """Count and unit of a token; raises ``QueryFault`` for a unit that there is not."""
    found = _PERIOD.fullmatch(token.text)
    unit = None
    if found is not None:
        name = found[2].lower()
        # Names of more than one letter may be in the plural.
        unit = UNITS.get(name) or (UNITS.get(name[:-1]) if len(name) > 2 and name.endswith("s") else None)
    most = _MOST_MONTHS if unit in MONTHS else _MOST
    if found is None or unit is None or not 0 < len(found[1]) < 10 or not 0 < int(found[1]) <= most:
        raise QueryFault(f"invalid time period: {token.text[:60]}", token.start, token.end)
    return int(found[1]), unit


def capped(count: int, unit: str) -> int:
    """The count that datetime functions take instead: for AWS, ``300s`` in them are 60 seconds."""
    return min(count, _CAPS.get(unit, count))
