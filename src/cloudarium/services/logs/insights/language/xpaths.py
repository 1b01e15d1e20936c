"""Where in a document of XML a value is: the part of XPath 1.0 that ``parse … XML`` takes.

AWS does not say which part that is. It is paths of elements from the root, ``/a/b`` and ``//b``, with ``*`` for any
name, ``[2]``, ``[@a]`` and ``[@a="b"]`` after a name, and ``@a`` or ``text()`` at the end.
https://www.w3.org/TR/1999/REC-xpath-19991116/#location-paths
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.language.lexer import QueryFault

LONGEST = 500
MOST_STEPS = 20


class Attribute(NamedTuple):
    """A test: whether an element has an attribute, with a value unless that is None."""

    name: str
    value: str | None


class Step(NamedTuple):
    """An element below one: right below, or ``deep``. ``tests`` are made in order; a number is a position."""

    deep: bool
    name: str
    tests: tuple[int | Attribute, ...]


class XPath(NamedTuple):
    """``take`` is what of the element is wanted: its whole text (empty), ``text()``, or ``@name``."""

    steps: tuple[Step, ...]
    take: str = ""


_NAME = r"[^\W\d][\w.-]*(?::[^\W\d][\w.-]*)?"
_STEP = re.compile(rf"(//?)(?:(?P<element>{_NAME}|\*)(?![\w(:])|(?P<take>@{_NAME}|text\(\)))")
_TEST = re.compile(rf"\[\s*(?:([1-9]\d{{0,5}})|@({_NAME})(?:\s*=\s*(?:'([^']*)'|\"([^\"]*)\"))?)\s*\]")


def xpath(text: str, start: int, end: int) -> XPath:
    """A path; raises ``NotThere`` for the rest of XPath. ``start`` and ``end`` are where the query has it."""
    if not text.strip("/ ") or len(text) > LONGEST:
        raise QueryFault(f"an XPath must have between 1 and {LONGEST} characters", start, end)
    text = text.strip()
    # From the root on, where every document is looked at.
    text = text if text.startswith("/") else f"/{text}"
    steps: list[Step] = []
    at, take = 0, ""
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or take or (found["take"] and (not steps or found[1] == "//")):
            raise NotThere(f"The XPath {text[:60]} of parse XML in CloudWatch Logs Insights")
        at, take = found.end(), found["take"] or ""
        tests: list[int | Attribute] = []
        while not take and (test := _TEST.match(text, at)) is not None:
            at = test.end()
            wanted = test[3] if test[3] is not None else test[4]
            tests.append(int(test[1]) if test[1] else Attribute(test[2], wanted))
        if not take:
            steps.append(Step(found[1] == "//", found["element"], tuple(tests)))
    if len(steps) > MOST_STEPS:
        raise QueryFault(f"an XPath may have at most {MOST_STEPS} steps", start, end)
    return XPath(tuple(steps), take)
