"""Where a cloud leaves word of itself, and the locks that keep two clouds apart.

One private folder per port holds ``lock`` and ``state.json``. Locks are flocks on descriptors that every process of
the tree inherits by fork, so a lock is free only when the whole tree is gone, however it ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Locked(Exception):
    """Somebody else holds the lock; ``holder`` is what they wrote into it."""

    def __init__(self, path: str, holder: dict[str, Any]) -> None:
        super().__init__(f"{path} is locked")
        self.holder = holder


class Lock:
    """An exclusive lock file that says who holds it."""

    def __init__(self, path: str, holder: dict[str, Any]) -> None:
        """Take the lock. Raises Locked at once when it is taken, OSError when the file cannot be made."""
        self.path = path
        while True:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _parse(os.pread(self._fd, 4096, 0))
                os.close(self._fd)
                raise Locked(path, holder) from None
            if self._is_current():
                break
            # Its last holder removed the file between our open and our lock: that lock protects nothing.
            os.close(self._fd)
        self.rewrite(holder)

    def _is_current(self) -> bool:
        try:
            ours, there = os.fstat(self._fd), os.stat(self.path)
        except OSError:
            return False
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)

    def rewrite(self, holder: dict[str, Any]) -> None:
        """Say anew who holds it."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps(holder).encode(), 0)

    def release(self) -> None:
        """Remove the file, and its folder when nothing else is in it, and give the lock up."""
        for remove, path in ((os.unlink, self.path), (os.rmdir, os.path.dirname(self.path))):
            try:
                remove(path)
            except OSError:
                pass
        os.close(self._fd)


def holder_of(path: str) -> dict[str, Any] | None:
    """What the holder of a lock wrote into it; None when nobody holds it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _parse(os.pread(fd, 4096, 0))
    finally:
        os.close(fd)
    return None


def is_running(port: int) -> bool:
    """Whether this user has a cloud on ``port``, ready or not."""
    return holder_of(os.path.join(runtime_dir(port), "lock")) is not None


def running_ports() -> list[int]:
    """The ports of this user's clouds."""
    try:
        names = os.listdir(os.path.dirname(runtime_dir(0)))
    except OSError:
        return []
    return sorted(port for name in names if name.isdigit() and is_running(port := int(name)))


def _parse(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def runtime_dir(port: int) -> str:
    """The runtime folder of the cloud on ``port``, which need not exist."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and _is_ours(base):
        parent = os.path.join(base, "cloudarium")
    else:
        parent = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"cloudarium-{os.getuid()}")
    return os.path.join(parent, str(port))


def _is_ours(folder: str) -> bool:
    """Whether a folder is this user's: after ``su`` the variable often still names somebody else's."""
    try:
        return os.stat(folder).st_uid == os.getuid()
    except OSError:
        return False


def make_runtime_dir(port: int) -> str:
    """Make the runtime folder, readable by its owner only. Raises PermissionError when someone else made it."""
    path = runtime_dir(port)
    for folder in (os.path.dirname(path), path):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{folder} is not a folder of this user")
        if found.st_mode & 0o077:
            os.chmod(folder, 0o700)
    return path


def default_data_dir(port: int) -> str:
    """Where state is kept unless told otherwise: ``$XDG_DATA_HOME/cloudarium/<port>``."""
    base = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(base, "cloudarium", str(port))


def write_state(folder: str, state: dict[str, Any]) -> None:
    """Replace ``state.json`` whole."""
    scratch = os.path.join(folder, "state.json.new")
    with open(scratch, "w") as file:
        json.dump(state, file)
    os.replace(scratch, os.path.join(folder, "state.json"))


def read_state(folder: str) -> dict[str, Any]:
    """What the cloud said of itself; empty when there is nothing."""
    try:
        with open(os.path.join(folder, "state.json"), "rb") as file:
            return _parse(file.read())
    except OSError:
        return {}


def remove_state(folder: str) -> None:
    """Remove what ``write_state`` made; to be called while the lock is still held."""
    for name in ("state.json", "state.json.new"):
        try:
            os.unlink(os.path.join(folder, name))
        except OSError:
            pass
