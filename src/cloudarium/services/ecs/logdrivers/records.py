"""What drivers need of the compute runtime's output streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class LogRecord(Protocol):
    """One line without its line break, or a piece of one; ``time`` in host epoch seconds."""

    @property
    def stream(self) -> str:
        """``stdout`` or ``stderr``."""

    @property
    def time(self) -> float:
        """When it was written."""

    @property
    def data(self) -> bytes:
        """The text."""

    @property
    def partial(self) -> bool:
        """Whether the line goes on in the next record of the same stream."""


class LogStream(Protocol):
    """A container's output from the first record not acknowledged."""

    def __aiter__(self) -> AsyncIterator[list[LogRecord]]:
        """Batches of records."""

    def ack(self) -> None:
        """Everything yielded so far was delivered."""
