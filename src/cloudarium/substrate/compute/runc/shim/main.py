"""A shim's life: from ``create`` to ``delete``, with or without a cloud that listens.

Requests are ``{"id", "do", …}``, answers ``{"id", …}`` or ``{"id", "error", "kind"}``; ``{"event": "exit"}`` and
``{"event": "exec-exit"}`` come unasked. What create needs is too much for a message, and is read from ``create.json``
in the container's folder.
"""

from __future__ import annotations

import os
import signal
import socket

from cloudarium.kernel.parentage import adopt_orphans, set_name
from cloudarium.substrate.compute.runc.shim.connection import Connection
from cloudarium.substrate.compute.runc.shim.container import Container, Refused
from cloudarium.substrate.host import wire
from cloudarium.substrate.host.loop import READ, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNCLAIMED_LIMIT = 16


def run(fds: list[int], folder: str, run_folder: str) -> int:
    """Be the shim of one container.

    ``fds``: the listening socket for later clouds, the socket to this one, a lock to hold as long as the container is
    there, and the network namespace if there is one. ``folder`` outlives the tree, ``run_folder`` does not.
    """
    return Shim(fds, folder, run_folder).run()


class Shim:
    """The process."""

    def __init__(self, fds: list[int], folder: str, run_folder: str) -> None:
        set_name("cloudarium-shim")
        adopt_orphans()
        os.chdir(run_folder)
        self._loop = Loop()
        self._children = Children(self._loop)
        listener, cloud, _lock, *network = fds
        self._container = Container(self._loop, self._children, folder, network[0] if network else None, self._tell)
        self._connection = Connection(
            self._loop, socket.socket(fileno=listener), self._serve, self._container.lose_cloud
        )
        self._connection.take(socket.socket(fileno=cloud))
        self._done = False

    def run(self) -> int:
        """Serve until the container is deleted."""
        while not self._done:
            self._loop.turn()
        return 0

    def _tell(self, event: dict[str, Any]) -> None:
        self._connection.send(event)

    def _serve(self, message: dict[str, Any], fds: list[int]) -> None:
        id_, generation = message.get("id"), self._connection.generation

        def answer(result: dict[str, Any], fd: int | None = None) -> None:
            self._connection.send({"id": id_, **result}, fd, generation)

        try:
            self._do(str(message.get("do")), message, fds, answer)
        except Refused as refused:
            answer({"error": str(refused), "kind": refused.kind})
        except OSError as error:
            answer({"error": _words(error), "kind": "failed"})
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}", "kind": "failed"})
            raise
        finally:
            wire.discard(fds)

    def _do(self, what: str, message: dict[str, Any], fds: list[int], answer: Any) -> None:
        container = self._container
        if what == "create":
            container.create(answer)
        elif what == "start":
            container.start(answer)
        elif what == "state":
            answer(container.state(), container.network)
        elif what == "signal":
            container.signal(int(message["signal"]))
            answer({})
        elif what == "exec":
            container.exec(message, fds, answer)
        elif what == "exec-signal":
            container.signal_exec(int(message["key"]), int(message["signal"]))
            answer({})
        elif what == "log-wait":
            container.wait_for_output(message["position"], answer)
        elif what == "log-acked":
            container.resume_output(message["position"])
        elif what == "delete":
            container.delete(lambda: self._finish(answer))
        else:
            raise Refused("invalid", f"no operation {what!r}")

    def _finish(self, answer: Any) -> None:
        answer({})
        self._done = True


def _words(error: OSError) -> str:
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return error.strerror or str(error)


class Children:
    """Processes below this one, and who wants to hear of their end."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._callbacks: dict[int, Any] = {}
        self._unclaimed: dict[int, int] = {}
        self._read, self._write = os.pipe()
        for fd in (self._read, self._write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        loop.watch(self._read, READ, lambda _: self._wake())

    def expect(self, pid: int, callback: Any) -> None:
        """Call ``callback(status)`` when it ends, also when it just did: one from runc may be gone before runc."""
        if (status := self._unclaimed.pop(pid, None)) is not None:
            self._loop.call_later(0, lambda: callback(status))
        else:
            self._callbacks[pid] = callback

    def _wake(self) -> None:
        os.read(self._read, 512)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (callback := self._callbacks.pop(pid, None)) is not None:
                callback(status)
                continue
            self._unclaimed[pid] = status
            if len(self._unclaimed) > _UNCLAIMED_LIMIT:
                del self._unclaimed[next(iter(self._unclaimed))]
