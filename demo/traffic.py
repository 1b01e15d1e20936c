"""Steady traffic to a load balancer, and who answered it."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter

RATE = 40
"""Requests per second and path."""


class Traffic:
    """One client per path, each with a connection of its own, until stopped."""

    def __init__(self, port: int, host: str, paths: tuple[str, ...]) -> None:
        self._port, self._host = port, host
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {path: Counter() for path in paths}
        self._threads = [threading.Thread(target=self._run, args=(path,), daemon=True) for path in paths]
        for thread in self._threads:
            thread.start()

    def take(self) -> dict[str, Counter[str]]:
        """Answers per path since the last call: by colour, or by status where no program answered."""
        with self._lock:
            taken, self._counts = self._counts, {path: Counter() for path in self._counts}
        return taken

    def stop(self) -> None:
        """End it."""
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        while not self._end.is_set():
            began = time.monotonic()
            try:
                connection.request("GET", path, headers={"Host": self._host})
                answer = connection.getresponse()
                answer.read()
                who = answer.getheader("X-Colour") or str(answer.status)
            except (OSError, http.client.HTTPException):
                connection.close()
                who = "none"
            with self._lock:
                self._counts[path][who] += 1
            self._end.wait(max(0.0, 1 / RATE - (time.monotonic() - began)))
