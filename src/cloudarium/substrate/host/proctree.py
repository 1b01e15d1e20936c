"""Reading /proc: who descends from whom, who listens on a port, which processes share a pid namespace.

Everything here is a guess about a moving target: processes that vanish meanwhile are left out.
"""

from __future__ import annotations

import os
import signal

# Host time: these are the host's processes.
from time import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NamedTuple

    class Process(NamedTuple):
        """One line of /proc/<pid>/stat."""

        pid: int
        name: str
        state: str
        parent: int
        session: int
        started: int
else:
    from collections import namedtuple

    Process = namedtuple("Process", "pid name state parent session started")


_REAP_PAUSE = 0.001
"""Host seconds."""


def read(pid: int) -> Process | None:
    """One process, or None when there is none. ``started`` is in clock ticks since boot: with it a pid is unique."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode(errors="replace")
    except OSError:
        return None
    # The name may contain anything, also spaces and parentheses; it ends at the last one.
    head, _, tail = text.rpartition(") ")
    fields = tail.split()
    return Process(
        pid=pid,
        name=head.partition("(")[2],
        state=fields[0],
        parent=int(fields[1]),
        session=int(fields[3]),
        started=int(fields[19]),
    )


def everyone() -> Iterator[Process]:
    """Every process this /proc shows."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (process := read(int(name))) is not None:
            yield process


def descendants(root: int) -> list[Process]:
    """All processes below ``root``, parents before children. Zombies count: they are not gone yet."""
    children: dict[int, list[Process]] = {}
    for process in everyone():
        children.setdefault(process.parent, []).append(process)
    found = list(children.get(root, []))
    for process in found:
        found.extend(children.get(process.pid, []))
    return found


def kill_children(parent: int, spare: Iterable[int] = ()) -> None:
    """Kill and reap all children of the calling process ``parent``, and those it inherits thereby, but ``spare``.

    Those below a spared one are spared with it, as long as it lives and is the subreaper of its descendants.
    """
    spared = set(spare)
    while victims := {child.pid for child in everyone() if child.parent == parent and child.pid not in spared}:
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            except PermissionError:
                spared.add(pid)  # it changed its user: not ours to kill
        _reap(victims - spared)


def _reap(victims: set[int]) -> None:
    """Reap killed children, in the order in which they end.

    Waiting for one may be for ever: the first process of a pid namespace does not end before the others in it are
    reaped, and one that joined from outside is ours to reap.
    """
    while victims:
        for pid in tuple(victims):
            try:
                ended = os.waitpid(pid, os.WNOHANG)[0] == pid
            except ChildProcessError:
                ended = True
            if ended:
                victims.remove(pid)
        if victims:
            sleep(_REAP_PAUSE)


def inner_pid(pid: int, depth: int) -> int | None:
    """The id that ``pid`` has ``depth`` pid namespaces below the one of this /proc; None when it has none there."""
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    return int(line.split()[1:][depth])
    except (OSError, IndexError):
        pass
    return None


def resident(pid: int) -> int | None:
    """Resident memory in KiB, counting shared pages in full."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except (OSError, IndexError):
        return None


def pid_namespace(pid: int) -> int | None:
    """Inode of the pid namespace of a process; None when it is gone or not ours to look at."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return None


def members(namespace: int) -> list[Process]:
    """The processes in a pid namespace, by its inode."""
    return [process for process in everyone() if pid_namespace(process.pid) == namespace]


def listener(port: int) -> Process | None:
    """Who listens on a TCP port, where this user may know."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        inodes |= {
            f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port
        }
    for process in everyone() if inodes else ():
        try:
            folder = f"/proc/{process.pid}/fd"
            if any(os.readlink(f"{folder}/{fd}") in inodes for fd in os.listdir(folder)):
                return process
        except OSError:
            continue
    return None
