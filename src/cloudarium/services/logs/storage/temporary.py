"""A folder for a cloud that keeps nothing (``--ephemeral``): gone with it, also when it was killed.

The folder's owner holds a lock on a file in it, which the kernel lets go of however the owner dies. Whoever makes the
next folder removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "cloudarium-logs-"


class TemporaryFolder:
    """A fresh folder until ``remove``."""

    def __init__(self) -> None:
        base = Path(tempfile.gettempdir())
        for other in base.glob(f"{_PREFIX}*"):
            _remove_abandoned(other)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_abandoned(folder: Path) -> None:
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            return
        # Without the lock file its owner is just about to make it.
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        # Somebody lives there.
        return
    finally:
        os.close(lock)
