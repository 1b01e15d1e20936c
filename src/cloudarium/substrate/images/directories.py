"""The directories below one root, opened component by component without ever following a symbolic link."""

from __future__ import annotations

import contextlib
import errno
import os
from collections import OrderedDict

from cloudarium.substrate.images.errors import HostileArchive

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT = 64
_MAX_DEPTH = 512

Path = tuple[str, ...]


class Directories:
    """Keeps the latest ones open: archives list a directory's files one after another."""

    def __init__(self, root: str) -> None:
        self._root = os.open(root, _FLAGS)
        self._open: OrderedDict[Path, int] = OrderedDict()

    def open(self, path: Path) -> int:
        """The directory's descriptor, to be used before the next call. ``HostileArchive`` when a link is in the way."""
        return self._walk(path, make=False)

    def make(self, path: Path) -> int:
        """The same, making those that are missing, as root's with mode 0755."""
        return self._walk(path, make=True)

    def forget(self) -> None:
        """Close all but the root: a directory may have been removed."""
        while self._open:
            os.close(self._open.popitem()[1])

    def close(self) -> None:
        """Close everything."""
        self.forget()
        os.close(self._root)

    def _walk(self, path: Path, *, make: bool) -> int:
        if not path:
            return self._root
        if (known := self._open.get(path)) is not None:
            self._open.move_to_end(path)
            return known
        if len(path) > _MAX_DEPTH:
            raise HostileArchive("a name of too many directories")
        length = len(path)
        while length and path[:length] not in self._open:
            length -= 1
        current = self._open[path[:length]] if length else self._root
        for at in range(length, len(path)):
            current = self._step(current, path[at], make=make)
            self._open[path[: at + 1]] = current
        while len(self._open) > _KEPT and next(iter(self._open)) != path:
            os.close(self._open.popitem(last=False)[1])
        return current

    @staticmethod
    def _step(parent: int, name: str, *, make: bool) -> int:
        try:
            return os.open(name, _FLAGS, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise HostileArchive(f"a name leads through {name[:200]!r}, which is no directory") from error
            raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=parent)
        # The umask must not show in images.
        found = os.open(name, _FLAGS, dir_fd=parent)
        os.fchmod(found, 0o755)
        return found
