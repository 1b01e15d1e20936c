"""MiniStack, another local emulator, installed from PyPI into an environment of its own, to be measured beside ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from load import CannotMeasure


def install() -> Path:
    """Its command, installed on first use below the user's cache folder. Raises CannotMeasure."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "cloudarium-bench" / "ministack"
    program = folder / "bin" / "ministack"
    if not program.exists():
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", "ministack"],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise CannotMeasure(f"{' '.join(command)} failed: {done.stderr.strip()[-300:]}")
    return program


def version(program: Path) -> str:
    """The version installed."""
    done = subprocess.run([str(program.with_name("pip")), "show", "ministack"], capture_output=True, text=True)
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    return lines.get("Version", "unknown")
