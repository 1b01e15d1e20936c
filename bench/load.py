"""The load generators: wrk with prepared requests, and threads that post bodies one after another."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
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


def post(port: int, requests: Sequence[bytes], headers: Mapping[str, str], connections: int) -> float:
    """Send all bodies to ``/`` over some connections, each as fast as it goes; the seconds it took."""
    waiting, failed = list(reversed(requests)), []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        with contextlib.suppress(IndexError):
            while True:
                connection.request("POST", "/", waiting.pop(), dict(headers))
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    failed.append(text)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise CannotMeasure(f"{len(failed)} calls failed: {failed[0][:200]!r}")
    return time.perf_counter() - begin
