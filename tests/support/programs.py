"""Host programs that tests put behind load balancers; see ``tests/programs/coloured.py``."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

COLOURED = Path(__file__).parent.parent / "programs" / "coloured.py"


class Program:
    """A coloured web program in a process of its own."""

    def __init__(self, colour: str, python: str = sys.executable) -> None:
        self.colour = colour
        self.port = 0
        self.control = 0
        self._python = python
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, f"{self.colour} does not run"
        return self._process.pid

    def start(self) -> None:
        """Start, on the ports it had before when there was a before. Returns once it listens."""
        command = [self._python, str(COLOURED), "--colour", self.colour]
        command += ["--port", str(self.port), "--control", str(self.control)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.port, self.control = said["port"], said["control"]

    def kill(self) -> None:
        """``kill -9``."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def behave(self, kind: str, where: str = "/", **how: Any) -> None:
        """Change what it does for paths that begin with ``where``."""
        self._post("/behave", {"where": where, "how": {"kind": kind, **how}})

    def release(self) -> None:
        """Let go every request that is held."""
        self._post("/release", {})

    def forget(self) -> None:
        """Forget the requests seen so far."""
        self._post("/forget", {})

    def requests(self, prefix: str = "/") -> list[dict[str, Any]]:
        """The requests seen: path, method, agent."""
        return [r for r in self._stats()["requests"] if r["path"].startswith(prefix)]

    def held(self) -> int:
        """How many requests it holds right now."""
        return int(self._stats()["held"])

    def _stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/stats", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _post(self, path: str, fields: dict[str, Any]) -> None:
        data = json.dumps(fields).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control}{path}", data=data, timeout=10) as answer:
            answer.read()
