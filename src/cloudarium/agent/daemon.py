"""One agent per folder: in the background, under another user if asked, found again by its lock and pid file.

The lock (``flock``) says whether an agent runs: it goes with the process, however that ends. The pid file only says
which process it is.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import select
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

_READY_SECONDS = 30.0
_ATTEMPTS = 5
"""Whoever only asks whether an agent runs holds the lock for a moment."""
_STOP_SECONDS = 15.0
"""An agent asked to stop sends what it has read, for five seconds at most; then it is killed."""


class NotStarted(Exception):
    """The agent did not start, for a reason worth telling."""


class Lock:
    """Held by the agent that runs in a folder."""

    def __init__(self, lock: Path, pid: Path) -> None:
        self._lock, self._pid = lock, pid
        self._fd: int | None = None

    def hold(self) -> None:
        """Take it and write the pid file. Raises NotStarted when another agent holds it."""
        self._fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt < _ATTEMPTS - 1:
                    time.sleep(0.02)
                    continue
                os.close(self._fd)
                self._fd = None
                raise NotStarted(f"an agent is running already with {self._lock}") from None
        self._pid.write_text(f"{os.getpid()}\n")

    def release(self) -> None:
        """Give it back."""
        if self._fd is not None:
            self._pid.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = None

    def holder(self) -> int | None:
        """The process that holds it, or None."""
        try:
            fd = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._read_pid()
        finally:
            os.close(fd)
        return None

    def _read_pid(self) -> int | None:
        end = time.monotonic() + 1.0  # whoever took the lock this moment is about to write it
        while True:
            try:
                return int(self._pid.read_text())
            except (OSError, ValueError):
                if time.monotonic() > end:
                    return None
                time.sleep(0.01)


def start(body: Callable[[Callable[[], None]], int]) -> int:
    """Run ``body`` in the background; returns its pid once it has called what it is given.

    Raises NotStarted with what it said when it ended before.
    """
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        _child(body, write_end)
    os.close(write_end)
    said = b""
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while not said.endswith(b"\0"):
            if not poll.poll(_READY_SECONDS * 1000):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise NotStarted(f"the agent was not ready within {_READY_SECONDS:.0f} s")
            chunk = pipe.read(65_536)
            if not chunk:
                break
            said += chunk
    if said == b"\0":
        return pid
    os.waitpid(pid, 0)
    raise NotStarted(said.rstrip(b"\0").decode(errors="replace") or "the agent ended before it was ready")


def _child(body: Callable[[Callable[[], None]], int], pipe: int) -> None:
    status = 1
    reported = False

    def ready() -> None:
        nonlocal reported
        reported = True
        os.write(pipe, b"\0")
        os.close(pipe)

    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for target in (0, 1, 2):
            os.dup2(null, target)
        status = body(ready)
    except BaseException as error:
        if not reported:
            said = str(error) if isinstance(error, NotStarted) else f"{type(error).__name__}: {error}"
            os.write(pipe, said.encode(errors="replace")[:4000] + b"\0")
    finally:
        os._exit(status)


def stop(lock: Lock) -> bool:
    """End the agent and wait until it has; False when none runs. Raises NotStarted when it cannot be ended."""
    pid = lock.holder()
    if pid is None:
        return False
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if lock.holder() != pid:
            return False
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(handle, number)
            if poll.poll(_STOP_SECONDS * 1000):
                return True
    except PermissionError:
        raise NotStarted(f"the agent (process {pid}) belongs to another user") from None
    finally:
        os.close(handle)
    raise NotStarted(f"the agent (process {pid}) does not end")


def started_at(pid: int) -> str:
    """When a process began, as ``date -Isec`` writes it in UTC; empty when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/stat", encoding="ascii") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    except (OSError, ValueError, IndexError, StopIteration):
        return ""
    begun = boot + ticks // os.sysconf("SC_CLK_TCK")
    return datetime.fromtimestamp(begun, UTC).isoformat(timespec="seconds")


def become(user: str, owned: list[Path]) -> None:
    """Go on as another user, who from then on owns the files below ``owned``. Raises NotStarted."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise NotStarted(f"run_as_user: there is no user {user}") from None
    if entry.pw_uid == os.geteuid():
        return
    if os.geteuid() != 0:
        raise NotStarted(f"run_as_user: only root can run the agent as {user}")
    for top in owned:
        for folder, _, names in os.walk(top):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    try:
        os.initgroups(user, entry.pw_gid)
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    except OSError as error:
        raise NotStarted(f"run_as_user: cannot become {user}: {error.strerror}") from None
    os.environ["HOME"], os.environ["USER"] = entry.pw_dir, user
