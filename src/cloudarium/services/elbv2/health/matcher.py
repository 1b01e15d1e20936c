"""Which status codes mean healthy: ``200``, ``200,202``, ``200-299``, or a mix."""

from __future__ import annotations

import re

_PART = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")


class Matcher:
    """A compiled matcher. Raises ``ValueError`` for a malformed one or codes outside ``low`` to ``high``."""

    __slots__ = ("_codes",)

    def __init__(self, text: str, low: int = 0, high: int = 999) -> None:
        codes: set[int] = set()
        for part in text.split(","):
            found = _PART.fullmatch(part.strip())
            if found is None:
                raise ValueError(text)
            first = int(found[1])
            last = int(found[2] or first)
            if not low <= first <= last <= high:
                raise ValueError(text)
            codes.update(range(first, last + 1))
        self._codes = frozenset(codes)

    def __contains__(self, code: int) -> bool:
        return code in self._codes
