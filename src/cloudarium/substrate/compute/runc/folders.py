"""Where containers are kept: ``<root>/<id>`` outlives the process tree, ``<root>/.run/<id>`` does not.

The latter is a tmpfs mounted in the cloud's own mount namespace, for sockets and runc's own notes: it is gone when the
last process is, however that ended.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

_MS_NOSUID, _MS_NODEV = 2, 4
_RUN = ".run"


class Folders:
    """``root`` need not exist; ``volatile`` keeps everything in memory, nothing outlives the tree then."""

    def __init__(self, root: Path, volatile: bool) -> None:
        self.root = root
        self.run = root / _RUN
        self._volatile = volatile

    def exist(self) -> bool:
        """Whether there ever was a container here."""
        return self.root.is_dir()

    def prepare(self) -> None:
        """Make them. Raises OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._volatile:
            self._mount(self.root)
            self.run.mkdir(mode=0o700, exist_ok=True)
        else:
            self.run.mkdir(mode=0o700, exist_ok=True)
            self._mount(self.run)
        (self.run / "runc").mkdir(mode=0o700, exist_ok=True)

    @staticmethod
    def _mount(target: Path) -> None:
        if os.path.ismount(target):
            return  # by a cloud before this one, in the same tree
        libc = ctypes.CDLL(None, use_errno=True)
        flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV)
        if libc.mount(b"cloudarium", os.fsencode(target), b"tmpfs", flags, b"mode=700") != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"mounting a tmpfs at {target}: {os.strerror(number)}")

    def ids(self) -> list[str]:
        """The containers that left something."""
        try:
            return sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir() and entry.name != _RUN)
        except FileNotFoundError:
            return []

    def make(self, id_: str) -> tuple[Path, Path]:
        """The folders of a new container. Raises FileExistsError."""
        folder, run = self.root / id_, self.run / id_
        folder.mkdir(mode=0o700)
        (folder / "log").mkdir(mode=0o700)
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(mode=0o700)
        return folder, run

    def remove(self, id_: str) -> None:
        """Remove a container's."""
        shutil.rmtree(self.run / id_, ignore_errors=True)
        shutil.rmtree(self.run / "runc" / id_, ignore_errors=True)
        shutil.rmtree(self.root / id_, ignore_errors=True)

    def close(self) -> None:
        """Leave no empty folder behind where nothing is to be kept."""
        if self._volatile and self.root.is_dir():
            libc = ctypes.CDLL(None)
            if libc.umount2(os.fsencode(self.root), 2) == 0 or not any(self.root.iterdir()):
                self.root.rmdir()
