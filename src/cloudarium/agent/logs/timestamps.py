"""Timestamps in log lines: ``%b %d %H:%M:%S`` becomes an expression that finds one, and a reading of what it found.

The two agents document slightly different symbols; a format with another symbol is refused when it is compiled.
Month and day names are English, as in both agents' documentation. Without a year in the format, the year is the
current one, or the one before where that would lie in the future. The expressions are ours and run in linear time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import re2

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_SHORT = {name[:3].lower(): number for number, name in enumerate(_MONTHS, 1)}

_SYMBOLS = {
    "y": r"(?P<y>\d{2})",
    "Y": r"(?P<Y>\d{4})",
    "b": f"(?P<b>{'|'.join(name[:3] for name in _MONTHS)})",
    "B": f"(?P<B>{'|'.join(_MONTHS)})",
    "m": r"(?P<m>\d{2})",
    "-m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>[ 0-3]?\d)",
    "-d": r"(?P<d>\d{1,2})",
    "A": f"(?:{'|'.join(_DAYS)})",
    "a": f"(?:{'|'.join(name[:3] for name in _DAYS)})",
    "H": r"(?P<H>\d{2})",
    "I": r"(?P<I>\d{2})",
    "-I": r"(?P<I>\d{1,2})",
    "l": r"(?P<I>[ \d]?\d)",
    "-l": r"(?P<I>\d{1,2})",
    "p": r"(?P<p>[AaPp][Mm])",
    "M": r"(?P<M>\d{2})",
    "-M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{2})",
    "-S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,9})",
    "Z": r"(?P<Z>[A-Za-z]{1,5})",
    "z": r"(?P<z>Z|[+-]\d{4})",
    "%": "%",
}
_NEW_ONLY = {"-m", "-d", "-I", "-l", "-M", "-S"}
_OLD = {"j": r"(?P<j>\d{3})", "w": r"\d", "U": r"\d{2}", "W": r"\d{2}"}
_AHEAD = timedelta(days=2)


class Timestamps:
    """Finds and reads the timestamps of one format. Raises ValueError for a format it cannot read."""

    def __init__(self, form: str, *, utc: bool = False, older_agent: bool = False) -> None:
        symbols = dict(_SYMBOLS)
        if older_agent:
            symbols = {name: found for name, found in symbols.items() if name not in _NEW_ONLY} | _OLD
        self.pattern = _pattern(form, symbols)
        self._find = re2.compile(self.pattern)
        self._utc = utc

    def find(self, line: str, now: datetime) -> tuple[datetime, int, int] | None:
        """The first timestamp in a line with its place, or None. ``now`` (with a zone) completes what is missing."""
        found = self._find.search(line)
        if found is None:
            return None
        try:
            when = _read(found.groupdict(), now, UTC if self._utc else None)
        except (ValueError, OverflowError, OSError):
            return None
        return when, found.start(), found.end()


def _pattern(form: str, symbols: dict[str, str]) -> str:
    parts: list[str] = []
    groups: set[str] = set()
    at = 0
    while at < len(form):
        if form[at] != "%":
            parts.append(re2.escape(form[at]))
            at += 1
            continue
        name = form[at + 1 : at + 3] if form[at + 1 : at + 2] == "-" else form[at + 1 : at + 2]
        if name not in symbols:
            raise ValueError(f"%{name} is not a supported symbol of a timestamp format")
        found = symbols[name]
        if found.startswith("(?P<"):
            if found[4] in groups:
                raise ValueError(f"%{name} says again what the timestamp format says before")
            groups.add(found[4])
        parts.append(found)
        at += 1 + len(name)
    if not groups:
        raise ValueError("the timestamp format has no symbol that tells a time")
    return "".join(parts)


def _read(found: dict[str, Any], now: datetime, zone: tzinfo | None) -> datetime:
    def number(name: str, otherwise: int) -> int:
        return int(found[name]) if found.get(name) is not None else otherwise

    if found.get("z"):
        zone = UTC if found["z"] == "Z" else _offset(found["z"])
    elif found.get("Z") and found["Z"].upper() in ("UTC", "GMT", "Z"):
        zone = UTC
    here = now.astimezone(zone)
    year = number("Y", 0)
    if found.get("y") is not None:
        short = int(found["y"])
        year = short + (1900 if short >= 69 else 2000)
    name = found.get("b") or found.get("B")
    has_date = name is not None or any(found.get(each) is not None for each in ("m", "d", "j"))
    month = _SHORT[name[:3].lower()] if name else number("m", 1 if has_date or year else here.month)
    day = number("d", 1 if has_date or year else here.day)
    hour = number("H", 0)
    if found.get("I") is not None:
        hour = int(found["I"]) % 12 + (12 if (found.get("p") or "am").lower() == "pm" else 0)
    fraction = int((found.get("f") or "0").ljust(9, "0")[:6])

    def at(which: int) -> datetime:
        when = datetime(which, month, day, hour, number("M", 0), min(number("S", 0), 59), fraction, tzinfo=zone)
        when += timedelta(days=number("j", 1) - 1) if found.get("j") is not None else timedelta()
        return when.astimezone(UTC)

    if year:
        return at(year)
    try:
        when = at(here.year)
    except ValueError:  # 29 February, read in the year after
        return at(here.year - 1)
    return at(here.year - 1) if when - now > _AHEAD and has_date else when


def _offset(text: str) -> timezone:
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5])))
