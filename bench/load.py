"""The load generator: wrk with prepared requests."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("requests.lua")


class CannotMeasure(Exception):
    """What is missing, and how to get it."""


@dataclass(frozen=True)
class Measured:
    """One run. Latencies are in milliseconds; ``failed`` counts broken connections and statuses of 400 and above."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def wrk(url: str, requests: Sequence[bytes], *, connections: int, seconds: int) -> Measured:
    """Send requests in turn over so many keep-alive connections. Raises CannotMeasure when wrk is missing."""
    program = shutil.which("wrk")
    if program is None:
        raise CannotMeasure("wrk is not installed (on Debian: apt-get install wrk)")
    with tempfile.NamedTemporaryFile(prefix="bench-requests-") as file:
        for request in requests:
            file.write(b"%d\n" % len(request) + request)
        file.flush()
        line = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
        done = subprocess.run([*line, url, "--", file.name], capture_output=True, text=True)
    if done.returncode:
        raise CannotMeasure(f"wrk failed: {done.stdout}{done.stderr}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    failed = found["status"] + found["broken"]
    return Measured(found["requests"], found["seconds"], found["p50"], found["p99"], failed)


def get(host: str, path: str = "/") -> bytes:
    """A plain GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()


def middle(runs: Sequence[Measured]) -> Measured:
    """The run with the median rate."""
    return sorted(runs, key=lambda run: run.rate)[len(runs) // 2]
