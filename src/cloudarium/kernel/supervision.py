"""Child processes of the cloud: started, watched, restarted, and never left behind.

Children are executed, not forked: the cloud has threads and an event loop that a fork would copy in an unknown state.
Each is the leader of a process group, asks the kernel to die with the cloud, and has a ``Channel`` to it.

Waits here are host time (the loop's): processes live in the host's world, and a node that died while the cloud's
clock is frozen has to come back all the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudarium.kernel.channel import Channel
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.restarts import RestartBudget

__all__ = ["Channel", "Child", "Exit", "Supervisor"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exit:
    """How a child ended. ``code`` is None when ``signal`` killed it."""

    code: int | None
    signal: int | None
    restarting: bool

    def __str__(self) -> str:
        return f"killed by signal {self.signal}" if self.signal else f"status {self.code}"


class Child:
    """A supervised process; the same object across restarts.

    Attributes:
        name: what it is called in logs and ``status``.
        pid: of the running process, None while there is none.
        channel: to the running process; a new one after each restart. None while there is none.
        restarts: how often it was started again.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int], list[str]],
        fds: Sequence[int],
        env: Mapping[str, str] | None,
        output: int | None,
        on_message: Callable[[Child, bytes, list[int]], object] | None,
        on_start: Callable[[Child], object] | None,
        on_exit: Callable[[Child, Exit], object] | None,
        budget: RestartBudget | None,
        clock: Clock,
    ) -> None:
        self.name = name
        self.pid: int | None = None
        self.channel: Channel | None = None
        self.restarts = 0
        self._command = command
        self._fds = fds
        self._env = env
        self._output = output
        self._on_message = on_message
        self._on_start = on_start
        self._on_exit = on_exit
        self._budget = budget
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._restart: asyncio.TimerHandle | None = None
        self._stopping = False
        self._gone = asyncio.Event()
        self._gone.set()

    @property
    def running(self) -> bool:
        """Whether there is a process now."""
        return self.pid is not None

    async def stop(self, grace: float = 5.0) -> None:
        """End it for good: SIGTERM, and SIGKILL to its whole process group after ``grace`` host seconds."""
        self._stopping = True
        if self._restart is not None:
            self._restart.cancel()
        self._signal(signal.SIGTERM)
        deadline = self._loop.call_later(grace, self.kill)
        try:
            await self._gone.wait()
        finally:
            deadline.cancel()
            self.kill()

    def kill(self) -> None:
        """Kill its process group now. Without ``stop`` before, it is restarted as after any death."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.pid is not None:
            try:
                os.killpg(self.pid, number)
            except (ProcessLookupError, PermissionError):
                pass

    def _launch(self) -> None:
        """Start a process. Must run on the loop's own thread: the kernel ties the death signal to the thread."""
        ours, theirs = Channel.pair()
        with theirs:
            try:
                self._process = process = subprocess.Popen(
                    self._command(theirs.fileno()),
                    pass_fds=(theirs.fileno(), *self._fds),
                    env=None if self._env is None else {**os.environ, **self._env},
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    stderr=self._output,
                    process_group=0,
                )
            except BaseException:
                ours.close()
                raise
        self.pid = process.pid
        self._gone.clear()
        self.channel = Channel(ours, self._received)
        pidfd = os.pidfd_open(process.pid)
        self._loop.add_reader(pidfd, self._ended, process, pidfd)
        if self._on_start is not None:
            self._on_start(self)

    def _received(self, message: bytes, fds: list[int]) -> None:
        if self._on_message is not None:
            self._on_message(self, message, fds)
        else:
            for fd in fds:
                os.close(fd)

    def _ended(self, process: subprocess.Popen[bytes], pidfd: int) -> None:
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        # What it started itself goes with it; before reaping, while its id cannot mean anyone else.
        self._signal(signal.SIGKILL)
        status = process.wait()
        self.pid = None
        self._restart = None
        if self.channel is not None:
            self.channel.hang_up()
            self.channel = None
        restarting = self._schedule_restart()
        end = Exit(status if status >= 0 else None, -status if status < 0 else None, restarting)
        if not self._stopping:
            log.warning("%s ended: %s; %s", self.name, end, "starting again" if restarting else "not started again")
        self._gone.set()
        if self._on_exit is not None:
            self._on_exit(self, end)

    def _schedule_restart(self) -> bool:
        if self._budget is None or self._stopping:
            return False
        delay = self._budget.spend(self._clock.host_time())
        if delay is None:
            return False
        self._restart = self._loop.call_later(delay, self._relaunch)
        return True

    def _relaunch(self) -> None:
        self._restart = None
        if self._stopping:
            return
        self.restarts += 1
        try:
            self._launch()
        except OSError as error:
            log.error("%s could not be started again: %s", self.name, error)
            self._schedule_restart()


