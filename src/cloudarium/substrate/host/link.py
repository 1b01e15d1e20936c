"""Questions and answers over a SOCK_SEQPACKET socket, on the running loop: to the host agent, init, and each shim."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from cloudarium.substrate.host import wire


class Link:
    """Messages of ``wire``: its peers have no asyncio, and do not speak ``kernel.channel``'s fragments.

    Args:
        sock: taken over.
        peer: who is at the other end, for errors.
        refusal: the exception that an answer stands for; None when it is a good one.
        on_event: gets what is no answer.
        on_lost: called when the peer is gone.
    """

    def __init__(
        self,
        sock: socket.socket,
        peer: str,
        refusal: Callable[[dict[str, Any]], Exception | None],
        on_event: Callable[[dict[str, Any]], object] | None = None,
        on_lost: Callable[[], object] | None = None,
    ) -> None:
        self._sock = sock
        self._peer = peer
        self._refusal = refusal
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._on_lost = on_lost
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[dict[str, Any], list[int]]]] = {}
        self._outgoing: deque[tuple[bytes, Sequence[int]]] = deque()
        self.closed = False
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._read)

    async def ask(self, fds: Sequence[int] = (), **request: Any) -> tuple[dict[str, Any], list[int]]:
        """The answer and its descriptors, the caller's to close. ``fds`` stay the caller's.

        Raises what the answer stands for, and ConnectionResetError when the peer is gone.
        """
        id_ = next(self._ids)
        future: asyncio.Future[tuple[dict[str, Any], list[int]]] = self._loop.create_future()
        self._waiting[id_] = future
        try:
            self._post({"id": id_, **request}, fds)
            answer, received = await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                wire.discard(future.result()[1])  # answered between the cancelling and now
            raise
        finally:
            # A late answer to someone who stopped waiting finds nobody here, and its descriptors are closed on arrival.
            self._waiting.pop(id_, None)
        if (error := self._refusal(answer)) is not None:
            wire.discard(received)
            raise error
        return answer, received

    def tell(self, **request: Any) -> None:
        """Say something that needs no answer; nothing when the peer is gone."""
        if not self.closed:
            self._post({"id": 0, **request}, ())

    def close(self) -> None:
        """Hang up; ``on_lost`` is not called."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(self._gone())
        self._waiting.clear()

    def _post(self, message: dict[str, Any], fds: Sequence[int]) -> None:
        if self.closed:
            raise self._gone()
        # The descriptors are the caller's until the answer comes, and that is after they were sent.
        self._outgoing.append((wire.encode(message), fds))
        if len(self._outgoing) == 1:
            self._write()

    def _write(self) -> None:
        while self._outgoing:
            data, fds = self._outgoing[0]
            try:
                wire.send(self._sock, data, list(fds))
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._write_more)
                return
            except OSError:
                self._loop.call_soon(self._lost)
                return
            self._outgoing.popleft()

    def _write_more(self) -> None:
        self._loop.remove_writer(self._sock.fileno())
        self._write()

    def _read(self) -> None:
        for _ in range(64):
            if self.closed:
                return
            try:
                data, fds = wire.receive(self._sock)
            except BlockingIOError:
                return
            except OSError:
                data, fds = b"", []
            if not data:
                self._lost()
                return
            message = wire.decode(data) or {}
            future = self._waiting.pop(message.get("id", 0), None)
            if future is not None and not future.done():
                future.set_result((message, fds))
                continue
            wire.discard(fds)
            if "event" in message and self._on_event is not None:
                self._on_event(message)

    def _lost(self) -> None:
        if not self.closed:
            self.close()
            if self._on_lost is not None:
                self._on_lost()

    def _gone(self) -> ConnectionResetError:
        return ConnectionResetError(errno.ECONNRESET, f"{self._peer} is gone")
