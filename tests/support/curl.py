"""curl, as a person would use it, with its answer taken apart."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back. ``status`` is 0 when nothing did; ``exit`` is curl's exit code (28: timed out)."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    exit: int

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def all(self, name: str) -> list[str]:
        """Every header of that name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def colour(self) -> str | None:
        """Which coloured program answered, if one did."""
        return self.header("X-Colour")

    def sent_header(self, name: str) -> str | None:
        """A header of the request as the program behind the load balancer saw it."""
        return next((value for key, value in self.json()["headers"] if key.lower() == name.lower()), None)


def curl(*arguments: str, max_time: int = 20) -> Answer:
    """Run curl. Never raises for what the server does."""
    done = _finish(start(*arguments, max_time=max_time))
    return done


@dataclass(frozen=True)
class Pending:
    """A curl that still waits for its answer."""

    process: subprocess.Popen[bytes]
    head: Path

    def answer(self) -> Answer:
        """Wait for the answer."""
        return _finish(self)

    def abandon(self) -> None:
        """Go away without waiting, as an impatient client."""
        self.process.kill()
        self.process.communicate()
        self.head.unlink(missing_ok=True)


def start(*arguments: str, max_time: int = 60) -> Pending:
    """Start a curl without waiting for it."""
    with tempfile.NamedTemporaryFile(prefix="curl-head-", delete=False) as file:
        head = Path(file.name)
    command = ["curl", "-q", "-s", "--noproxy", "*", "-D", str(head), "--max-time", str(max_time), *arguments]
    return Pending(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE), head)


def _finish(pending: Pending) -> Answer:
    body, _ = pending.process.communicate()
    head = pending.head.read_bytes().decode("latin-1")
    pending.head.unlink(missing_ok=True)
    blocks = [block for block in head.replace("\r\n", "\n").split("\n\n") if block.startswith("HTTP/")]
    status, headers = 0, []
    if blocks:
        first, *lines = blocks[-1].split("\n")
        status = int(first.split(" ", 2)[1])
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]
    return Answer(status, headers, body, pending.process.returncode)
