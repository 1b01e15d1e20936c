"""What a runtime refuses, and why."""

from __future__ import annotations

from typing import Literal

Kind = Literal["unavailable", "unsupported", "invalid", "not-found", "conflict", "failed", "exited"]
"""``unavailable``: no containers on this machine at all. ``unsupported``: this option cannot be had here.
``invalid``: the specification makes no sense (unknown user, no such directory). ``not-found``/``conflict``: by id.
``failed``: the runtime tried and could not. ``exited``: the container is not running any more."""


class ComputeError(Exception):
    """Raised by every operation of a runtime.

    Attributes:
        kind: what a caller may react to.
        message: one line for people, in the words of the runtime where it is its failure.
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
