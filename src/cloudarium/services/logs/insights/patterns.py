"""Patterns: lines that differ only in what varies, taken together.

Lines come as templates (``compile.templates``), of which there are few however many lines there are. Templates of
equally many words, of which most are the same, become one: the words in which they differ become tokens. Finally the
tokens of a pattern get numbers, as AWS shows them: ``<Time-1> [INFO] stored <ID-2>``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData_Patterns.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import count
from operator import eq
from typing import NamedTuple

_ALIKE = 0.6
"""The part of words that must be the same."""
_COMPARED = 200
"""Patterns of one length with which a template is compared at most."""
_MOST_WORDS = 400
_MOST_WORK = 50_000_000
"""Words that are compared, for a second or two: the rarest of very many different lines stay patterns of their own."""
_WORD = "\1"
"""A word in a shape."""
_SPLIT = re.compile(r"(\s+|[=,;:\"'()\[\]{}|])")
_TOKEN = re.compile(r"<(Time|UUID|IP|ID|Number|Token)>")
_LABELS = {
    "FATAL": "Fatal", "CRITICAL": "Critical", "EMERG": "Critical", "ALERT": "Critical",
    "ERROR": "Error", "ERR": "Error", "WARNING": "Warning", "WARN": "Warning",
    "NOTICE": "Info", "INFO": "Info", "DEBUG": "Debug", "TRACE": "Trace",
}  # fmt: skip
_SEVERITY = re.compile(rf"\b({'|'.join(_LABELS)})\b", re.IGNORECASE)


class Cluster(NamedTuple):
    """A pattern and how often it was found; ``previous`` in the time range that a ``diff`` compares with."""

    pattern: str
    current: int
    ratio: float
    severity: str | None
    previous: int
    change: int


class _Group:
    __slots__ = ("current", "members", "previous", "severity", "shape", "words")

    def __init__(self, shape: str, words: list[str], severity: str | None, current: int, previous: int) -> None:
        self.shape = shape
        self.words = words
        self.severity = severity
        self.current = current
        self.previous = previous
        self.members: list[str] = []

    def alike(self, words: list[str]) -> bool:
        same: int = sum(map(eq, self.words, words))
        return same < len(words) and same / len(words) >= _ALIKE

    def take(self, words: list[str], current: int, previous: int) -> None:
        self.words = [a if a == b else "<Token>" for a, b in zip(self.words, words, strict=True)]
        self.current += current
        self.previous += previous

    def pattern(self) -> str:
        first, *others = self.shape.split(_WORD)
        return first + "".join(word + after for word, after in zip(self.words, others, strict=True))


def severity(text: str) -> str | None:
    """The level that a line names first."""
    found = _SEVERITY.search(text)
    return _LABELS[found[1].upper()] if found else None


def words_of(template: str) -> list[str]:
    """The words of a template and what is between them: templates of one pattern have equally many."""
    return [word for word in _SPLIT.split(template) if word]


def _shape(template: str) -> tuple[str, list[str]]:
    """What a template looks like without its words, and those."""
    parts = _SPLIT.split(template)
    # Every second part is what separates.
    shape = "".join(part if place % 2 else _WORD for place, part in enumerate(parts) if part)
    return shape, [word for word in parts[::2] if word]


def clusters(templates: Iterable[tuple[str, int, int]], check: Callable[[], None] = lambda: None) -> list[Cluster]:
    """Patterns of templates, each with how often it was found now and before. The most frequent should come first.

    ``check`` is called every now and then, and may raise.
    """
    return [cluster for cluster, _ in grouped(templates, check)]


def grouped(
    templates: Iterable[tuple[str, int, int]], check: Callable[[], None] = lambda: None
) -> list[tuple[Cluster, list[str]]]:
    """The same, each with the templates that it is made of."""
    groups: dict[tuple[str, str | None], list[_Group]] = {}
    total = work = 0
    for template, current, previous in templates:
        check()
        total += current
        shape, words = _shape(template)
        level = severity(template)
        # What separates words must be the same everywhere.
        known = groups.setdefault((shape, level), [])
        target = None
        if len(words) <= _MOST_WORDS and work < _MOST_WORK:
            work += len(words) * min(len(known), _COMPARED)
            target = next((group for group in known[:_COMPARED] if group.alike(words)), None)
        if target is not None:
            target.take(words, current, previous)
        else:
            target = _Group(shape, words, level, current, previous)
            known.append(target)
        target.members.append(template)
    merged: dict[str, _Group] = {}
    for group in (each for listed in groups.values() for each in listed):
        pattern = group.pattern()
        if (same := merged.get(pattern)) is not None:
            same.current += group.current
            same.previous += group.previous
            same.members += group.members
        else:
            merged[pattern] = group
    return [
        (
            Cluster(
                _numbered(pattern), group.current, round(group.current / total, 4) if total else 0.0, group.severity,
                group.previous, group.current - group.previous,
            ),
            group.members,
        )
        for pattern, group in merged.items()
    ]  # fmt: skip


def _numbered(pattern: str) -> str:
    numbers = count(1)
    return _TOKEN.sub(lambda found: f"<{found[1]}-{next(numbers)}>", pattern)
