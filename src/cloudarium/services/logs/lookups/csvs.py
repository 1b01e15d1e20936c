"""CSV as RFC 4180 has it, read a line at a time.

Python's own reader would take a line of ten megabytes in one step in which nothing else of the process runs; here a
thread that reads can always be interrupted, and reading ends at the first thing that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

MOST_BYTES = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Lookup.html"""
MOST_COLUMNS = 1_000
"""Ours: AWS names no number, but a header of a million names would be in every listing."""

_SPECIAL = re.compile(r'[",\r\n]')


class BadCsv(ValueError):
    """What is wrong with a text as a lookup table, as a sentence for the caller."""


def header(text: str) -> tuple[str, ...]:
    """The names in the first line. Raises ``BadCsv`` when they cannot be a table's."""
    names = next(records(text, MOST_COLUMNS), None)
    if names is None:
        raise BadCsv("The CSV content must include a header row with column names.")
    seen: set[str] = set()
    for place, name in enumerate(names, 1):
        if not name.strip():
            raise BadCsv(f"Column {place} of the header row has no name.")
        if name in seen:
            raise BadCsv(f"The header row has the column '{name[:100]}' more than once.")
        seen.add(name)
    return tuple(names)


def count(text: str) -> tuple[tuple[str, ...], int]:
    """Column names, and how many rows there are below them. Raises ``BadCsv`` when any row is not as it must be."""
    if "\0" in text:
        raise BadCsv("The CSV content contains a NUL character.")
    names = header(text)
    return names, sum(1 for _ in rows(text, names))


def rows(text: str, names: Sequence[str]) -> Iterator[list[str]]:
    """The rows below the header, each with as many values as there are ``names``."""
    width = len(names)
    found = records(text, width)
    next(found, None)
    for place, row in enumerate(found, 1):
        if len(row) != width:
            raise BadCsv(f"Row {place} has {len(row)} values, but the header row has {width} columns.")
        yield row


def records(text: str, most: int) -> Iterator[list[str]]:
    """Every record, header and all; lines with nothing in them are none. Raises ``BadCsv``, also beyond ``most``."""
    at, end, line = (1 if text.startswith("\ufeff") else 0), len(text), 1
    while at < end:
        stop = text.find("\n", at)
        stop = end if stop < 0 else stop
        if text.find('"', at, stop) < 0:
            whole, at = text[at:stop].removesuffix("\r"), stop + 1
            if not whole:
                continue
            found = whole.split(",", most)
        else:
            found, at = _quoted(text, at, line, most)
        if len(found) > most:
            raise BadCsv(f"Record {line} has more than {most} values.")
        line += 1
        yield found


def _quoted(text: str, at: int, line: int, most: int) -> tuple[list[str], int]:
    """A record with quotes in it, and where the next one begins."""
    found: list[str] = []
    end = len(text)
    while len(found) <= most:
        if text.startswith('"', at):
            value, at = _within(text, at + 1, line)
            if at < end and text[at] not in ",\r\n":
                raise BadCsv(f"Record {line} has something after a closing quote.")
            found.append(value)
            if text.startswith("\r\n", at):
                at += 1
        else:
            stop = text.find("\n", at)
            stop = end if stop < 0 else stop
            comma = text.find(",", at, stop)
            value = text[at : comma if comma >= 0 else stop]
            found.append(value if comma >= 0 else value.removesuffix("\r"))
            at = comma if comma >= 0 else stop
        if not text.startswith(",", at):
            return found, at + 1
        at += 1
    return found, end


def _within(text: str, begin: int, line: int) -> tuple[str, int]:
    """What is between quotes from ``begin`` on, and the place after the closing one. Two quotes stand for one."""
    at = begin
    while True:
        close = text.find('"', at)
        if close < 0:
            raise BadCsv(f"A quote that is opened in record {line} is never closed.")
        if not text.startswith('"', close + 1):
            return text[begin:close].replace('""', '"'), close + 1
        at = close + 2


def written(names: Sequence[str], found: Iterable[Sequence[str]]) -> str:
    """Names and rows as CSV, of which ``rows`` makes the same rows again."""
    return "".join(_line(row) for row in (names, *found))


def _line(row: Sequence[str]) -> str:
    if len(row) == 1 and not row[0]:
        # A line with nothing in it would be no record.
        return '""\n'
    return ",".join('"' + value.replace('"', '""') + '"' if _SPECIAL.search(value) else value for value in row) + "\n"
