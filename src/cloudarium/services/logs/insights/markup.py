"""Values out of documents of XML, for ``parse … XML``.

Whoever writes a log event may write any document. Expat reads it in one pass and keeps nothing; a document type is
where entities are defined, so a document that has one is not read any further. Names are taken as they are written,
with a prefix if they have one: those who write a path see the document, not where its namespaces are declared.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias
from xml.parsers import expat

from cloudarium.services.logs.insights.arrow import Column, Relation, Texts
from cloudarium.services.logs.insights.language.xpaths import Step, XPath
from cloudarium.services.logs.storage.batch import offsets_of

LARGEST = 1 << 20
"""Bytes of a document: no event is larger."""


_Open: TypeAlias = "tuple[tuple[int, ...], dict[tuple[int, int], int], bool]"
_NOTHING: _Open = ((), {}, False)


class _Refused(Exception):
    pass


class _Finder:
    """One path in one document: Expat's handlers, which leave Expat alone once ``value`` is found.

    Of every element that is open it is known which steps of the path are to be tried on its children, how often those
    met a test of a position, and whether the path leads to it.
    """

    def __init__(self, path: XPath) -> None:
        self._path = path
        self._open: list[_Open] = [((0,), {}, False)]
        self._parts: list[str] = []
        self._whole = 0
        """How many elements are open up to the one whose whole text is taken."""
        self.value: str | None = None
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse

    def read(self, data: bytes) -> str | None:
        """What is found; raises for what is no document, or one with a document type."""
        parser = self._parser
        try:
            parser.Parse(data, True)
        finally:
            # Each holds the other: neither would go before the garbage collector comes.
            del self._parser
        return self.value

    def _found(self, value: str) -> None:
        # Only whether the rest is well-formed is still to be seen.
        self.value, parser = value, self._parser
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None

    def _refuse(self, *_: object) -> None:
        raise _Refused

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._parts and not self._whole:
            self._found("".join(self._parts))
            return
        tried, counts, _ = self._open[-1]
        path, leads = self._path.steps, False
        steps: list[int] = []
        for place in tried:
            step = path[place]
            if step.deep and place not in steps:
                steps.append(place)
            if step.name not in (name, "*") or (step.tests and not _met(step, place, attributes, counts)):
                continue
            if place + 1 == len(path):
                leads = True
            elif place + 1 not in steps:
                steps.append(place + 1)
        self._open.append((tuple(steps), {}, leads) if steps or leads else _NOTHING)
        if leads and not self._whole:
            self._led(attributes)

    def _led(self, attributes: dict[str, str]) -> None:
        take = self._path.take
        if take.startswith("@"):
            if (value := attributes.get(take[1:])) is not None:
                self._found(value)
            return
        if not take:
            self._whole = len(self._open)
        self._parser.CharacterDataHandler = self._text

    def _end(self, _name: str) -> None:
        if self._whole == len(self._open) or (self._parts and not self._whole):
            self._found("".join(self._parts))
        else:
            self._open.pop()

    def _text(self, text: str) -> None:
        if self._whole or self._open[-1][2]:
            self._parts.append(text)


def _met(step: Step, place: int, attributes: dict[str, str], counts: dict[tuple[int, int], int]) -> bool:
    for number, test in enumerate(step.tests):
        if isinstance(test, int):
            count = counts[place, number] = counts.get((place, number), 0) + 1
            if count != test:
                return False
        elif test.name not in attributes or test.value not in (None, attributes[test.name]):
            return False
    return True


def values(document: str, paths: Sequence[XPath]) -> list[str | None]:
    """What each path leads to first; nothing at all in what is not well-formed, too large, or has a document type."""
    data = document.strip().encode()
    try:
        if len(data) <= LARGEST:
            return [_Finder(path).read(data) for path in paths]
    except (_Refused, expat.ExpatError):
        pass
    return [None] * len(paths)


def read(
    rows: Iterable[Sequence[tuple[int, str]]], paths: Sequence[XPath], most: int, check: Callable[[], None]
) -> Relation:
    """What paths lead to in documents with numbers: a relation of ``place`` and texts ``v0``, ``v1`` and so on.

    A text is as ``taken`` takes it. Raises RuntimeError for more than ``most`` characters; ``check`` may raise, too.
    """
    batches: list[Sequence[Column]] = []
    size = 0
    for some in rows:
        places, listed = array("q"), []
        for place, document in some:
            check()
            found = values(document, paths)
            if any(value is not None for value in found):
                places.append(place)
                listed.append(found)
                size += sum(len(value) for value in found if value is not None)
        if size > most:
            raise RuntimeError(f"what parse XML finds is larger than {most >> 20} MiB: filter first")
        if listed:
            batches.append([places, *(_texts(column) for column in zip(*listed, strict=True))])
    names = [("place", int), *((f"v{number}", str) for number in range(len(paths)))]
    return Relation(names, lambda: iter(batches))


def _texts(found: Sequence[str | None]) -> Texts:
    # Texts cannot be missing: those that are not have a character more.
    encoded = [b"" if text is None else b"=" + text.encode() for text in found]
    return Texts(offsets_of(map(len, encoded)), b"".join(encoded))


def taken(number: int) -> str:
    """SQL for a text of what ``read`` gives; NULL where there is none."""
    return f"CASE WHEN v{number} <> '' THEN substring(v{number}, 2) END"
