"""Messages with descriptors between two processes of the cloud, on each side's event loop.

Over a SOCK_SEQPACKET socket pair. The kernel bounds a datagram by the socket's buffer, so a message goes as fragments:
one byte (1: more follow, 0: the last), then up to 60,000 bytes. Descriptors travel with the first fragment.
"""

from __future__ import annotations

import array
import asyncio
import errno
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence

FRAGMENT = 60_000
MESSAGE_LIMIT = 16 * 1024 * 1024
"""Bytes of one message, either way."""
MAX_FDS = 64
"""Descriptors with one message."""
BACKLOG_LIMIT = 64 * 1024 * 1024
"""Bytes waiting for a peer that does not read, before ``post`` refuses."""

_FD_SPACE = socket.CMSG_SPACE(MAX_FDS * array.array("i").itemsize)
_MORE, _LAST = b"\x01", b"\x00"
_TURN_LIMIT = 64


class _Fragment:
    """One datagram to send; ``done`` or ``owned`` descriptors are settled when it is on its way."""

    __slots__ = ("data", "done", "fds", "flag", "owned")

    def __init__(self, flag: bytes, data: memoryview) -> None:
        self.flag = flag
        self.data = data
        self.fds: Sequence[int] = ()
        self.owned = False
        self.done: asyncio.Future[None] | None = None

    def settle(self, error: BaseException | None = None) -> None:
        if self.owned:
            _close_all(self.fds)
        if self.done is not None and not self.done.done():
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)


class Channel:
    """One end. Messages arrive whole and in order."""

    def __init__(
        self,
        sock: socket.socket | int,
        on_message: Callable[[bytes, list[int]], object],
        on_close: Callable[[], object] | None = None,
    ) -> None:
        """Take over ``sock`` (a socket or its descriptor) on the running loop.

        ``on_message(message, fds)`` owns the descriptors it is given. ``on_close()`` is called once when the peer is
        gone or broke the framing, not after ``close``.
        """
        self._sock = sock if isinstance(sock, socket.socket) else socket.socket(fileno=sock)
        self._sock.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_close = on_close
        self._outgoing: deque[_Fragment] = deque()
        self._backlog = 0
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._parts_fds: list[int] = []
        self._buffer = bytearray(FRAGMENT + 1)
        self._received = 0
        self.closed = False
        self._loop.add_reader(self._sock.fileno(), self._read)

    @staticmethod
    def pair() -> tuple[socket.socket, socket.socket]:
        """Two connected sockets for two channels, closed on exec."""
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    async def send(self, message: bytes, fds: Sequence[int] = ()) -> None:
        """Send a message and wait until the kernel has all of it. The descriptors stay the caller's.

        Raises ConnectionResetError when the peer is gone, ValueError for what is too big.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue(message, fds, owned=False, done=done)
        await done

    def post(self, message: bytes, fds: Sequence[int] = ()) -> None:
        """Send a message without waiting. The descriptors are the channel's from here on, whatever happens.

        Raises ConnectionResetError when the peer is gone, BufferError when it has stopped reading, ValueError for
        what is too big.
        """
        try:
            if self._backlog > BACKLOG_LIMIT:
                raise BufferError("the other process does not read its messages")
            self._queue(message, fds, owned=True, done=None)
        except BaseException:
            _close_all(fds)
            raise

    def close(self) -> None:
        """Close this end; what waits to be sent is dropped and its senders get ConnectionResetError."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        _close_all(self._parts_fds)
        self._parts, self._parts_fds = [], []
        while self._outgoing:
            self._outgoing.popleft().settle(ConnectionResetError(errno.ECONNRESET, "the channel is closed"))

    def hang_up(self) -> None:
        """Deliver what a dead peer said last, then close; ``on_close`` is not called."""
        self._on_close = None
        before = -1
        while not self.closed and before != self._received:
            before = self._received
            self._read()
        self.close()

    def _queue(self, message: bytes, fds: Sequence[int], owned: bool, done: asyncio.Future[None] | None) -> None:
        if self.closed:
            raise ConnectionResetError(errno.ECONNRESET, "the channel is closed")
        if len(message) > MESSAGE_LIMIT or len(fds) > MAX_FDS:
            raise ValueError(f"{len(message)} bytes with {len(fds)} descriptors are too much for one message")
        view = memoryview(message)
        starts = range(0, max(1, len(message)), FRAGMENT)
        fragments = [_Fragment(_MORE, view[start : start + FRAGMENT]) for start in starts]
        fragments[0].fds, fragments[0].owned = fds, owned
        fragments[-1].flag, fragments[-1].done = _LAST, done
        idle = not self._outgoing
        self._outgoing.extend(fragments)
        self._backlog += len(message)
        if idle and not self._flush():
            self._loop.add_writer(self._sock.fileno(), self._on_writable)

    def _on_writable(self) -> None:
        if self._flush() and not self.closed:
            self._loop.remove_writer(self._sock.fileno())

    def _flush(self) -> bool:
        """Send what waits. False when the socket is full."""
        while self._outgoing:
            fragment = self._outgoing[0]
            ancillary = []
            if fragment.fds:
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fragment.fds))]
            try:
                self._sock.sendmsg([fragment.flag, fragment.data], ancillary, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno == errno.ETOOMANYREFS:
                    return False  # too many descriptors are in flight, until the peer reads some
                if error.errno != errno.EBADF:
                    self._lost()
                    return True
                # Our own socket is open, so a descriptor of this message was not: only the message is lost.
                while (dropped := self._sent()).flag == _MORE:
                    dropped.settle(error)
                dropped.settle(error)
                continue
            self._sent().settle()
        return True

    def _sent(self) -> _Fragment:
        fragment = self._outgoing.popleft()
        self._backlog -= len(fragment.data)
        return fragment

    def _read(self) -> None:
        for _ in range(_TURN_LIMIT):
            if self.closed:
                return
            try:
                size, ancillary, flags, _ = self._sock.recvmsg_into([self._buffer], _FD_SPACE, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            except OSError:
                self._lost()
                return
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
                    self._parts_fds.extend(fds)
            self._parts_size += size
            if size == 0 or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or self._parts_size > MESSAGE_LIMIT + 512:
                self._lost()
                return
            self._received += 1
            self._parts.append(bytes(self._buffer[1:size]))
            if self._buffer[0] == 0:
                message = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                fds_, self._parts, self._parts_fds, self._parts_size = self._parts_fds, [], [], 0
                self._on_message(message, fds_)

    def _lost(self) -> None:
        if not self.closed:
            self.close()
            if self._on_close is not None:
                self._on_close()


def _close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass  # it was never open: the message with it was refused for that
