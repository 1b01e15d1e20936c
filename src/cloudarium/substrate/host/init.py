"""Init: pid 1 of the cloud's namespaces (where there are any), parent of the cloud, reaper of everything below.

It decides nothing. The agent says ``start`` and ``stop``; init forks the cloud, tells the agent when it ended, and
kills what an ended cloud left behind. When the agent goes away init goes too, and the kernel kills all that lives in
the pid namespace of a dead pid 1. Without namespaces init is the subreaper of its descendants and kills them itself.
"""

from __future__ import annotations

import os
import select
import signal
import sys

from cloudarium.kernel.parentage import adopt_orphans, die_with_parent, set_name
from cloudarium.substrate.host import proctree, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, NoReturn

EXIT_FAILED = 70
"""Exit status of a cloud whose entry raised: it has reported the reason on its channel."""


class Init:
    """The state of pid 1.

    Args:
        channel: SOCK_SEQPACKET to the agent. In: ``{"do": "start", "boot": {…}}``, ``{"do": "stop"}``. Out:
            ``{"event": "cloud", "pid": …}`` with the agent's end of the new cloud's channel, and
            ``{"event": "exit", "code": … | null, "signal": … | null}``.
        entry: ``module:function`` of the cloud.
        namespaces: whether this is pid 1 of a pid namespace.
    """

    def __init__(self, channel: socket.socket, entry: str, namespaces: bool) -> None:
        self._channel = channel
        self._entry = entry
        self._namespaces = namespaces
        self._cloud: int | None = None
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def run(self) -> NoReturn:
        """Serve until the agent goes away; never returns into the code that was forked."""
        try:
            self._prepare()
            poll = select.poll()
            poll.register(self._channel, select.POLLIN)
            poll.register(self._wake_read, select.POLLIN)
            while True:
                for fd, _ in poll.poll():
                    if fd == self._wake_read:
                        self._drain()
                    elif not self._obey():
                        self._finish()
                self._reap()
        except BaseException:
            # Pid 1 must not unwind into the agent's frames, whatever happened.
            import traceback

            traceback.print_exc()
            self._finish()

    def _prepare(self) -> None:
        set_name("cloudarium-init")
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._terminate_cloud())
        # The terminal's signals are the agent's business: it asks for an orderly stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if not self._namespaces:
            adopt_orphans()

    def _drain(self) -> None:
        try:
            while os.read(self._wake_read, 512):
                pass
        except BlockingIOError:
            pass

    def _obey(self) -> bool:
        """Do what one message says. False when the agent is gone."""
        try:
            data, fds = wire.receive(self._channel)
        except OSError:
            return False
        if not data:
            return False
        wire.discard(fds)
        message = wire.decode(data) or {}
        if message.get("do") == "start" and self._cloud is None:
            if self._namespaces:
                # Asked for now and not at fork: init had another parent until the agent adopted it (see spawn).
                # Without namespaces init must outlive the agent for the moment it takes to kill what is below.
                die_with_parent(None)
            self._start(message["boot"])
        elif message.get("do") == "stop":
            self._terminate_cloud()
        return True

    def _terminate_cloud(self) -> None:
        if self._cloud is not None:
            os.kill(self._cloud, signal.SIGTERM)

    def _start(self, boot: dict[str, Any]) -> None:
        ours, theirs = wire.pair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._become_cloud(theirs, boot)
        theirs.close()
        self._cloud = pid
        wire.send(self._channel, wire.encode({"event": "cloud", "pid": pid}), [ours.fileno()])
        ours.close()

    def _become_cloud(self, channel: socket.socket, boot: dict[str, Any]) -> NoReturn:
        parent = 1 if self._namespaces else os.getppid()
        code = EXIT_FAILED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            die_with_parent(parent)
            set_name("cloudarium")
            os.setpgid(0, 0)
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._channel.close()
            code = run_cloud(self._entry, channel, boot)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._cloud:
                self._cloud = None
                # Whatever a dead cloud left would fight with what the next one makes.
                self._kill_all()
                code = os.waitstatus_to_exitcode(status)
                ended = {"code": code, "signal": None} if code >= 0 else {"code": None, "signal": -code}
                wire.send(self._channel, wire.encode({"event": "exit", **ended}))

    def _kill_all(self) -> None:
        if self._namespaces:
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                pass
            while True:
                try:
                    os.waitpid(-1, 0)
                except ChildProcessError:
                    return
        else:
            proctree.kill_children(os.getpid())

    def _finish(self) -> NoReturn:
        if not self._namespaces:
            proctree.kill_children(os.getpid())
        os._exit(0)


def run_cloud(entry: str, channel: socket.socket, boot: dict[str, Any]) -> int:
    """Import the cloud and run it. Returns its exit status; a failure is printed and reported on its channel."""
    import importlib

    from cloudarium.substrate.host.boot import Boot

    module, _, function = entry.partition(":")
    try:
        channel_fd = channel.detach()
        getattr(importlib.import_module(module), function)(Boot(channel_fd=channel_fd, **boot))
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0 if exit_.code is None else 1
    except BaseException as error:
        import socket as sockets
        import traceback

        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"[:2000]
        try:
            reply = sockets.socket(fileno=channel_fd)
            reply.setblocking(True)
            wire.send(reply, wire.encode({"id": 0, "op": "failed", "reason": reason}))
        except OSError:
            pass  # the exit status alone has to do
        return EXIT_FAILED
    return 0