class Supervisor:
    """The children of this process. Make it on the running loop; ``close`` it before the loop ends."""

    def __init__(self, clock: Clock) -> None:
        """``clock`` is asked for host time only, see the module's docstring."""
        self._clock = clock
        self._children: list[Child] = []
        self._closed = False

    @property
    def children(self) -> list[Child]:
        """Those that run or will run again, oldest first."""
        return [child for child in self._children if child.running or child._restart is not None]

    def processes(self) -> list[dict[str, Any]]:
        """``{"name", "pid"}`` of each child that runs now, with the ids of this process's pid namespace."""
        return [{"name": child.name, "pid": child.pid} for child in self._children if child.running]

    def start(
        self,
        name: str,
        target: str | Sequence[str],
        *,
        fds: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
        output: int | None = None,
        on_message: Callable[[Child, bytes, list[int]], object] | None = None,
        on_start: Callable[[Child], object] | None = None,
        on_exit: Callable[[Child, Exit], object] | None = None,
        restart: RestartBudget | None = None,
    ) -> Child:
        """Start a child process.

        Args:
            name: for people.
            target: ``module:function``, called in a fresh interpreter as ``function(channel_fd, *fds)``; or the
                arguments of a program, in which ``{channel}`` stands for the descriptor of its channel.
            fds: further descriptors to inherit, under the same numbers; they stay the caller's, and must stay open
                for restarts.
            env: added to the environment.
            output: a descriptor, or ``subprocess.DEVNULL``, for its stdout and stderr; by default the cloud's.
            on_message: ``(child, message, fds)`` from its channel; owns the descriptors.
            on_start: called after each start, also the first, before anything is received: the place to send what
                a fresh process must know.
            on_exit: ``(child, exit)`` after each end.
            restart: how often to start it again after it ended by itself; None: never.

        Raises OSError when it cannot be started, RuntimeError after ``close``.
        """
        if self._closed:
            raise RuntimeError("the cloud is stopping")
        head = [sys.executable, "-P", "-m", "cloudarium.kernel.child_main", str(os.getpid())]
        extra = [str(fd) for fd in fds]

        def command(channel_fd: int) -> list[str]:
            if isinstance(target, str):
                return [*head, "call", target, str(channel_fd), *extra]
            return [*head, "exec", *(argument.replace("{channel}", str(channel_fd)) for argument in target)]

        child = Child(name, command, fds, env, output, on_message, on_start, on_exit, restart, self._clock)
        child._launch()
        self._children = [*self.children, child]
        return child

    async def close(self, grace: float = 3.0) -> None:
        """Stop all children at the same time; see ``Child.stop``."""
        self._closed = True
        await asyncio.gather(*(child.stop(grace) for child in self._children))
        self._children.clear()


def inherited_channel(fd: int) -> socket.socket:
    """In a child: the socket of its channel, from the descriptor its entry was called with; closed on exec again."""
    os.set_inheritable(fd, False)
    return socket.socket(fileno=fd)
