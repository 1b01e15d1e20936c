"""A request's body, read piece by piece by a handler, with backpressure to the client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class BodyIncomplete(Exception):
    """The client went away, or sent garbage, before its body was complete."""


class BodyStream:
    """An asynchronous iterator over the pieces of a body. One reader."""

    __slots__ = ("_buffered", "_ended", "_error", "_pause", "_pieces", "_resume", "_waiter", "high_water")

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None], high_water: int = 256 * 1024) -> None:
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._ended = False
        self._error = ""
        self._pause = pause
        self._resume = resume
        self._waiter: asyncio.Future[None] | None = None
        self.high_water = high_water
        """Bytes held before the client is paused."""

    def feed(self, piece: bytes) -> None:
        """The server's: one more piece."""
        if piece:
            self._pieces.append(piece)
            self._buffered += len(piece)
            if self._buffered >= self.high_water:
                self._pause()
            self._wake()

    def end(self, error: str = "") -> None:
        """The server's: there will be no more, for the reason given when it is not complete."""
        self._ended = True
        self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> BodyStream:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._error:
                raise BodyIncomplete(self._error)
            if self._ended:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        piece = self._pieces.popleft()
        was_full = self._buffered >= self.high_water
        self._buffered -= len(piece)
        if was_full and self._buffered < self.high_water:
            self._resume()
        return piece
