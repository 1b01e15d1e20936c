"""A log file that cannot grow without bound: two files, the older one thrown away when the newer is full."""

from __future__ import annotations

import os

LIMIT = 4 * 1024 * 1024
"""Bytes of the current file before it becomes ``<name>.1``."""


class LogSink:
    """Writes what the tree's processes print. They write into a pipe, so none of them can pass the bound."""

    def __init__(self, path: str, limit: int = LIMIT) -> None:
        """Append to ``path`` (made with mode 0600). Raises OSError."""
        self.path = path
        self._limit = limit
        self._open()

    def _open(self) -> None:
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._fd).st_size

    def write(self, data: bytes) -> None:
        """Append; a full disk loses lines rather than the cloud."""
        try:
            if self._size and self._size + len(data) > self._limit:
                os.close(self._fd)
                os.replace(self.path, self.path + ".1")
                self._open()
            self._size += os.write(self._fd, data)
        except OSError:
            pass


def tail(path: str, lines: int = 15) -> str:
    """The last lines of a log file; empty when there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
