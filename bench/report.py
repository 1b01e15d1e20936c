"""Tables into docs/benchmarks.md, each between its own markers."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [f"| {' | '.join(head)} |", "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def conditions(**versions: str) -> str:
    """When, on what, with which versions, and what else ran."""
    ours = {name: metadata.version(name) for name in ("uvloop", "msgspec", "botocore")}
    shown = ", ".join(f"{name} {version}" for name, version in (ours | versions).items())
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · Linux {platform.release()}, {os.cpu_count()} cores "
        f"({_processor()}) · "
        f"Python {platform.python_version()} · {shown} · load average before: {load}"
    )


def publish(section: str, text: str) -> None:
    """Print a section, and put it in the place of its last edition."""
    print(f"\n{text}\n", flush=True)
    begin, end = f"<!-- {section}:begin -->", f"<!-- {section}:end -->"
    document = DOCUMENT.read_text()
    if begin not in document:
        sys.exit(f"{DOCUMENT} has no {begin}")
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    DOCUMENT.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", document))


def version_of(program: str, *arguments: str) -> str:
    """The first version number a program prints of itself."""
    path = shutil.which(program) or f"/usr/sbin/{program}"
    done = subprocess.run([path, *arguments], capture_output=True, text=True)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()
