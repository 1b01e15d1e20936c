"""The agent's own log: ``amazon-cloudwatch-agent.log``, one line per event, rotated at 100 MB, five kept for a week.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-Configuration-File-Details.html
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import time
from datetime import UTC, datetime
from threading import Lock

_LARGEST = 100 * 1_048_576
_KEPT, _KEPT_SECONDS = 5, 7 * 86_400


class Journal:
    """Writes to ``path``, or to standard error without one. Safe to use from several threads."""

    def __init__(self, path: str | None, *, debug: bool = False, largest: int = _LARGEST) -> None:
        self._path, self._debug, self._largest = path, debug, largest
        self._lock = Lock()

    def info(self, text: str) -> None:
        """Something that should be known."""
        self._write("I!", text)

    def warning(self, text: str) -> None:
        """Something that went wrong, or is lost."""
        self._write("W!", text)

    def error(self, text: str) -> None:
        """Something that stops the agent."""
        self._write("E!", text)

    def debug(self, text: str) -> None:
        """Something for those who asked for it (``"debug": true``)."""
        if self._debug:
            self._write("D!", text)

    def _write(self, level: str, text: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        line = f"{now} {level} {text}\n".encode(errors="replace")
        with self._lock:
            if self._path is None:
                sys.stderr.buffer.write(line)
                sys.stderr.flush()
                return
            try:
                # Opened for every line: somebody may rotate or remove the file.
                with open(self._path, "ab") as file:
                    file.write(line)
                    size = file.tell()
                if size > self._largest:
                    self._rotate()
            except OSError:
                pass  # a full disk must not end the agent

    def _rotate(self) -> None:
        assert self._path is not None
        stem, _ = os.path.splitext(self._path)
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")[:-3]
        backup = f"{stem}-{stamp}.log"
        os.rename(self._path, backup)
        with open(backup, "rb") as source, gzip.open(backup + ".gz", "wb") as target:
            shutil.copyfileobj(source, target)
        os.unlink(backup)
        folder, name = os.path.split(stem)
        rotated = sorted(
            each for each in os.listdir(folder) if each.startswith(name + "-") and each.endswith(".log.gz")
        )
        for index, each in enumerate(reversed(rotated)):
            path = os.path.join(folder, each)
            if index >= _KEPT or time.time() - os.stat(path).st_mtime > _KEPT_SECONDS:
                os.unlink(path)
