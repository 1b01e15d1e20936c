"""The time range that a ``diff`` compares with.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData_Compare.html: always as long as the query's.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

_DAY = 86_400_000


def before(modifier: str | int, start: int, end: int) -> tuple[int, int]:
    """First and last millisecond of the range that ``modifier`` means; ``start`` and ``end`` are inclusive.

    A number is milliseconds (``logcompare``).
    """
    match modifier:
        case int():
            shift = modifier
        case "previousDay":
            shift = _DAY
        case "previousWeek":
            shift = 7 * _DAY
        case "previousMonth":
            shift = start - _month_before(start)
        case _:
            shift = end - start + 1
    return start - shift, end - shift


def _month_before(milliseconds: int) -> int:
    if milliseconds < 32 * _DAY:
        return milliseconds - 30 * _DAY
    when = datetime.fromtimestamp(milliseconds // 1000, UTC)
    year, month = (when.year, when.month - 1) if when.month > 1 else (when.year - 1, 12)
    day = min(when.day, calendar.monthrange(year, month)[1])
    return int(when.replace(year=year, month=month, day=day).timestamp()) * 1000 + milliseconds % 1000
