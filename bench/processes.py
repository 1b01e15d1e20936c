"""Starting what is measured, and weighing it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """This process's, without what changes how Python starts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {"PYTHONPATH": str(ROOT / "src")} | more


def cloudarium(*arguments: str) -> list[str]:
    """A cloudarium command line."""
    return [sys.executable, "-m", "cloudarium", *arguments]


def answers(port: int, request: bytes) -> bool:
    """Whether a server answers this request with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(request)
            return sock.recv(64).startswith((b"HTTP/1.1 200", b"HTTP/1.0 200"))
    except OSError:
        return False


@contextlib.contextmanager
def running(
    command: list[str], ready: Callable[[], bool], env: dict[str, str], folder: Path
) -> Iterator[tuple[int, float]]:
    """A server for the time of the block; gives its process id and the seconds from its start until ``ready``."""
    log = open(folder / "server.log", "ab")  # noqa: SIM115  (the process keeps it)
    began = time.perf_counter()
    process = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    log.close()
    try:
        while not ready():
            if process.poll() is not None or time.perf_counter() - began > 60:
                tail = (folder / "server.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{' '.join(command)} does not run:\n{tail}")
            time.sleep(0.002)
        yield process.pid, time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def pinned(processor: int) -> Iterator[None]:
    """What is started in the block stays on one processor, where there is more than one."""
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        os.sched_setaffinity(0, {sorted(before)[processor]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(root: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(") ")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def memory(pids: list[int]) -> tuple[float, float]:
    """Proportional and resident memory in MiB. RSS counts pages that processes share once for each."""
    pss = rss = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in ("Pss", "Rss"):
                    size = int(value.split()[0])
                    pss, rss = (pss + size, rss) if name == "Pss" else (pss, rss + size)
    return pss / 1024, rss / 1024


def cpu_seconds(pids: list[int]) -> float:
    """User and system time spent so far."""
    spent = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            spent += int(fields[11]) + int(fields[12])
    return spent / os.sysconf("SC_CLK_TCK")


class Watch:
    """The highest proportional memory of some processes while the block runs."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids
        self._end = threading.Event()
        self.before = memory(pids)[0]
        self.peak = self.before
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(0.1):
            self.peak = max(self.peak, memory(self._pids)[0])


def http_ok(port: int, path: str = "/") -> bool:
    """Whether a plain GET is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
