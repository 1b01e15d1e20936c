"""Init: pid 1 of the cloud's namespaces (where there are any), parent of the cloud, reaper of everything below.

It decides nothing. The agent says ``start`` and ``stop``; init forks the cloud, tells the agent when it ended, and
kills what an ended cloud left behind. When the agent goes away init goes too, and the kernel kills all that lives in
the pid namespace of a dead pid 1. Without namespaces init is the subreaper of its descendants and kills them itself.

Some of what a cloud makes must outlive it: what its containers hang on. The cloud asks init to fork such a *keeper*.
Init knows keepers by having forked them, so nothing that runs below can pass for one. A dead cloud's keepers are
spared with all that is below them, which works because keepers are subreapers. When a keeper dies, what it kept
becomes init's child, and is killed: nothing lives without somebody who watches it.
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
    from collections.abc import Callable
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
        self._requests: socket.socket | None = None
        self._keepers: set[int] = set()
        self._poll = select.poll()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def run(self) -> NoReturn:
        """Serve until the agent goes away; never returns into the code that was forked."""
        try:
            self._prepare()
            self._poll.register(self._channel, select.POLLIN)
            self._poll.register(self._wake_read, select.POLLIN)
            while True:
                for fd, _ in self._poll.poll():
                    if fd == self._wake_read:
                        self._drain()
                    elif fd == self._channel.fileno():
                        if not self._obey():
                            self._finish()
                    elif self._requests is not None and fd == self._requests.fileno():
                        self._serve(self._requests)
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
        requests = None
        if self._namespaces and boot.get("private_proc"):
            # Without a pid namespace nothing would end what outlives the cloud, should init be killed; without a
            # /proc that shows it init could not tell whom to spare.
            self._requests, requests = wire.pair()
            boot = boot | {"init_fd": requests.fileno()}
        pid = os.fork()
        if pid == 0:
            ours.close()
            if self._requests is not None and requests is not None:
                self._requests.close()
                requests.detach()
            self._become_cloud(theirs, boot)
        theirs.close()
        if self._requests is not None and requests is not None:
            requests.close()
            self._poll.register(self._requests, select.POLLIN)
        self._cloud = pid
        wire.send(self._channel, wire.encode({"event": "cloud", "pid": pid}), [ours.fileno()])
        ours.close()

    def _become_cloud(self, channel: socket.socket, boot: dict[str, Any]) -> NoReturn:
        parent = 1 if self._namespaces else os.getppid()

        def cloud() -> int:
            die_with_parent(parent)
            set_name("cloudarium")
            return run_cloud(self._entry, channel, boot)

        self._become(cloud)

    def _become(self, what: Callable[[], int]) -> NoReturn:
        """In a fork: run ``what`` as a process group of its own and end with its status."""
        code = EXIT_FAILED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setpgid(0, 0)
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._channel.close()
            code = what()
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    # -- keepers ---------------------------------------------------------------------------------------------------

    def _serve(self, requests: socket.socket) -> None:
        """Fork a keeper for the cloud: ``{"id", "entry": "module:function", "arguments": […]}`` with descriptors.

        It runs ``function(fds, *arguments)``, which returns its exit status. The answer is ``{"id", "pid"}`` or
        ``{"id", "error"}``.
        """
        try:
            data, fds = wire.receive(requests)
        except OSError:
            data, fds = b"", []
        if not data:
            self._forget_requests()
            return
        message = wire.decode(data) or {}
        answer: dict[str, object] = {"id": message.get("id")}
        try:
            function = _entry(str(message["entry"]))
            pid = os.fork()
            if pid == 0:
                requests.close()
                self._become(lambda: int(function(fds, *message.get("arguments", ()))))
            self._keepers.add(pid)
            answer["pid"] = pid
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"[:1000]
        wire.discard(fds)
        try:
            wire.send(requests, wire.encode(answer))
        except OSError:
            pass

    def _forget_requests(self) -> None:
        if self._requests is not None:
            self._poll.unregister(self._requests)
            self._requests.close()
            self._requests = None

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._keepers:
                self._keepers.remove(pid)
                if status != 0:
                    cloud = [] if self._cloud is None else [self._cloud]
                    proctree.kill_children(os.getpid(), spare=[*self._keepers, *cloud])
            if pid == self._cloud:
                self._cloud = None
                self._forget_requests()
                # Whatever a dead cloud left would fight with what the next one makes.
                self._kill_all()
                code = os.waitstatus_to_exitcode(status)
                ended = {"code": code, "signal": None} if code >= 0 else {"code": None, "signal": -code}
                wire.send(self._channel, wire.encode({"event": "exit", **ended}))

    def _kill_all(self) -> None:
        if self._keepers:
            proctree.kill_children(os.getpid(), spare=self._keepers)
        elif self._namespaces:
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


def _entry(name: str) -> Callable[..., Any]:
    """Import ``module:function`` here, so that all keepers share its memory."""
    import gc
    import importlib

    module, _, function = name.partition(":")
    if module not in sys.modules:
        importlib.import_module(module)
        # What a collector touches is copied into each fork.
        gc.collect()
        gc.freeze()
    found: Callable[..., Any] = getattr(sys.modules[module], function)
    return found


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
