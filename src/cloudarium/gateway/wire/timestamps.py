"""Instants on the wire: the three formats AWS uses, read leniently and written with AWS's precision."""

from __future__ import annotations

import datetime as dt
import re

UTC = dt.UTC
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,12})?([eE]\+?\d{1,2})?", re.ASCII)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE = re.compile(
    r"(?:[A-Za-z]{3,9}, )?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6})\d*)?"
    r"(?: (?:GMT|UTC|\+0000))?",
    re.ASCII,
)


def read_timestamp(value: object) -> dt.datetime:
    """An aware UTC datetime from epoch seconds, ISO 8601 or an HTTP date; raises ``ValueError``."""
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return from_epoch(value)
    if not isinstance(value, str):
        raise ValueError("not a timestamp")
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return from_epoch(float(text))
    match = _HTTP_DATE.fullmatch(text)
    if match:
        return _from_http_date(match)
    parsed = dt.datetime.fromisoformat(text)
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("timestamp out of range") from error


def from_epoch(seconds: float) -> dt.datetime:
    """The instant that many seconds after 1970; raises ``ValueError`` out of the years 1 to 9999."""
    try:
        return EPOCH + dt.timedelta(seconds=seconds)
    except (OverflowError, ValueError) as error:
        raise ValueError("timestamp out of range") from error


def _from_http_date(match: re.Match[str]) -> dt.datetime:
    day, month, year, hour, minute, second, fraction = match.groups()
    if month.title() not in _MONTHS:
        raise ValueError("no such month")
    microsecond = int((fraction or "0").ljust(6, "0"))
    number = _MONTHS.index(month.title()) + 1
    return dt.datetime(int(year), number, int(day), int(hour), int(minute), int(second), microsecond, tzinfo=UTC)


def _utc(value: object) -> dt.datetime:
    """What a service put into an output, as a naive datetime in UTC."""
    if not isinstance(value, dt.datetime):
        value = read_timestamp(value)
    zone = value.tzinfo
    if zone is None:
        return value
    if zone is UTC:
        return value.replace(tzinfo=None)
    return value.astimezone(UTC).replace(tzinfo=None)


def iso8601(value: object) -> str:
    """``2024-05-01T10:00:00Z``, with milliseconds when there are any."""
    naive = _utc(value)
    return naive.isoformat(timespec="milliseconds" if naive.microsecond >= 1000 else "seconds") + "Z"


def iso8601_millis(value: object) -> str:
    """``2024-05-01T10:00:00.000Z``, as EC2 and Elastic Load Balancing write every timestamp."""
    return _utc(value).isoformat(timespec="milliseconds") + "Z"


def epoch(value: object) -> float:
    """Seconds since 1970, to the millisecond."""
    return round((_utc(value).replace(tzinfo=UTC) - EPOCH).total_seconds(), 3)


def epoch_text(value: object) -> str:
    """Seconds since 1970 as text, without a fraction when it is zero."""
    seconds = epoch(value)
    return str(int(seconds)) if seconds == int(seconds) else str(seconds)


def http_date(value: object) -> str:
    """``Wed, 01 May 2024 10:00:00 GMT``."""
    moment = _utc(value)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"
    )


TEXT_FORMATS = {"iso8601": iso8601, "unixTimestamp": epoch_text, "unixtimestamp": epoch_text, "rfc822": http_date}
