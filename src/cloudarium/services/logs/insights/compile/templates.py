"""What varies in a line, taken out of it in SQL; ``patterns`` goes on from there.

Finding out what kind of thing varies takes many expressions. So lines are first brought together by a coarse form that
takes two, and only one line of each form is looked at closely.
"""

from __future__ import annotations

from cloudarium.services.logs.insights.compile.sql import literal

MOST = 20_000
"""Different templates that are looked at, the most frequent ones."""
UUID = r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
ID = (
    r"\b(?:0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}|[0-9]+[a-zA-Z]+[0-9]+[0-9a-zA-Z]*|[a-zA-Z]+[0-9]+[a-zA-Z]+[0-9a-zA-Z]*)"
    r"(?:-[0-9a-zA-Z]*[0-9][0-9a-zA-Z]*)*\b"
)
NUMBER = r"\b\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b"
_KINDS = (
    ("Time", r"\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|\s?[+-]\d\d:?\d\d)?)?"),
    ("Time", r"\d{1,2}/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?"),
    ("Time", r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"),
    ("UUID", UUID),
    ("IP", r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"),
    ("ID", ID),
    ("Number", NUMBER),
)


COMPOSED = tuple(pattern for kind, pattern in _KINDS if kind in ("Time", "IP"))
"""What has numbers in it that mean nothing on their own."""


def without_ids(text: str) -> str:
    """An SQL text in which identifiers, which may have digits in them, are but a sign."""
    return f"regexp_replace({text}, {literal(f'{UUID}|{ID}')}, '#', 'g')"


def form(text: str) -> str:
    """An SQL text in its coarse form."""
    return f"regexp_replace({without_ids(text)}, {literal(NUMBER)}, '0', 'g')"


def template(text: str) -> str:
    """An SQL text with ``<Time>``, ``<ID>`` and the like in place of what varies."""
    for kind, pattern in _KINDS:
        text = f"regexp_replace({text}, {literal(pattern)}, {literal(f'<{kind}>')}, 'g')"
    return text
