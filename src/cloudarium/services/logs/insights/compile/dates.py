"""Times: the beginnings of periods, and how times are read and written.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html#CWL_QuerySyntax-datetime
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.makers import Functions, literally
from cloudarium.services.logs.insights.compile.sql import Value, value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault
from cloudarium.services.logs.insights.language.periods import MILLISECONDS, MONTHS

_WEEK_SHIFT = 3 * 86_400_000
"""1970-01-01 was a Thursday: weeks begin on the Monday before."""


def floored(moment: str, period: tree.Period) -> str:
    """The beginning of the period that an SQL time is in."""
    if period.unit in MONTHS:
        months = period.count * MONTHS[period.unit]
        when = f"make_timestamp({moment} * 1000)"
        index = f"((year({when}) - 1970) * 12 + month({when}) - 1) // {months} * {months}"
        return f"epoch_ms(TIMESTAMP '1970-01-01' + to_months(CAST({index} AS INTEGER)))"
    length = period.count * MILLISECONDS[period.unit]
    shift = _WEEK_SHIFT if period.unit == "week" else 0
    return f"(({moment} + {shift}) // {length} * {length} - {shift})" if shift else f"({moment} // {length} * {length})"


def ceiled(moment: str, period: tree.Period) -> str:
    """The beginning of the next period, or the time itself where it is one."""
    start = floored(moment, period)
    if period.unit in MONTHS:
        months = period.count * MONTHS[period.unit]
        after = f"epoch_ms(make_timestamp({start} * 1000) + to_months({months}))"
    else:
        after = f"({start} + {period.count * MILLISECONDS[period.unit]})"
    return f"(CASE WHEN {start} = {moment} THEN {moment} ELSE {after} END)"


def _from_millis(given: Sequence[Value]) -> Value:
    return value(sql.moment(value(sql.number(given[0]), "number")), "time")


def _to_millis(given: Sequence[Value]) -> Value:
    return value(sql.moment(given[0]), "number")


# -- zones -------------------------------------------------------------------------------------------------------------

_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d\d?)(?::?([0-5]\d))?")


class _Zone(NamedTuple):
    """A zone by its name, or minutes east of Greenwich."""

    name: str
    minutes: int = 0

    def local(self, moment: str) -> str:
        """SQL for the wall clock's TIMESTAMP at an SQL time in milliseconds."""
        if self.name:
            return f"timezone({sql.literal(self.name)}, to_timestamp({moment} / 1000.0))"
        return f"make_timestamp(({moment} + {self.minutes * 60_000}) * 1000)"

    def milliseconds(self, local: str) -> str:
        """The reverse."""
        if self.name:
            return f"epoch_ms(timezone({sql.literal(self.name)}, {local}))"
        return f"(epoch_ms({local}) - {self.minutes * 60_000})"


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - {"localtime"})


def _zone(given: Sequence[Value]) -> _Zone:
    """The third argument, or UTC."""
    if len(given) < 3:
        return _Zone("")
    name = literally(given[2], "A time zone")
    if name in ("UTC", "GMT", "Z"):
        return _Zone("")
    if (found := _OFFSET.fullmatch(name)) is not None and int(found[2]) <= 18:
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        return _Zone("", -minutes if found[1] == "-" else minutes)
    if name not in _zones():
        raise QueryFault(f"invalid time zone: {name[:60]}", 0, 0)
    return _Zone(name)


# -- formats -----------------------------------------------------------------------------------------------------------

_LETTERS = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']", re.DOTALL)
_JAVA = {
    "y": {2: "%y", 4: "%Y"}, "u": {4: "%Y"}, "M": {1: "%m", 2: "%m", 3: "%b", 4: "%B"},
    "L": {1: "%m", 2: "%m", 3: "%b", 4: "%B"}, "d": {1: "%d", 2: "%d"}, "D": {1: "%j", 3: "%j"},
    "H": {1: "%H", 2: "%H"}, "h": {1: "%I", 2: "%I"}, "m": {1: "%M", 2: "%M"}, "s": {1: "%S", 2: "%S"},
    "S": {1: "%f", 2: "%f", 3: "%g", 6: "%f", 9: "%n"}, "n": {}, "a": {1: "%p"},
    "E": {1: "%a", 2: "%a", 3: "%a", 4: "%A"}, "Z": {1: "%z", 2: "%z", 3: "%z"},
    "X": {1: "%z", 2: "%z", 3: "%z"}, "x": {1: "%z", 2: "%z", 3: "%z"},
}  # fmt: skip
"""What letters of Java's DateTimeFormatter are in strptime, by how many there are of them."""


