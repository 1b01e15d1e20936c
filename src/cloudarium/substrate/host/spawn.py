"""Forking init: the only place where the agent's process is copied.

A pid namespace begins with the next child of whoever asked for it, so a short-lived middle process enters the
namespaces, forks pid 1 and ends; the agent, as subreaper, becomes pid 1's parent. Each mode is tried in a fresh
middle process. Init asks to die with the agent only when told to start, because that request is tied to the parent
it has at the time.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

from cloudarium.kernel.parentage import die_with_parent
from cloudarium.substrate.host import namespaces, wire
from cloudarium.substrate.host.init import Init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_HANDSHAKE_SECONDS = 10.0
_TRIES = 3


class Spawned:
    """An init that runs: ``pid`` on the host, ``channel`` to it, and what it got."""

    __slots__ = ("channel", "mode", "pid", "private_proc", "reason")

    def __init__(self, pid: int, channel: socket.socket, mode: str, private_proc: bool) -> None:
        self.pid = pid
        self.channel = channel
        self.mode = mode
        self.private_proc = private_proc
        self.reason = ""


def spawn_init(entry: str, modes: list[str], in_child: Callable[[], object]) -> Spawned:
    """Start init in the first of ``modes`` that the kernel grants.

    ``entry`` is the cloud's ``module:function``; ``in_child`` closes what init must not inherit. The caller must be a
    subreaper and have one thread. Raises OSError when no mode works, or init is killed again and again.
    """
    reason = ""
    for mode in modes:
        answer = _attempt(mode, entry, in_child)
        if isinstance(answer, Spawned):
            answer.reason = reason if mode == namespaces.NONE else ""
            return answer
        reason = answer
    raise OSError(reason)


def _attempt(mode: str, entry: str, in_child: Callable[[], object]) -> Spawned | str:
    """Start init in one mode; the kernel's refusal in words otherwise."""
    for _ in range(_TRIES):
        ours, theirs = wire.pair()
        agent = os.getpid()
        # What is still buffered would be printed once more by the child.
        sys.stdout.flush()
        sys.stderr.flush()
        middle = os.fork()
        if middle == 0:
            ours.close()
            _middle(mode, entry, agent, theirs, in_child)
        theirs.close()
        ours.settimeout(_HANDSHAKE_SECONDS)
        try:
            answer = _handshake(ours)
        except OSError:
            # Killed on the way: that says nothing about what the kernel grants. Init ends with its channel.
            ours.close()
            os.kill(middle, signal.SIGKILL)
            os.waitpid(middle, 0)
            continue
        if mode != namespaces.NONE:
            os.waitpid(middle, 0)
        if "init" in answer:
            ours.setblocking(False)
            return Spawned(int(str(answer["init"])), ours, mode, bool(answer["private_proc"]))
        ours.close()
        return namespaces.explain(int(str(answer["errno"])), str(answer["step"]))
    raise OSError(f"init was killed {_TRIES} times while it started")


def _handshake(channel: socket.socket) -> dict[str, object]:
    """The middle process's report, with what pid 1 adds: ``{"init", "private_proc"}`` or ``{"errno", "step"}``."""
    answer: dict[str, object] = {}
    while not ({"init", "private_proc"} <= answer.keys() or "errno" in answer):
        data, fds = wire.receive(channel)
        wire.discard(fds)
        if not data:
            raise OSError("it ended at once")
        answer |= wire.decode(data) or {}
    return answer


def _middle(mode: str, entry: str, agent: int, channel: socket.socket, in_child: Callable[[], object]) -> NoReturn:
    try:
        # A wakeup descriptor is shared with the agent: a signal here must not wake it.
        signal.set_wakeup_fd(-1)
        in_child()
        os.setsid()
        _stdin_from_null()
        if mode == namespaces.NONE:
            wire.send(channel, wire.encode({"init": os.getpid(), "private_proc": False}))
            Init(channel, entry, namespaces=False).run()
        die_with_parent(agent)
        try:
            namespaces.enter(mode)
        except OSError as error:
            wire.send(channel, wire.encode({"errno": error.errno or 0, "step": error.strerror or str(error)}))
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            wire.send(channel, wire.encode({"private_proc": namespaces.mount_private_proc()}))
            Init(channel, entry, namespaces=True).run()
        wire.send(channel, wire.encode({"init": pid}))
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def _stdin_from_null() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if null != 0:
        os.close(null)
