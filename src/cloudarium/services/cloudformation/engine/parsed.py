"""Texts of templates as what they mean: each parsed once while it is used, and beside the loop where that takes long.

A template of a megabyte takes a second or more. Its thread lets the loop go on; who only needs it again finds it here.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from cloudarium.services.cloudformation.template import Template, dependencies, parse, read

_LONG = 16_384
"""Characters from which on a text is parsed in a thread: some ten milliseconds."""
_MOST = 4_000_000
"""Characters of all texts that are remembered: what they mean takes several times as much memory."""

T = TypeVar("T")
Given = tuple[tuple[str, str], ...] | None
"""Values of parameters by which loops unfold, sorted; None where a template has no loops."""


class Known:
    """A template, and what follows from it alone."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self._needs: dict[frozenset[str], Mapping[str, frozenset[str]]] = {}

    def needs(self, holding: frozenset[str]) -> Mapping[str, frozenset[str]]:
        """Which resources there are to be while these conditions hold, and what each needs."""
        found = self._needs.get(holding)
        if found is None:
            truths = {name: name in holding for name in self.template.conditions}
            # The last answer is enough: a stack asks for the same one at every step.
            self._needs = {holding: dependencies(self.template, truths)}
            found = self._needs[holding]
        return found


class _Memory:
    """What was used last, up to so many characters of text. Threads use it too."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, Given], Known] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[str, Given]) -> Known | None:
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            return found

    def put(self, key: tuple[str, Given], known: Known) -> None:
        with self._lock:
            if key not in self._known:
                self._size += len(key[0])
            self._known[key] = known
            while self._size > self._most and len(self._known) > 1:
                (text, _), _ = self._known.popitem(last=False)
                self._size -= len(text)


_memory = _Memory(_MOST)


def known(text: str, parameters: Mapping[str, str] | None = None) -> Known:
    """The template of a text; parameters decide how loops in it unfold. Raises ``TemplateError``."""
    found = _known(text, None)
    if parameters is None or not found.template.transforms:
        return found
    return _known(text, _given(parameters))


async def known_soon(text: str, parameters: Mapping[str, str] | None = None) -> Known:
    """The same, without holding up the loop."""
    return await beside(len(text), known, text, parameters) if _is_new(text, parameters) else known(text, parameters)


async def beside(length: int, work: Callable[..., T], *arguments: Any) -> T:
    """Do what takes long for long texts in a thread, and at once for short ones."""
    return work(*arguments) if length < _LONG else await asyncio.to_thread(work, *arguments)


def _known(text: str, given: Given) -> Known:
    found = _memory.get((text, given))
    if found is None:
        found = Known(parse(read(text), None if given is None else dict(given)))
        _memory.put((text, given), found)
    return found


def _is_new(text: str, parameters: Mapping[str, str] | None) -> bool:
    found = _memory.get((text, None))
    if found is None or parameters is None or not found.template.transforms:
        return found is None
    return _memory.get((text, _given(parameters))) is None


def _given(parameters: Mapping[str, str]) -> Given:
    return tuple(sorted(parameters.items()))
