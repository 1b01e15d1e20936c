"""The host agent: ``cloudarium up`` itself. Keeps the tree alive, or takes all of it down.

It owns what must outlive a crash of the cloud (the listening sockets) and every decision about restarts; init only
carries them out. A cloud that ends with status 0 wanted to stop, and the tree stops. A cloud that dies otherwise, and
an init that dies, are started again within a budget. A cloud that fails before it was ever ready is not tried again:
the same would happen.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

from cloudarium.kernel.parentage import adopt_orphans, set_name
from cloudarium.kernel.restarts import RestartBudget
from cloudarium.substrate.host import namespaces, proctree, wire
from cloudarium.substrate.host.listeners import Listeners
from cloudarium.substrate.host.loop import READ, Loop, Timer
from cloudarium.substrate.host.session import Session
from cloudarium.substrate.host.spawn import Spawned, spawn_init

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

CLOUD_ENTRY = "cloudarium.cloud:main"
STOP_SECONDS = 10.0
"""How long a cloud may take to stop in order before it is killed."""
RECLAIM_SECONDS = 30.0
"""How long a restarted cloud, once ready, may take to ask for its earlier listeners again."""


class Agent:
    """One cloud's process tree.

    Args:
        boot: the fields of ``Boot`` that are known beforehand (all but the descriptors and what the kernel grants).
        gateway: the listening socket of the one port.
        on_state: called with the facts (``pid``, ``init_pid``, ``phase``, ``namespaces``, ``reason``,
            ``pid_namespace``) whenever they change; ``phase`` is ``starting``, ``running``, ``restarting``.
        entry: the cloud's ``module:function``.
        modes: namespace modes to try, for tests; by default all that make sense for this user.
        anywhere: let the cloud open listeners on other addresses than loopback.
        in_child: run in each forked init, to close what only the agent should have.
        loop: the loop to run on, when something else is to be served as well.
    """

    def __init__(
        self,
        boot: dict[str, Any],
        gateway: socket.socket,
        on_state: Callable[[dict[str, Any]], object],
        *,
        entry: str = CLOUD_ENTRY,
        modes: list[str] | None = None,
        anywhere: bool = False,
        in_child: Callable[[], object] | None = None,
        loop: Loop | None = None,
    ) -> None:
        self._boot = boot
        self._gateway = gateway
        self._on_state = on_state
        self._entry = entry
        self._modes = modes or namespaces.candidates(os.geteuid())
        self._in_child_hook = in_child
        self._loop = loop or Loop()
        self._listeners = Listeners(anywhere)
        self._budget = RestartBudget()
        self._init: Spawned | None = None
        self._session: Session | None = None
        self._restart_timer: Timer | None = None
        self._ever_ready = False
        self._failure = ""
        self._starts = 0
        self._stopping = False
        self._result: int | None = None
        self.reason = ""
        """Why ``run`` returned something else than 0."""

    def run(self) -> int:
        """Run the tree until it is told to stop or cannot go on. Returns 0 or 1; nothing of the tree is left then."""
        set_name("cloudarium-host")
        adopt_orphans()
        _raise_descriptor_limit()
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        self._loop.watch(self._wake_read, READ, lambda _: self._on_signals())
        try:
            self._spawn()
            while self._result is None:
                self._loop.turn()
        except OSError as error:
            self.reason = str(error)
            self._result = 1
        finally:
            if self._session is not None:
                self._session.close()
            proctree.kill_children(os.getpid())
        return self._result if self._result is not None else 1

    # -- init ------------------------------------------------------------------------------------------------------

    def _spawn(self) -> None:
        self._init = init = spawn_init(self._entry, self._modes, self._in_child)
        # What worked once is asked for again: a restarted cloud must find itself in the same kind of world.
        self._modes = [init.mode]
        if "reason" not in self._boot:
            self._boot |= {"namespaces": init.mode != namespaces.NONE, "reason": init.reason}
        self._boot["private_proc"] = init.private_proc
        self._loop.watch(init.channel, READ, lambda _: self._on_init(init))
        self._start_cloud()
        self._publish("starting" if self._starts == 1 else "restarting")

    def _in_child(self) -> None:
        self._loop.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        if self._in_child_hook is not None:
            self._in_child_hook()

    def _start_cloud(self) -> None:
        if self._init is None:
            return
        boot = self._boot | {"gateway_fd": self._gateway.fileno(), "restarts": self._starts}
        self._starts += 1
        self._command({"do": "start", "boot": boot})

    def _command(self, message: dict[str, Any]) -> None:
        try:
            if self._init is not None:
                wire.send(self._init.channel, wire.encode(message))
        except OSError:
            pass  # init is dead or dying; its end is noticed by SIGCHLD

    def _on_init(self, init: Spawned) -> None:
        try:
            data, fds = wire.receive(init.channel)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        message = wire.decode(data) if data else None
        if message and message.get("event") == "cloud" and fds:
            import socket

            self._close_session()
            self._session = Session(self._loop, socket.socket(fileno=fds.pop(0)), self._listeners, self._on_cloud)
        elif message and message.get("event") == "exit":
            self._on_cloud_ended(message.get("code"), message.get("signal"))
        elif not data:
            self._loop.unwatch(init.channel)
        wire.discard(fds)

    # -- the cloud's life ------------------------------------------------------------------------------------------

    def _on_cloud(self, event: str, detail: str) -> None:
        if event == "ready":
            self._ever_ready = True
            self._failure = ""
            self._loop.call_later(RECLAIM_SECONDS, self._listeners.sweep)
            self._publish("running")
        elif event == "failed":
            self._failure = detail

    def _on_cloud_ended(self, code: int | None, number: int | None) -> None:
        if self._session is not None:
            self._session.hear_out()
        self._close_session()
        if self._stopping:
            self._dismiss_init()
        elif code == 0:
            self._stop(0, "")
        else:
            how = f"was killed by {_signal_name(number)}" if number else f"ended with status {code}"
            if self._failure:
                how = f"failed ({self._failure})"
            self._recover(f"the cloud {how}", self._start_cloud, hopeless=bool(self._failure) and not self._ever_ready)

    def _on_init_ended(self) -> None:
        init, self._init = self._init, None
        if init is not None:
            self._loop.unwatch(init.channel)
            init.channel.close()
        self._close_session()
        proctree.kill_children(os.getpid())
        if self._stopping:
            self._result = 1 if self.reason else 0
        else:
            self._recover("init was killed", self._spawn)

    def _recover(self, what: str, again: Callable[[], object], hopeless: bool = False) -> None:
        delay = None if hopeless else self._budget.spend(self._loop.now())
        if delay is None:
            often = "" if hopeless else f", {self._budget.limit + 1} times within {self._budget.window:.0f} s"
            self._stop(1, f"{what}{often}")
            return
        print(f"cloudarium: {what}; starting again", file=sys.stderr, flush=True)
        self._publish("restarting")
        if self._restart_timer is not None:
            self._restart_timer.cancel()
        self._restart_timer = self._loop.call_later(delay, lambda: self._restart(again))

    def _restart(self, again: Callable[[], object]) -> None:
        try:
            again()
        except OSError as error:
            self._stop(1, f"starting again failed: {error}")

    def _close_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    # -- the end ---------------------------------------------------------------------------------------------------

    def _on_signals(self) -> None:
        for number in os.read(self._wake_read, 512):
            if number == signal.SIGCHLD:
                self._reap()
            elif self._stopping:
                self._kill_init()
            else:
                self._stop(0, "")

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._init is not None and pid == self._init.pid:
                self._on_init_ended()

    def _stop(self, code: int, reason: str) -> None:
        self._stopping = True
        self.reason = reason
        if self._restart_timer is not None:
            self._restart_timer.cancel()
        if self._init is None:
            self._result = code
        elif self._session is None:
            self._dismiss_init()
        else:
            self._command({"do": "stop"})
            self._loop.call_later(STOP_SECONDS, self._lose_patience)

    def _dismiss_init(self) -> None:
        """Close the channel to init, which then ends, and with it everything below."""
        if self._init is not None:
            self._loop.unwatch(self._init.channel)
            self._init.channel.close()
            self._loop.call_later(STOP_SECONDS, self._kill_init)

    def _lose_patience(self) -> None:
        if self._init is not None:
            print(f"cloudarium: the cloud did not stop within {STOP_SECONDS:.0f} s; killing it", file=sys.stderr)
            self._kill_init()

    def _kill_init(self) -> None:
        if self._init is not None:
            os.kill(self._init.pid, signal.SIGKILL)

    def _publish(self, phase: str) -> None:
        init = self._init
        self._on_state(
            {
                "phase": phase,
                "pid": os.getpid(),
                "init_pid": init.pid if init else None,
                "pid_namespace": proctree.pid_namespace(init.pid) if init and self._boot["namespaces"] else None,
                "namespaces": self._boot.get("namespaces", False),
                "reason": self._boot.get("reason", ""),
            }
        )


def _signal_name(number: int | None) -> str:
    try:
        return signal.Signals(number or 0).name
    except ValueError:
        return f"signal {number}"


def _raise_descriptor_limit() -> None:
    """Let the tree have as many descriptors as this user may: each connection is one, and shells start with 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        pass