def _parse_date(given: Sequence[Value]) -> Value:
    """``parseDate(text, pattern[, zone])``: milliseconds. The zone is that of texts that say none themselves."""
    pattern, zone = literally(given[1], "A pattern of dates"), _zone(given)
    made, zoned = _strptime(pattern)
    text = sql.scalar(given[0])
    if zoned and pattern.rstrip("'").endswith("X"):
        # The letter X also takes a Z for Greenwich.
        text = f"regexp_replace({text}, 'Z$', '+00')"
    found = f"try_strptime({text}, {sql.literal(made)})"
    return value(f"epoch_ms({found})" if zoned else zone.milliseconds(found), "number")


def _strptime(pattern: str) -> tuple[str, bool]:
    """A pattern of Java as one of strptime, and whether it has a zone."""
    made, letters, at = [], set(), 0
    for found in _LETTERS.finditer(pattern):
        if found.start() != at:
            break
        at = found.end()
        if found[1] is not None:
            made.append((found[1].replace("''", "'") or "'").replace("%", "%%"))
            continue
        letter = found[2]
        if letter is None:
            if found[0] in "[]{}#":
                raise NotThere(f"{found[0]} in a pattern of parseDate of CloudWatch Logs Insights")
            made.append("%%" if found[0] == "%" else found[0])
            continue
        part = _JAVA.get(letter, {}).get(len(found[0])) or (_JAVA[letter][4] if letter in "yu" else "")
        if not part:
            raise NotThere(f"{found[0][:20]} in a pattern of parseDate of CloudWatch Logs Insights")
        letters.add("y" if letter == "u" else letter)
        made.append(part)
    if at != len(pattern):
        raise QueryFault("unterminated quote in the pattern of parseDate", 0, 0)
    if "y" not in letters:
        raise NotThere("A pattern of parseDate without a year in CloudWatch Logs Insights")
    return "".join(made), bool(letters & set("ZXx"))


_AS_THEY_ARE = frozenset("aAbBdHIjmMpSfUwWyYGVu")
_ALSO = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "D": "%m/%d/%y", "R": "%H:%M", "h": "%b", "n": "\n", "t": "\t", "%": "%%"}
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)


def _format_date(given: Sequence[Value]) -> Value:
    """``formatDate(time, format[, zone])``, the format being one of strftime as C has it."""
    written, zone = literally(given[1], "A format of dates"), _zone(given)
    return value(sql.once(sql.moment(given[0]), lambda it: _formatted(it, written, zone)), "text")


def _formatted(moment: str, written: str, zone: _Zone) -> str:
    """An SQL time in milliseconds as a text."""
    local = zone.local(moment)
    parts: list[str] = []
    plain, at = "", 0

    def flush() -> None:
        nonlocal plain
        if plain:
            parts.append(f"strftime({local}, {sql.literal(plain)})")
        plain = ""

    for found in _DIRECTIVE.finditer(written):
        plain += written[at : found.start()]
        at = found.end()
        letter = found[1]
        if letter in ("z", "Z", "s"):
            flush()
            parts.append(_special(letter, moment, local, zone))
        elif letter in _AS_THEY_ARE:
            plain += found[0]
        elif letter in _ALSO:
            plain += _ALSO[letter]
        else:
            raise NotThere(f"{found[0]} in a format of formatDate of CloudWatch Logs Insights")
    plain += written[at:]
    flush()
    return f"(CASE WHEN {moment} IS NOT NULL THEN {' || '.join(parts) or sql.literal('')} END)"


def _special(letter: str, moment: str, local: str, zone: _Zone) -> str:
    if letter == "s":
        return f"CAST({moment} // 1000 AS VARCHAR)"
    if letter == "Z":
        if zone != _Zone(""):
            raise NotThere("%Z in a format of formatDate with a zone other than UTC in CloudWatch Logs Insights")
        return "'UTC'"
    minutes = f"CAST((epoch_ms({local}) - {moment}) // 60000 AS BIGINT)"
    sign = f"CASE WHEN {minutes} < 0 THEN '-' ELSE '+' END"
    return f"printf('%s%02d%02d', {sign}, abs({minutes}) // 60, abs({minutes}) % 60)"


FUNCTIONS: Functions = {
    "frommillis": (1, 1, _from_millis),
    "tomillis": (1, 1, _to_millis),
    "parsedate": (2, 3, _parse_date),
    "formatdate": (2, 3, _format_date),
    "strftime": (2, 3, _format_date),
}
