"""One running cloud as the agent sees it: a channel of requests and their answers.

Requests are ``{"id": n, "op": …}``; answers ``{"id": n, "ok": true, …}`` with a descriptor where one was asked for,
or ``{"id": n, "errno": …, "error": …}``. Operations: ``listen`` (host, port, kind), ``close`` (host, port),
``dial`` (host, port, timeout seconds, kind), ``ready``, ``stopping``, ``failed`` (reason); a kind is tcp or udp;
``pid`` (of a process within a pid namespace, by inode: its id on the host), ``namespace`` (pid of the host: a
descriptor of its network namespace, never the host's own). What cannot be understood is answered with EINVAL when it
has an id, else ignored.
"""

from __future__ import annotations

import errno
import socket
from collections import deque

from cloudarium.substrate.host import processes, wire
from cloudarium.substrate.host.dials import Dials, describe
from cloudarium.substrate.host.loop import READ, WRITE, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    import io
    from collections.abc import Callable
    from typing import Any

    from cloudarium.substrate.host.listeners import Listeners

    Given = socket.socket | io.FileIO

MAX_DIAL_SECONDS = 120.0
_LIFE = ("ready", "stopping", "failed")
_TURN_LIMIT = 64
"""Requests served before other sockets get their turn."""


class Session:
    """Serves one channel until it closes. Takes over ``channel``; ``tell(event, detail)`` hears of the life cycle."""

    def __init__(
        self,
        loop: Loop,
        channel: socket.socket,
        listeners: Listeners,
        tell: Callable[[str, str], object],
    ) -> None:
        self._loop = loop
        self._channel = channel
        self._listeners = listeners
        self._tell = tell
        self._dials = Dials(loop)
        self._outgoing: deque[tuple[bytes, Given | None]] = deque()
        self._closed = False
        channel.setblocking(False)
        loop.watch(channel, READ, self._on_event)

    def close(self) -> None:
        """Forget everything asked for but the listeners, which the agent keeps for the next cloud."""
        if self._closed:
            return
        self._closed = True
        self._loop.unwatch(self._channel)
        self._channel.close()
        self._dials.abandon()
        for _, sock in self._outgoing:
            if sock is not None:
                sock.close()
        self._outgoing.clear()
        self._listeners.orphan()

    def hear_out(self) -> None:
        """Hear what a dead cloud said last of its own life, before ``close``; its other requests are moot."""
        while not self._closed:
            try:
                data = self._channel.recv(wire.LIMIT)
            except OSError:
                return
            if not data:
                return
            message = wire.decode(data) or {}
            if message.get("op") in _LIFE:
                self._tell(message["op"], str(message.get("reason", "")))

    def _on_event(self, events: int) -> None:
        if events & WRITE:
            if self._flush() and not self._closed:
                self._loop.watch(self._channel, READ, self._on_event)
        elif events & READ:
            self._read()

    def _read(self) -> None:
        for _ in range(_TURN_LIMIT):
            # While an answer waits for room no more is asked: a cloud that does not read cannot make the agent grow.
            if self._closed or self._outgoing:
                return
            try:
                # Without room for ancillary data the kernel drops descriptors nobody asked for.
                data = self._channel.recv(wire.LIMIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            self._serve(wire.decode(data))

    def _serve(self, message: dict[str, Any] | None) -> None:
        if message is None or not isinstance(id_ := message.get("id"), int):
            return
        try:
            self._do(id_, message)
        except OSError as error:
            self._refuse(id_, error.errno or errno.EIO, error.strerror or str(error))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            self._refuse(id_, errno.EINVAL, f"not a request: {error!r}"[:200])

    def _do(self, id_: int, message: dict[str, Any]) -> None:
        op = message["op"]
        if op == "dial":
            timeout = float(message["timeout"])
            if not timeout > 0:  # written so that NaN is refused too
                raise ValueError("timeout must be above 0")
            timeout = min(timeout, MAX_DIAL_SECONDS)
            host, port, kind = _host(message), _port(message), _kind(message)
            self._dials.start(host, port, timeout, kind, lambda sock, result: self._dialed(id_, sock, result))
        elif op == "listen":
            sock, port = self._listeners.listen(_host(message), _port(message), _kind(message))
            # A copy, since the answer may have to wait while the listener is closed.
            self._send({"id": id_, "ok": True, "port": port}, sock.dup())
        elif op == "close":
            self._listeners.close(_host(message), _port(message))
            self._send({"id": id_, "ok": True})
        elif op == "pid":
            self._send({"id": id_, "ok": True, "pid": processes.outer_pid(_pid(message), _integer(message, "within"))})
        elif op == "namespace":
            self._send({"id": id_, "ok": True}, processes.network_namespace(_pid(message)))
        elif op in _LIFE:
            self._send({"id": id_, "ok": True})
            self._tell(op, str(message.get("reason", "")))
        else:
            raise ValueError(f"no operation {op!r}")

    def _dialed(self, id_: int, sock: socket.socket | None, result: int) -> None:
        if sock is None:
            self._refuse(id_, result, describe(result))
        else:
            self._send({"id": id_, "ok": True}, sock)

    def _refuse(self, id_: int, number: int, text: str) -> None:
        self._send({"id": id_, "errno": number, "error": text})

    def _send(self, answer: dict[str, Any], given: Given | None = None) -> None:
        """Send an answer; ``given`` goes with it and is closed here."""
        if self._closed:
            if given is not None:
                given.close()
            return
        self._outgoing.append((wire.encode(answer), given))
        if len(self._outgoing) == 1 and not self._flush():
            self._loop.watch(self._channel, WRITE, self._on_event)

    def _flush(self) -> bool:
        """Send what waits. False when the channel is full."""
        while self._outgoing:
            data, given = self._outgoing[0]
            try:
                wire.send(self._channel, data, [given.fileno()] if given is not None else [])
            except BlockingIOError:
                return False
            except OSError:
                self.close()
                return True
            self._outgoing.popleft()
            if given is not None:
                given.close()
        return True


def _host(message: dict[str, Any]) -> str:
    host = message["host"]
    if not isinstance(host, str):
        raise TypeError("host is not a string")
    return "127.0.0.1" if host == "localhost" else host


def _pid(message: dict[str, Any]) -> int:
    return _integer(message, "pid")


def _integer(message: dict[str, Any], name: str) -> int:
    number = message[name]
    if type(number) is not int or number <= 0:
        raise ValueError(f"{number!r} is not a positive integer")
    return number


def _port(message: dict[str, Any]) -> int:
    port = message["port"]
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"{port!r} is not a port")
    return port


def _kind(message: dict[str, Any]) -> str:
    kind = message.get("kind", "tcp")
    if kind not in ("tcp", "udp"):
        raise ValueError(f"{kind!r} is neither tcp nor udp")
    return str(kind)
