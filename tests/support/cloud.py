"""A cloud in a process tree of its own, started and stopped with the product's own commands."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.watchman import marked

from cloudarium.cli import admin
from cloudarium.cli.arguments import duration

ROOT = Path(__file__).parent.parent.parent
_MARK = "CLOUDARIUM_TEST_MARK"


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(condition: Callable[[], Any], what: str, host_seconds: float = 20.0) -> Any:
    """Wait for something outside the cloud's clock (a process, a socket); returns the first true answer.

    What the cloud does in its own time is never waited for: tests advance the clock.
    """
    end = time.monotonic() + host_seconds
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"still not so after {host_seconds} s: {what}")
        time.sleep(0.02)


class CommandFailed(AssertionError):
    """A command ended with another status than 0."""

    def __init__(self, command: list[str], done: subprocess.CompletedProcess[str]) -> None:
        self.status, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr
        super().__init__(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


class RunningCloud:
    """``cloudarium up --detach`` … ``cloudarium down``, with a port and folders of its own.

    ``prefix`` goes before every command (``setpriv …``) and ``python`` runs it, so that a cloud can belong to
    somebody else.
    """

    def __init__(
        self, *, ephemeral: bool = True, python: str = sys.executable, prefix: tuple[str, ...] = (), owner: int = -1
    ) -> None:
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        # Short and outside pytest's own tree: unix socket paths are limited, and other users must get in.
        self.folder = Path(tempfile.mkdtemp(prefix="cloudarium-test-"))
        for name in ("run", "data", "home", "tmp"):
            (self.folder / name).mkdir(mode=0o700)
        if owner >= 0:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, owner, owner)
        self.ephemeral = ephemeral
        self._mark = uuid.uuid4().hex
        self._python = python
        self._prefix = prefix
        packages = [str(ROOT / "src"), *(path for path in sys.path if path.endswith("site-packages"))]
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "PYTHONPATH": os.pathsep.join(packages),
            _MARK: self._mark,
        }

        # Should this process be killed, the fixtures' ends never run; this one's pipe then closes.
        watchman = [sys.executable, str(Path(__file__).with_name("watchman.py")), _MARK, self._mark, str(self.folder)]
        self._watchman = subprocess.Popen(watchman, stdin=subprocess.PIPE, start_new_session=True)

    # -- life ------------------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Start it and return once it is ready."""
        where = ["--ephemeral"] if self.ephemeral else ["--data", str(self.folder / "data")]
        self.run("up", *where, "--detach")

    def down(self) -> None:
        """Stop it and prove that nothing is left."""
        self.run("down")
        self.assert_gone()

    def remove(self) -> None:
        """Remove its folders, killing what a failed test may have left."""
        assert self._watchman.stdin is not None
        self._watchman.stdin.close()
        self._watchman.wait()

    def processes(self) -> list[int]:
        """Every process that was started below one of our commands: they inherit a mark in their environment."""
        return marked(_MARK, self._mark)

    def assert_gone(self) -> None:
        """No process of the tree is left, and its port is free."""
        until(lambda: not self.processes(), f"processes {self.processes()} of the cloud end", 5)
        # A killed process has no environment any more while the kernel still closes its sockets.
        until(self._port_is_free, f"port {self.port} is free", 5)

    def _port_is_free(self) -> bool:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", self.port))
            except OSError:
                return False
        return True

    # -- commands --------------------------------------------------------------------------------------------------

    def run(self, command: str, *arguments: str) -> str:
        """``cloudarium COMMAND --port … ARGUMENTS``; returns what it printed. Raises CommandFailed."""
        return self._finish([command, *self.which(), *arguments])

    def _finish(self, arguments: list[str]) -> str:
        line = [*self._prefix, self._python, "-m", "cloudarium", *arguments]
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise CommandFailed(line, done)
        return done.stdout

    def which(self) -> list[str]:
        """The option that says which cloud is meant."""
        return ["--port", str(self.port)]

    def json(self, command: str, *arguments: str) -> Any:
        """The same with ``--json``, parsed."""
        return json.loads(self.run(command, *arguments, "--json"))

    def attach(self, *options: str) -> Any:
        """``cloudarium --port … attach OPTIONS --json``: after ``attach``, ``--port`` is the target's."""
        return json.loads(self._finish([*self.which(), "attach", *options, "--json"]))

    def advance(self, seconds: str) -> None:
        """Let cloud time pass, as ``cloudarium clock advance`` does; a process each time would be most of a test.

        Programs live in the machine's time, which the cloud's clock cannot hurry: they get a moment of it, too.
        """
        admin.call(self.port, "POST", "clock", {"action": "advance", "seconds": duration(seconds)}, timeout=600)
        time.sleep(0.25)

    def now(self) -> float:
        """The cloud's time, in seconds since 1970, as ``cloudarium clock now`` has it."""
        return datetime.fromisoformat(admin.call(self.port, "GET", "clock")["now"]).timestamp()

    def pids(self) -> dict[str, int]:
        """The processes of the tree by name."""
        return {process["name"]: process["pid"] for process in self.json("status")["processes"]}

    # -- clients ---------------------------------------------------------------------------------------------------

    def client(self, service: str, region: str = "us-east-1", account: str = "000000000000") -> Any:
        """A boto3 client of an account (its id is the access key id)."""
        from tests.support.aws import client

        return client(service, self.endpoint, region, account)
