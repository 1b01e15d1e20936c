"""Removes what a test's cloud may have left, as soon as its standard input closes: the test ended, or was killed.

watchman.py MARK VALUE FOLDER    kill every process with MARK=VALUE in its environment, remove FOLDER
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path


def marked(name: str, value: str) -> list[int]:
    """Every process whose environment has this variable: whatever was started below one that got it."""
    found, wanted = [], f"{name}={value}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in environment:
                found.append(int(entry.name))
    return found


def main(name: str, value: str, folder: str) -> None:
    """Wait, then clear up."""
    sys.stdin.buffer.read()
    for pid in marked(name, value):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
