"""What calls answered that are to be made once."""

from __future__ import annotations

from typing import Any

MOST = 2_000
"""Answers that are kept. Who asks again does so when it starts after a kill: the last ones are enough."""


class Remembered:
    """The last answers, by where, what and the token."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._answers: dict[tuple[str, ...], dict[str, Any]] = {}

    def get(self, call: dict[str, Any]) -> dict[str, Any] | None:
        """What this call has answered, if it was made under its token."""
        return self._answers.get(_key(call)) if call.get("once") else None

    def keep(self, call: dict[str, Any], answer: dict[str, Any]) -> None:
        """Keep what a call that is made once has answered. An error is no answer: it may be made again."""
        if not call.get("once") or "error" in answer:
            return
        self._answers[_key(call)] = dict(answer)
        if len(self._answers) > self._most:
            del self._answers[next(iter(self._answers))]


def _key(call: dict[str, Any]) -> tuple[str, ...]:
    return tuple(call[name] for name in ("account", "region", "service", "operation", "once"))
